"""Pruning a vocabulary to what the texts of some languages need."""

import json
import unicodedata
from collections.abc import Iterable
from typing import Any

import numpy
import torch
from tokenizers import Tokenizer
from torch import nn

from ..layers.bert import Bert

# Marks that a piece bears beside its characters.
_MARKS = ("▁", "##")


def check_vocabulary(encoder: Bert, tokenizer: Any) -> None:
    """RAISES: ValueError if this vocabulary can't be pruned."""
    kind = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["type"]
    if kind not in ("Unigram", "WordPiece"):
        raise ValueError(
            f"A vocabulary of the kind {kind} can't be pruned, only Unigram (XLM-R, "
            "xx_bertsum_mini) and WordPiece (BERT): leave out --prune-vocab"
        )
    # RoBERTa counts positions from the padding piece on, so that it has to stay where it is.
    if encoder.first_position and not _special(tokenizer).issuperset(
        range(encoder.config.pad_token_id)
    ):
        raise ValueError("This vocabulary's padding piece stands behind others: it can't be pruned")


def prune_vocabulary(encoder: Bert, tokenizer: Any, texts: Iterable[str]) -> Any:
    """Keep the pieces that occur in texts, and all single characters of their scripts.

    The texts themselves are divided as before. Other texts in these languages are too where their
    pieces are kept; a word whose pieces are gone is divided into smaller ones.

    encoder: Its word vectors are replaced in place.
    RETURNS: The new tokenizer.
    RAISES: ValueError if it can't be pruned, or there is no text.
    """
    check_vocabulary(encoder, tokenizer)
    spec = json.loads(tokenizer.backend_tokenizer.to_str())
    counts = numpy.zeros(len(tokenizer), dtype="i8")
    for text in filter(str.strip, texts):
        ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        counts += numpy.bincount(numpy.array(ids, dtype="i8"), minlength=len(counts))
    if not counts.any():
        raise ValueError("--prune-vocab needs texts in the languages to keep, and found none")
    kept = _choose(tokenizer, counts)
    numbers = {old: new for new, old in enumerate(kept)}
    renumber(spec, numbers)
    words = encoder.embeddings.word_embeddings.weight.detach()
    rows = torch.tensor(kept, device=words.device)
    encoder.embeddings["word_embeddings"] = nn.Embedding.from_pretrained(words[rows], freeze=False)
    encoder.config.vocab_size = len(kept)
    for name in ("pad_token_id", "bos_token_id", "eos_token_id"):
        old = getattr(encoder.config, name, None)
        if old is not None:
            setattr(encoder.config, name, numbers.get(old))
    settings = {
        name: value
        for name, value in tokenizer.init_kwargs.items()
        # Files and ids of the old one.
        if not name.endswith("_file") and name not in ("added_tokens_decoder", "tokenizer_object")
    }
    backend = Tokenizer.from_str(json.dumps(spec))
    return type(tokenizer)(tokenizer_object=backend, **settings)


def _special(tokenizer: Any) -> set[int]:
    return set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)


def _choose(tokenizer: Any, counts: numpy.ndarray) -> list[int]:
    """The ids to keep, ascending: special, seen, or a character of a script that was seen."""
    pieces = tokenizer.convert_ids_to_tokens(list(range(len(counts))))
    special = _special(tokenizer)
    scripts = {
        _script(char)
        for i in numpy.flatnonzero(counts)
        if i not in special
        for char in _strip(pieces[i])
    }
    return [
        i
        for i, piece in enumerate(pieces)
        if counts[i]
        or i in special
        or not _strip(piece)
        or (len(_strip(piece)) == 1 and _script(_strip(piece)) in scripts)
    ]


def _strip(piece: str) -> str:
    for mark in _MARKS:
        piece = piece.removeprefix(mark)
    return piece


def _script(char: str) -> str:
    """LATIN, CYRILLIC, CJK …: the first word of the name that Unicode gives a character."""
    return unicodedata.name(char, "?").split()[0].partition("-")[0]


def renumber(spec: dict[str, Any], numbers: dict[int, int]) -> None:
    """Take pieces out of the JSON of a tokenizer and give the others their new ids.

    numbers: The new ids of the pieces that stay, by their old ones.
    """
    model = spec["model"]
    if model["type"] == "Unigram":
        model["vocab"] = [entry for i, entry in enumerate(model["vocab"]) if i in numbers]
        if model.get("unk_id") is not None:
            model["unk_id"] = numbers[model["unk_id"]]
    else:
        old = sorted(model["vocab"].items(), key=lambda entry: entry[1])
        model["vocab"] = {piece: numbers[i] for piece, i in old if i in numbers}
    for token in spec["added_tokens"]:
        token["id"] = numbers[token["id"]]
    if spec.get("padding"):
        spec["padding"]["pad_id"] = numbers[spec["padding"]["pad_id"]]
    _renumber_template(spec.get("post_processor"), numbers)


def _renumber_template(node: Any, numbers: dict[int, int]) -> None:
    """What adds special pieces names them by id: {"ids": [2]}, "sep": ["[SEP]", 3]."""
    if isinstance(node, list):
        for child in node:
            _renumber_template(child, numbers)
    elif isinstance(node, dict):
        for key, child in node.items():
            if key == "ids":
                node[key] = [numbers[i] for i in child]
            elif key in ("sep", "cls") and isinstance(child, list):
                node[key] = [child[0], numbers[child[1]]]
            else:
                _renumber_template(child, numbers)

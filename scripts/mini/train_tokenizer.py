"""Step `tokenizer` of the embedded model: a vocabulary balanced over languages and scripts.

A Unigram model (Kudo 2018) over lower-cased NFKC text, trained on the same number of characters
from every language of ``DATA/text/mono`` and ``DATA/summarization``, so that no language owns it.
"""

import lzma
import random
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import srsly
import typer
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

SPECIAL_TOKENS = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
CHUNK_CHARS = 2_000
MARK = "▁"


def read_chunks(path: Path) -> Iterator[str]:
    """Yield the text of a ``.txt.xz`` or ``.jsonl.xz`` file in pieces of about CHUNK_CHARS."""
    with lzma.open(path, "rt", encoding="utf-8") as file_:
        for line in file_:
            if path.name.endswith(".jsonl.xz"):
                line = srsly.json_loads(line)["text"][:CHUNK_CHARS]
            if line := line.strip():
                yield line


def sample_language(paths: list[Path], n_chars: int, rng: random.Random) -> list[str]:
    """A random sample of about ``n_chars`` characters, as much from each file."""
    chunks = []
    for path in paths:
        lines = list(read_chunks(path))
        rng.shuffle(lines)
        budget = n_chars / len(paths)
        for line in lines:
            if budget <= 0:
                break
            chunks.append(line)
            budget -= len(line)
    return chunks


def build_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    # Punctuation is split before the word mark is put on, so "(word" and "word" share a piece.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Punctuation(),
            pre_tokenizers.Metaspace(prepend_scheme="always"),
        ]
    )
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    return tokenizer


def add_marked_characters(tokenizer: Tokenizer) -> Tokenizer:
    """Give every letter, digit and sign that stands alone a piece with its word mark.

    The trainer keeps "▁" and "." but prunes "▁.": each full stop would cost two pieces.
    """
    state = srsly.json_loads(tokenizer.to_str())
    scores = dict(state["model"]["vocab"])
    for piece, score in list(scores.items()):
        # Scripts without case or spaces ("Lo": Han, Kana, Thai …) seldom have one-letter words.
        if len(piece) == 1 and unicodedata.category(piece) != "Lo":
            scores.setdefault(MARK + piece, max(score, scores[MARK]))
    state["model"]["vocab"] = list(scores.items())
    return Tokenizer.from_str(srsly.json_dumps(state))


def main(
    data: Path = typer.Argument(..., exists=True, file_okay=False, help="Data directory"),
    output: Path = typer.Argument(..., help="Where to save the tokenizer"),
    vocab_size: int = typer.Option(40_000, help="Number of pieces"),
    n_chars: int = typer.Option(1_500_000, help="Characters per language"),
    seed: int = 0,
) -> None:
    rng = random.Random(seed)
    paths: dict[str, list[Path]] = defaultdict(list)
    for path in sorted((data / "text" / "mono").glob("*.txt.xz")):
        paths[path.name.split(".")[0]].append(path)
    for path in sorted((data / "summarization").glob("*.train.jsonl.xz")):
        lang = path.name.split(".")[1]
        if "-" not in lang:
            paths[lang].append(path)
    texts = [t for lang in sorted(paths) for t in sample_language(paths[lang], n_chars, rng)]
    rng.shuffle(texts)
    print(f"{len(paths)} languages, {sum(map(len, texts)) / 1e6:.1f} M characters")
    tokenizer = build_tokenizer()
    trainer = trainers.UnigramTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL_TOKENS.values()),
        unk_token=SPECIAL_TOKENS["unk_token"],
    )
    tokenizer.train_from_iterator(texts, trainer, length=len(texts))
    fast = PreTrainedTokenizerFast(
        tokenizer_object=add_marked_characters(tokenizer), model_max_length=512, **SPECIAL_TOKENS
    )
    fast.save_pretrained(output)
    print(f"{len(fast)} pieces in {output}")


if __name__ == "__main__":
    typer.run(main)

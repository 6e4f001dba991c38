"""Parallel sentences, and the loss by which an encoder learns that they mean the same.

Contrastive training (as in LaBSE; Feng et al. 2022) in the form in which the summarizer will use
the encoder: many sentences to a window, a [CLS] before each, the mean of a sentence's pieces close
to that of its translation and far from every other in the batch.
"""

import lzma
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy
import torch
import typer
from tqdm import tqdm
from transformers import AutoTokenizer, BertModel

from scripts.mini.common import autocast, encode_sentences
from spacy_bertsum.packing import SpecialIds, pack

MAX_PIECES = 64
MAX_LENGTH = 512
MAX_BATCH_PIECES = 4_096
# What a similarity is divided by before the softmax.
TEMPERATURE = 0.05
# For every document, for every sentence, the ids of its pieces.
Documents = Sequence[Sequence[numpy.ndarray]]
EncodeSentences = Callable[[Documents], torch.Tensor]


def load_pairs(data: Path, tokenizer_path: Path, cache: Path) -> dict[str, list[tuple]]:
    """Piece ids of all sentence pairs by language."""
    if cache.exists():
        return torch.load(cache, weights_only=False)
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_path)

    def encode(texts: list[str]) -> list[numpy.ndarray]:
        rows = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
        return [numpy.array(row[:MAX_PIECES], dtype="u2") for row in rows]

    pairs = {}
    for path in tqdm(sorted((data / "text" / "parallel").glob("*.tsv.xz")), desc="pairs"):
        with lzma.open(path, "rt", encoding="utf-8") as file_:
            rows = [line.rstrip("\n").split("\t")[1:3] for line in file_]
        rows = [row for row in rows if len(row) == 2 and all(len(text) > 12 for text in row)]
        left, right = encode([r[0] for r in rows]), encode([r[1] for r in rows])
        pairs[path.name.split(".")[0]] = list(zip(left, right, strict=True))
    torch.save(pairs, cache)
    return pairs


def read_pairs(work: Path) -> dict[str, list[tuple]]:
    """What `load_pairs` has kept in a work directory.

    RAISES: typer.BadParameter if it has kept nothing there.
    """
    path = work / "pairs.pt"
    if not path.exists():
        raise typer.BadParameter(
            f"{path} is missing: scripts.mini.pretrain_encoder and scripts.mini.languages "
            "write it, --n-pairs 0 does without"
        )
    return torch.load(path, weights_only=False)


def sentence_encoder(encoder: BertModel, special: SpecialIds) -> EncodeSentences:
    """What an encoder of transformers makes of documents, each in windows without overlap."""

    def encode(documents: Documents) -> torch.Tensor:
        packed = pack(documents, special, max_length=MAX_LENGTH, overlap=0)
        with autocast(encoder.device):
            return encode_sentences(encoder, packed, MAX_BATCH_PIECES)

    return encode


class Alignment:
    """The contrastive loss of an encoder on batches drawn from parallel sentences.

    encode: Its vectors of all sentences of documents, (sentences, width).
    pairs: As from `load_pairs`.
    """

    def __init__(
        self,
        encode: EncodeSentences,
        pairs: dict[str, list[tuple]],
        n_pairs: int,
        rng: random.Random,
    ):
        self.encode = encode
        self.pairs = pairs
        self.langs = sorted(pairs)
        self.n_pairs = n_pairs
        self.rng = rng

    def __call__(self) -> tuple[torch.Tensor, float]:
        """The loss of a batch, and for which share the translation was the nearest sentence."""
        # Two languages to a batch: negatives in the same language are the hard ones.
        batch = [
            pair
            for lang in self.rng.sample(self.langs, 2)
            for pair in self.rng.sample(self.pairs[lang], self.n_pairs // 2)
        ]
        left, right = (self._encode(list(side)) for side in zip(*batch, strict=True))
        normalize, cross_entropy = torch.nn.functional.normalize, torch.nn.functional.cross_entropy
        logits = normalize(left, dim=-1) @ normalize(right, dim=-1).T / TEMPERATURE
        target = torch.arange(len(left), device=left.device)
        # InfoNCE in both directions: row i of one side belongs to row i of the other.
        loss = (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2
        return loss, (logits.argmax(1) == target).float().mean().item()

    def _encode(self, sentences: list[numpy.ndarray]) -> torch.Tensor:
        """The vectors of sentences, in random order, 4 to 24 to a document."""
        order = list(range(len(sentences)))
        self.rng.shuffle(order)
        size = self.rng.randint(4, 24)
        documents = [order[i : i + size] for i in range(0, len(order), size)]
        vectors = self.encode([[sentences[i] for i in document] for document in documents])
        return vectors[torch.from_numpy(numpy.argsort(order)).to(vectors.device)]

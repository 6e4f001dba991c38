"""Prepared documents: reading, sampling and cutting them for training."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import torch

from spacy_bertsum.rouge import score_rouge


@dataclass
class Document:
    """A document as `prepare.py` leaves it.

    pieces: The piece ids of each sentence.
    features: Salience features, (sentences, features).
    labels: The oracle's choice, (sentences,).
    gains: Soft labels, the ROUGE of each sentence by itself, (sentences,).
    """

    sents: list[str]
    references: list[str]
    reference_sents: float
    pieces: list[numpy.ndarray]
    features: numpy.ndarray
    labels: numpy.ndarray
    gains: numpy.ndarray

    def cut(self, max_pieces: int, rng: random.Random) -> "Document":
        """A random stretch of whole sentences that fits into a number of pieces."""
        lengths = [len(p) + 2 for p in self.pieces]
        if sum(lengths) <= max_pieces:
            return self
        start = rng.randrange(len(lengths))
        stop, total = start, 0
        while stop < len(lengths) and total + lengths[stop] <= max_pieces:
            total += lengths[stop]
            stop += 1
        while start > 0 and total + lengths[start - 1] <= max_pieces:
            start -= 1
            total += lengths[start]
        # A sentence that is longer than the limit stays alone.
        stop = max(stop, start + 1)
        part = slice(start, stop)
        return Document(
            self.sents[part],
            self.references,
            self.reference_sents,
            self.pieces[part],
            self.features[part],
            self.labels[part],
            self.gains[part],
        )


def load_documents(path: Path, limit: int | None = None) -> list[Document]:
    return [_from_record(record) for record in torch.load(path, weights_only=False)[:limit]]


def _from_record(record: dict[str, Any]) -> Document:
    bounds = numpy.cumsum(record["lengths"])[:-1]
    return Document(
        record["sents"],
        record["references"],
        record["reference_sents"],
        numpy.split(record["pieces"], bounds),
        record["features"].astype("f4"),
        record["labels"].astype("f4"),
        record["gains"],
    )


def find_prepared(work: Path, split: str) -> dict[str, Path]:
    """The files of a split by set."""
    paths = sorted((work / "prepared").glob(f"*.{split}.pt"))
    return {path.name.removesuffix(f".{split}.pt"): path for path in paths}


def choose_n_sents(documents: list[Document]) -> int:
    """The number of sentences that the references of a set have on average."""
    return max(1, round(float(numpy.mean([doc.reference_sents for doc in documents]))))


def score_choice(document: Document, chosen: list[int]) -> float:
    """The mean of ROUGE-1, ROUGE-2 and ROUGE-L of an extract."""
    text = " ".join(document.sents[i] for i in sorted(chosen))
    scores = score_rouge(document.references, text)
    return sum(scores.values()) / len(scores)

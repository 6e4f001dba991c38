"""Prepared documents: reading, sampling and cutting them for training."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy
import torch
import typer

from spacy_bertsum import surprisal
from spacy_bertsum.layers import salience
from spacy_bertsum.rouge import score_rouge

# What a head sees of a sentence beside its vector, in the order of the pipeline's layers.
FEATURES = surprisal.FEATURES + salience.FEATURES


@dataclass
class Document:
    """A document as `prepare.py` leaves it.

    set: The name of its set.
    pieces: The piece ids of each sentence.
    features: See FEATURES, (sentences, features).
    labels: The oracle's choice, (sentences,).
    boilerplate: 1 for lines that belong to the page and not to the text, else 0, (sentences,).
    gains: Soft labels, the ROUGE of each sentence by itself, (sentences,).
    ngrams: Where sentences have n-grams of the first reference: slots, columns and counts of
        `spacy_bertsum.oracle.NgramTable`, (3, entries).
    sizes: Uni- and bigrams of each sentence, (2, sentences).
    wanted: How often the reference has each n-gram, (n-grams,).
    wanted_sizes: Uni- and bigrams of the reference, (2,).
    is_whole: False if this is a stretch of a document.
    """

    set: str
    sents: list[str]
    references: list[str]
    reference_sents: float
    pieces: list[numpy.ndarray]
    features: numpy.ndarray
    labels: numpy.ndarray
    boilerplate: numpy.ndarray
    gains: numpy.ndarray
    ngrams: numpy.ndarray
    sizes: numpy.ndarray
    wanted: numpy.ndarray
    wanted_sizes: numpy.ndarray
    is_whole: bool = True

    @property
    def n_sents(self) -> int:
        return len(self.sents)

    @property
    def lang(self) -> str:
        return self.set.rpartition(".")[2]

    @property
    def budget(self) -> int:
        """Characters of the references, on average."""
        return round(float(numpy.mean([len(reference) for reference in self.references])))

    def read_as(self, pieces: list[numpy.ndarray], weights: numpy.ndarray) -> "Document":
        """The same with other pieces.

        weights: Of the vocabulary, see `spacy_bertsum.surprisal`.
        """
        features = numpy.hstack(
            [surprisal.describe(pieces, weights), self.features[:, len(surprisal.FEATURES) :]]
        )
        return replace(self, pieces=pieces, features=features)

    @cached_property
    def chars(self) -> numpy.ndarray:
        """Characters of each sentence and the space after it, (sentences,)."""
        return numpy.array([len(sent) + 1 for sent in self.sents], dtype="f4")

    def choose_stretch(self, max_pieces: int, rng: random.Random) -> slice:
        """Which sentences make a random stretch that fits into a number of pieces."""
        lengths = [len(p) + 2 for p in self.pieces]
        if sum(lengths) <= max_pieces:
            return slice(0, len(lengths))
        start = rng.randrange(len(lengths))
        stop, total = start, 0
        while stop < len(lengths) and total + lengths[stop] <= max_pieces:
            total += lengths[stop]
            stop += 1
        while start > 0 and total + lengths[start - 1] <= max_pieces:
            start -= 1
            total += lengths[start]
        # A sentence that is longer than the limit stays alone.
        return slice(start, max(stop, start + 1))

    def cut(self, max_pieces: int, rng: random.Random) -> "Document":
        """A random stretch of whole sentences that fits into a number of pieces."""
        part = self.choose_stretch(max_pieces, rng)
        if part == slice(0, len(self.sents)):
            return self
        return replace(
            self,
            sents=self.sents[part],
            pieces=self.pieces[part],
            features=self.features[part],
            labels=self.labels[part],
            boilerplate=self.boilerplate[part],
            gains=self.gains[part],
            is_whole=False,
        )


def load_documents(path: Path, limit: int | None = None) -> list[Document]:
    """The documents of a file that `prepare.py` has made.

    RAISES: typer.BadParameter if they have other features than heads see now.
    """
    name = path.name.rsplit(".", 2)[0]
    records = torch.load(path, weights_only=False)[:limit]
    if any(record["features"].shape[1] != len(FEATURES) for record in records):
        raise typer.BadParameter(
            f"{path} was prepared by another version, with other features: use another directory, "
            "or remove it and the vectors made from it, and prepare it again"
        )
    return [_from_record(name, record) for record in records]


def take_sents(documents: list[Document], max_sents: int) -> list[Document]:
    """The first documents that together have at most so many sentences."""
    total = numpy.cumsum([len(document.sents) for document in documents])
    return documents[: max(1, int((total <= max_sents).sum()))]


def _from_record(name: str, record: dict[str, Any]) -> Document:
    bounds = numpy.cumsum(record["lengths"])[:-1]
    return Document(
        name,
        record["sents"],
        record["references"],
        record["reference_sents"],
        numpy.split(record["pieces"], bounds),
        record["features"].astype("f4"),
        record["labels"].astype("f4"),
        # Of documents as they are, none is known.
        record.get("boilerplate", numpy.zeros(len(record["sents"]))).astype("f4"),
        record["gains"],
        record["ngrams"].astype("i8"),
        record["sizes"],
        record["wanted"][0].astype("i8"),
        record["wanted_sizes"][0],
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
    return score_text(document, " ".join(document.sents[i] for i in sorted(chosen)))


def score_ranking(document: Document, ranking: Sequence[int]) -> float:
    """The same of the best-ranked sentences that the reference's characters leave room for, the
    last of them cut."""
    parts: dict[int, str] = {}
    budget = document.budget
    for i in ranking:
        if budget <= 0:
            break
        parts[i] = document.sents[i][:budget]
        budget -= len(parts[i]) + 1
    return score_text(document, " ".join(parts[i] for i in sorted(parts)))


def score_text(document: Document, text: str) -> float:
    scores = score_rouge(document.references, text)
    return sum(scores.values()) / len(scores)

"""What a system does on a set, whichever kind it is; and those that need nothing: baselines."""

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.protocol import Extract
from benchmarks.quality.fingerprint import make_fingerprint
from benchmarks.quality.sets import TestSet
from scripts.evaluation import rank_by_oracle
from spacy_bertsum import oracle, rouge
from spacy_bertsum.oracle import greedy_oracle

LEAD, RANDOM, ORACLE = BASELINES = ("LEAD", "random", "oracle")


@dataclass(frozen=True)
class Choice:
    """What a system chose of the documents of a set.

    extracts: For each document; empty if it took too long.
    cpu_seconds: What it took.
    n_failures: On how many documents it raised an error; their first sentences stand in.
    failure: The first of these errors.
    limit: The CPU seconds that were not enough; None if it came to an end.
    """

    extracts: list[Extract]
    cpu_seconds: float = 0.0
    n_failures: int = 0
    failure: str = ""
    limit: float | None = None


@dataclass(frozen=True)
class System:
    """A summarizer to be measured.

    fingerprint: Of all that its choice depends on, except the set.
    open: Makes it ready; what it returns is used in a with statement and called with sets.
    langs: Languages of the sets it is for; all if None.
    limit: CPU seconds it may take for a set.
    """

    name: str
    fingerprint: str
    open: Callable[[], AbstractContextManager[Callable[[TestSet], Choice]]]
    langs: frozenset[str] | None = None
    limit: float | None = None

    def takes(self, test_set: TestSet) -> bool:
        return self.langs is None or test_set.lang in self.langs


class Ready(AbstractContextManager):
    """A function that is ready already, for `System.open`."""

    def __init__(self, select: Callable[[TestSet], Iterable[Extract]]):
        self.select = select

    def __call__(self, test_set: TestSet) -> Choice:
        return Choice(list(self.select(test_set)))

    def __exit__(self, *args: Any) -> None:
        pass


def make_baselines() -> list[System]:
    """LEAD, random and the oracle."""
    sources = [Path(module.__file__) for module in (oracle, rouge)]
    return [
        System(LEAD, LEAD, lambda: Ready(choose_lead)),
        System(RANDOM, RANDOM, lambda: Ready(choose_randomly)),
        System(ORACLE, make_fingerprint(*sources), lambda: Ready(choose_best)),
    ]


def choose_lead(test_set: TestSet) -> Iterator[Extract]:
    for document in test_set.documents:
        ranking = list(range(len(document.sents)))
        yield Extract(ranking[: document.n_sents], ranking)


def choose_randomly(test_set: TestSet, seed: int = 0) -> Iterator[Extract]:
    """Any sentences, the same ones in every run."""
    for record, document in zip(test_set.records, test_set.documents, strict=True):
        ranking = list(range(len(document.sents)))
        random.Random(f"{seed} {test_set.name} {record.id}").shuffle(ranking)
        yield Extract(sorted(ranking[: document.n_sents]), ranking)


def choose_best(test_set: TestSet) -> Iterator[Extract]:
    """The greedy oracle, which knows the references."""
    for record, document in zip(test_set.records, test_set.documents, strict=True):
        best = greedy_oracle(document.sents, record.references)
        yield Extract(
            greedy_oracle(document.sents, record.references, document.n_sents),
            rank_by_oracle(document.sents, record.references, best),
        )

"""What systems score on a set, on average over documents and over sets."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy

from benchmarks.quality.sets import TestSet
from benchmarks.quality.store import Result
from benchmarks.quality.systems import LEAD, ORACLE
from scripts.evaluation import WAYS, interval, resample
from spacy_bertsum.rouge import METRICS


class Difference(NamedTuple):
    """How much better one system is than another, in points, with its 95 % interval."""

    mean: float
    low: float
    high: float

    @property
    def verdict(self) -> int:
        """1 or -1 if the interval says which is better, else 0."""
        return (self.low > 0) - (self.high < 0)


@dataclass(frozen=True)
class Scores:
    """Systems in one way of counting, by name.

    means: Mean of ROUGE-1, ROUGE-2 and ROUGE-L F1 × 100.
    closed: Share of the way from LEAD to the oracle, of several sets the mean of their shares.
        Empty where the oracle, which is greedy, is not above LEAD.
    resampled: The means of bootstrap samples of documents, shape (samples,). A sample has the same
        documents for all systems, so that differences are paired.
    """

    means: Mapping[str, float]
    closed: Mapping[str, float]
    resampled: Mapping[str, numpy.ndarray]

    def subtract(self, a: str, b: str) -> Difference:
        low, high = interval(self.resampled[a] - self.resampled[b])
        return Difference(self.means[a] - self.means[b], float(low), float(high))

    def find_best(self, names: Iterable[str]) -> str:
        """The best of those systems that have scores."""
        return max((name for name in names if name in self.means), key=self.means.__getitem__)


@dataclass(frozen=True)
class SetScores:
    """A set, or several as one.

    n_sents: How many sentences were chosen of a document; None if that differs.
    scores: For each way of counting.
    results: What is to be said of each system beside its scores.
    """

    name: str
    n_docs: int
    n_sents: int | None
    scores: Mapping[str, Scores]
    results: Mapping[str, Result] = field(default_factory=dict)


def score_set(test_set: TestSet, results: Mapping[str, Result]) -> SetScores:
    """Average over the documents of a set.

    results: Of each system; one that took too long has no scores.
    """
    scored = {name: result.scores for name, result in results.items() if result.scores}
    scores = {way: average_documents(scored, way, test_set.keys) for way in WAYS}
    return SetScores(test_set.name, len(test_set.records), test_set.n_sents, scores, results)


def average_documents(
    scored: Mapping[str, Sequence[Mapping[str, Mapping[str, float]]]],
    way: str,
    keys: Sequence[str],
) -> Scores:
    """scored: For each system and document, the scores that `score_extract` returns.

    keys: Of the documents; see `scripts.evaluation.resample`.
    """
    values = numpy.array(
        [
            [numpy.mean([document[way][metric] for metric in METRICS]) for document in documents]
            for documents in scored.values()
        ]
    ).T
    means = dict(zip(scored, values.mean(axis=0).tolist(), strict=True))
    resampled = dict(zip(scored, resample(values, keys).T, strict=True))
    distance = means[ORACLE] - means[LEAD]
    closed = {name: (mean - means[LEAD]) / distance for name, mean in means.items() if distance > 0}
    return Scores(means, closed, resampled)


def average_sets(sets: Sequence[SetScores], name: str) -> SetScores:
    """The mean over sets, each counting the same, of the systems that have done them all."""
    scores = {}
    for way in WAYS:
        all_scores = [test_set.scores[way] for test_set in sets]
        names = [n for n in all_scores[0].means if all(n in s.means for s in all_scores)]
        closed = [s.closed for s in all_scores if s.closed]
        scores[way] = Scores(
            {n: float(numpy.mean([s.means[n] for s in all_scores])) for n in names},
            {n: float(numpy.mean([shares[n] for shares in closed])) for n in names if closed},
            {n: numpy.mean([s.resampled[n] for s in all_scores], axis=0) for n in names},
        )
    n_sents = {test_set.n_sents for test_set in sets}
    n_docs = sum(test_set.n_docs for test_set in sets)
    return SetScores(name, n_docs, n_sents.pop() if len(n_sents) == 1 else None, scores)


def join_languages(sets: Sequence[SetScores]) -> list[SetScores]:
    """The languages of a set as one: NAME for NAME.LANG, each language counting the same."""
    groups: dict[str, list[SetScores]] = {}
    for test_set in sets:
        groups.setdefault(test_set.name.rpartition(".")[0], []).append(test_set)
    return [average_sets(group, name) for name, group in groups.items()]

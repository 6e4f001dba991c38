"""How far a model goes from LEAD to the oracle on documents held out."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy
import srsly

from scripts.mini.documents import Document, choose_n_sents, score_choice, score_ranking
from spacy_bertsum.oracle import greedy_oracle

# Documents of one set → the logits of each.
Scorer = Callable[[str, list[Document]], list[numpy.ndarray]]


@dataclass(frozen=True)
class Standing:
    """shares: By set, of the way from LEAD to the oracle: by sentences, by characters."""

    shares: dict[str, numpy.ndarray]

    @cached_property
    def groups(self) -> dict[str, numpy.ndarray]:
        """The same, the languages of a set as one."""
        names = sorted({name.split(".")[0] for name in self.shares})
        return {
            group: numpy.mean([v for n, v in self.shares.items() if n.split(".")[0] == group], 0)
            for group in names
        }

    @property
    def means(self) -> numpy.ndarray:
        """Over those: by sentences, by characters."""
        return numpy.mean(list(self.groups.values()), axis=0)

    @property
    def mean(self) -> float:
        return float(self.means.mean())

    @property
    def behind(self) -> numpy.ndarray:
        """How many sets are below LEAD, by sentences and by characters."""
        return (numpy.array(list(self.shares.values())) < -1e-9).sum(axis=0)

    def __str__(self) -> str:
        means, behind = _pair(self.means, ".3f"), _pair(self.behind, "d")
        details = " ".join(f"{name} {_pair(share, '.2f')}" for name, share in self.groups.items())
        return f"closed {means}, {behind} of {len(self.shares)} sets below LEAD | {details}"


class Validation:
    """Counts in both ways: with the same number of sentences, and of characters.

    cache: A JSON file that keeps the scores of LEAD and oracle: the oracle takes a minute.
    """

    def __init__(self, sets: dict[str, list[Document]], cache: Path):
        self.sets = sets
        self.n_sents = {name: choose_n_sents(documents) for name, documents in sets.items()}
        self._known: dict[tuple, float] = {}
        known = srsly.read_json(cache) if cache.exists() else {}
        keys = {name: f"{name} {len(documents)}" for name, documents in sets.items()}
        for name, key in keys.items():
            if key not in known:
                known[key] = [bound.tolist() for bound in self._measure_bounds(name)]
        # Other processes may be reading it.
        partial = cache.with_suffix(f".{os.getpid()}")
        srsly.write_json(partial, known)
        partial.replace(cache)
        self.bounds = {name: numpy.array(known[key]) for name, key in keys.items()}

    def run(self, score: Scorer) -> Standing:
        shares = {}
        for name, documents in self.sets.items():
            rankings = [numpy.argsort(-logits, kind="stable") for logits in score(name, documents)]
            lead, oracle = self.bounds[name]
            mean = self._mean_scores(name, [ranking.tolist() for ranking in rankings])
            shares[name] = (mean - lead) / numpy.maximum(oracle - lead, 1e-6)
        return Standing(shares)

    def _measure_bounds(self, name: str) -> tuple[numpy.ndarray, numpy.ndarray]:
        """The mean scores of LEAD and of the oracle, in both ways."""
        documents, n = self.sets[name], self.n_sents[name]
        lead = [list(range(len(document.sents))) for document in documents]
        oracle = [_rank_by_oracle(document, n) for document in documents]
        return self._mean_scores(name, lead), self._mean_scores(name, oracle)

    def _mean_scores(self, name: str, rankings: Sequence[list[int]]) -> numpy.ndarray:
        n = self.n_sents[name]
        scores = [
            (
                self._once(score_choice, document, sorted(ranking[:n])),
                self._once(score_ranking, document, _within_budget(document, ranking)),
            )
            for document, ranking in zip(self.sets[name], rankings, strict=True)
        ]
        return numpy.mean(scores, axis=0)

    def _once(self, score: Callable, document: Document, chosen: list[int]) -> float:
        """Models often choose the same: ROUGE takes longer than scoring the sentences."""
        key = (score.__name__, id(document), *chosen)
        if key not in self._known:
            self._known[key] = score(document, chosen)
        return self._known[key]


def _within_budget(document: Document, ranking: list[int]) -> list[int]:
    """The part of a ranking that `score_ranking` reads."""
    full = document.chars[ranking].cumsum() >= document.budget
    return ranking[: int(full.argmax()) + 1] if full.any() else ranking


def _rank_by_oracle(document: Document, n: int) -> list[int]:
    chosen = greedy_oracle(document.sents, document.references, n)
    rest = sorted(set(range(len(document.sents))) - set(chosen), key=lambda i: -document.gains[i])
    return [*chosen, *rest]


def _pair(values: numpy.ndarray, form: str) -> str:
    return "/".join(format(value, form) for value in values.tolist())

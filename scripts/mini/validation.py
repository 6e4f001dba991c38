"""How far a model goes from LEAD to the oracle on documents held out."""

from collections.abc import Callable
from pathlib import Path

import numpy

from scripts.mini.documents import (
    Document,
    choose_n_sents,
    find_prepared,
    load_documents,
    score_choice,
    score_ranking,
)
from spacy_bertsum.oracle import greedy_oracle

Scorer = Callable[[list[Document]], list[numpy.ndarray]]


class Validation:
    """Counts in both ways: with the same number of sentences, and of characters."""

    def __init__(self, work: Path, per_set: int, split: str = "val"):
        self.sets: dict[str, tuple[list[Document], int, numpy.ndarray, numpy.ndarray]] = {}
        for name, path in find_prepared(work, split).items():
            documents = load_documents(path, per_set)
            n = choose_n_sents(documents)
            lead = [_score(doc, range(len(doc.sents)), n) for doc in documents]
            oracle = [_score(doc, _rank_by_oracle(doc, n), n) for doc in documents]
            self.sets[name] = (documents, n, numpy.mean(lead, axis=0), numpy.mean(oracle, axis=0))

    def run(self, score: Scorer) -> tuple[float, dict[str, numpy.ndarray]]:
        """score: Documents → the logits of each.

        RETURNS: The mean share over sets and ways, the languages of a set counting as one, and
            for each set its shares in both ways.
        """
        shares: dict[str, list[numpy.ndarray]] = {}
        for name, (documents, n, lead, oracle) in self.sets.items():
            scores = [
                _score(document, numpy.argsort(-logits, kind="stable").tolist(), n)
                for document, logits in zip(documents, score(documents), strict=True)
            ]
            share = (numpy.mean(scores, axis=0) - lead) / numpy.maximum(oracle - lead, 1e-6)
            shares.setdefault(name.split(".")[0], []).append(share)
        means = {name: numpy.mean(values, axis=0) for name, values in shares.items()}
        return float(numpy.mean(list(means.values()))), means


def _score(document: Document, ranking: list[int] | range, n: int) -> tuple[float, float]:
    return score_choice(document, ranking[:n]), score_ranking(document, ranking)


def _rank_by_oracle(document: Document, n: int) -> list[int]:
    chosen = greedy_oracle(document.sents, document.references, n)
    rest = sorted(set(range(len(document.sents))) - set(chosen), key=lambda i: -document.gains[i])
    return [*chosen, *rest]

"""Results of documents → the numbers of a report: for each language, each set, and on average."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy

from scripts.evaluation import (
    SYSTEMS,
    WAYS,
    Comparison,
    Result,
    average,
    compare,
    score_sents,
)
from spacy_bertsum.rouge import METRICS

N_POSITIONS = 10

Numbers = dict[str, Any]


def group_by(results: Iterable[Result], keys: Iterable[str]) -> dict[str, list[Result]]:
    groups = defaultdict(list)
    for result, key in zip(results, keys, strict=True):
        groups[key].append(result)
    return {key: groups[key] for key in sorted(groups)}


def summarize(
    groups: Mapping[str, Sequence[Result]], means: Mapping[str, Sequence[str]]
) -> tuple[list[Numbers], list[Numbers]]:
    """The numbers of groups of documents, and of means over groups, in which each counts the same.

    means: The groups of each mean by its name; a mean of fewer than two is left out.
    RETURNS: A row for each group and a row for each mean. A row has ``name``, ``label`` (the name
        as printed), ``documents`` and, for each way of counting, ``lead``, ``model``, ``oracle``
        (mean ROUGE F1 × 100 with its 95 % interval, and by metric), ``difference`` (model - LEAD)
        and ``closed``. Those of groups also have ``sents``: precision, recall and F1 of the
        sentences, 0 to 1.
    """
    rows = []
    for name, results in groups.items():
        row: Numbers = {"name": name, "label": name, "documents": len(results)}
        for way in WAYS:
            row[way] = _to_numbers(
                compare(results, way, group=name),
                {metric: compare(results, way, metric, name) for metric in METRICS},
            )
        row["sents"] = {system: _score_sents(results, system) for system in SYSTEMS}
        rows.append(row)
    averages = []
    for label, names in means.items():
        if len(names) > 1:
            row = {"name": label, "label": label}
            row["documents"] = sum(len(groups[name]) for name in names)
            for way in WAYS:
                by_metric = {
                    metric: average([compare(groups[n], way, metric, n) for n in names])
                    for metric in (None, *METRICS)
                }
                row[way] = _to_numbers(by_metric.pop(None), by_metric)
            averages.append(row)
    return rows, averages


def _to_numbers(comparison: Comparison, by_metric: Mapping[str, Comparison]) -> Numbers:
    low, high = comparison.difference_interval
    numbers: Numbers = {
        "difference": {"mean": comparison.difference, "low": low, "high": high},
        "closed": comparison.closed,
    }
    for i, system in enumerate(SYSTEMS):
        low, high = comparison.intervals[i].tolist()
        numbers[system] = {"mean": float(comparison.means[i]), "low": low, "high": high}
        numbers[system] |= {metric: float(c.means[i]) for metric, c in by_metric.items()}
    return numbers


def _score_sents(results: Sequence[Result], system: str) -> dict[str, float]:
    score = score_sents(results, system)
    return {"p": score.precision, "r": score.recall, "f": score.fscore}


def count_positions(results: Iterable[Result]) -> dict[str, list[float]]:
    """Where chosen sentences stand: the share of them in each tenth of the document, by system.

    A sentence that reaches over several tenths is divided among them, so that short documents
    leave no gaps.
    """
    results = list(results)
    edges = numpy.linspace(0, 1, N_POSITIONS + 1)
    shares = {}
    for system in SYSTEMS:
        mass = numpy.zeros(N_POSITIONS)
        for result in results:
            for i in result.chosen[system]:
                start, end = i / result.n_sents, (i + 1) / result.n_sents
                overlap = numpy.minimum(end, edges[1:]) - numpy.maximum(start, edges[:-1])
                mass += numpy.maximum(overlap, 0) * result.n_sents
        shares[system] = (mass / max(mass.sum(), 1e-9)).tolist()
    return shares

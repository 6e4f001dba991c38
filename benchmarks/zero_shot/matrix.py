"""The zero-shot matrix as numbers."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy

# What a head gets to see, and which part of it is taken away.
INPUTS = {"vectors and features": None, "features alone": "vectors"}


@dataclass(frozen=True)
class Row:
    """One trained head.

    trained_on: Language codes.
    shares: By test language, of the way from LEAD to the oracle: by sentences, by characters.
    """

    inputs: str
    name: str
    trained_on: tuple[str, ...]
    shares: Mapping[str, numpy.ndarray]

    def mean(self, languages: Sequence[str]) -> numpy.ndarray:
        return numpy.mean([self.shares[lang] for lang in languages], axis=0)


def average_languages(shares: Mapping[str, Sequence[float]]) -> dict[str, numpy.ndarray]:
    """By set → by language, the sets of a language as one."""
    by_language = defaultdict(list)
    for name, share in shares.items():
        by_language[name.rpartition(".")[2]].append(share)
    return {lang: numpy.mean(values, axis=0) for lang, values in sorted(by_language.items())}


def divide(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows by what their heads get to see."""
    parts = {inputs: [row for row in rows if row.inputs == inputs] for inputs in INPUTS}
    return {inputs: own for inputs, own in parts.items() if own}


def order_languages(rows: Sequence[Row], trained: Sequence[str]) -> list[str]:
    """The test languages: those that some head was trained on, then the others."""
    others = [lang for lang in rows[0].shares if lang not in trained]
    return [*(lang for lang in trained if lang in rows[0].shares), *others]

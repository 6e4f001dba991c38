"""The zero-shot matrix as numbers."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy

# What a head gets to see.
VECTORS = "vectors and features"
AS_SHIPPED = "as the embedded model's head"
FEATURES = "features alone"
INPUTS = {"vectors": VECTORS, "shipped": AS_SHIPPED, "features": FEATURES}


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
    parts = {inputs: [row for row in rows if row.inputs == inputs] for inputs in INPUTS.values()}
    return {inputs: own for inputs, own in parts.items() if own}


def order_languages(rows: Sequence[Row], trained: Sequence[str]) -> list[str]:
    """The test languages: those that some head was trained on, then the others."""
    others = [lang for lang in rows[0].shares if lang not in trained]
    return [*(lang for lang in trained if lang in rows[0].shares), *others]


def average_left_out(rows: Sequence[Row], trained: Sequence[str]) -> numpy.ndarray:
    """By sentences and by characters: the mean over languages of what the head that was trained on
    all the others, and not on that one, reaches in it."""
    shares = {}
    for row in rows:
        left_out = set(trained) - set(row.trained_on)
        if len(left_out) == 1:
            (lang,) = left_out
            shares[lang] = row.shares[lang]
    return numpy.mean(list(shares.values()), axis=0)

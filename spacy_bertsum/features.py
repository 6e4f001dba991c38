"""Features by name → the array that a layer takes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy


def tabulate(features: Mapping[str, Any], names: Sequence[str], n: int) -> numpy.ndarray:
    """Put features side by side.

    features: For each name n values, or one for all sentences.
    RETURNS: float32, shape (n, len(names)), columns in the order of the names.
    """
    table = numpy.empty((n, len(names)), dtype="f")
    # A fraction of the time of broadcasting each and stacking them.
    for column, name in enumerate(names):
        table[:, column] = features[name]
    return table


def shift(values: numpy.ndarray, by: int) -> numpy.ndarray:
    """Move values along the sentences; zero comes in at the end."""
    shifted = numpy.zeros_like(values)
    if by > 0:
        shifted[by:] = values[:-by]
    else:
        shifted[:by] = values[-by:]
    return shifted

"""Which sentences of the source support each sentence of a written summary."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy
from spacy.tokens import Doc, Span
from thinc.types import Floats2d

from ..relevance import unit

# At most so many sentences support one, none much less similar than the best.
MAX_SOURCES = 3
MARGIN = 0.1


class Support(NamedTuple):
    """A written sentence and what it rests on.

    text: The sentence.
    spans: The sentences of the document most like it, the best first.
    score: The similarity of the best, -1 to 1; None where it can't be measured, because the
        checkpoint reads only the source language and there is no `bertsum`.
    is_supported: Whether the score reaches min_support; None if there is no score.
    """

    text: str
    spans: list[Span]
    score: float | None
    is_supported: bool | None


def find_support(written: Floats2d, sources: Floats2d) -> list[tuple[list[int], float]]:
    """The most similar sources of each written sentence, by the cosine of their vectors.

    written: (written sentences, width); sources: (source sentences, width), one at least.
    RETURNS: For each written sentence up to MAX_SOURCES rows of `sources`, the best first, and
        the similarity of the best.
    """
    similarities = unit(written) @ unit(sources).T
    result = []
    for row in similarities:
        order = numpy.argsort(-row, kind="stable")[:MAX_SOURCES]
        best = float(row[order[0]])
        result.append(([int(i) for i in order if row[i] >= best - MARGIN], best))
    return result


def sentence_encoder_of(nlp: Any) -> Callable[[list[Doc]], list[Floats2d]] | None:
    """What gives sentence vectors in a pipeline: the encoder of its `bertsum`, if that has one of
    its own."""
    for name, pipe in nlp.pipeline:
        if nlp.get_pipe_meta(name).factory == "bertsum" and pipe.encoder is not None:
            return pipe.encode
    return None

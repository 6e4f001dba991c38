"""Documents as the making of the embedded model prepares them, from a few sentences."""

from typing import Any

import numpy

from scripts.mini.documents import FEATURES, Document
from spacy_bertsum.oracle import NgramTable


def make_document(sents: list[str], reference: str, **fields: Any) -> Document:
    """A document with one reference.

    fields: To take the place of one word piece a sentence, one feature and zeros.
    """
    table = NgramTable(sents, reference)
    ((wanted, sizes),) = table.references
    n = len(sents)
    defaults = {
        "pieces": [numpy.array([i]) for i in range(n)],
        "features": numpy.zeros((n, 1), dtype="f4"),
        "labels": numpy.zeros(n, dtype="f4"),
        "boilerplate": numpy.zeros(n, dtype="f4"),
    }
    return Document(
        "toy.en",
        sents,
        [reference],
        reference_sents=1.0,
        gains=numpy.zeros(n, dtype="f4"),
        ngrams=numpy.stack([table.slots, table.columns, table.counts]).astype("i8"),
        sizes=table.sizes.astype("i4"),
        wanted=wanted.astype("i8"),
        wanted_sizes=sizes[:, 0],
        **(defaults | fields),
    )


def make_random(n_sents: int, seed: int) -> Document:
    """A document of random pieces and features."""
    rng = numpy.random.default_rng(seed)
    return make_document(
        ["text"] * n_sents,
        "text",
        pieces=[rng.integers(10, 1_000, 8) for _ in range(n_sents)],
        features=rng.normal(size=(n_sents, len(FEATURES))).astype("f4"),
    )

"""Gold spans → a label for every predicted sentence."""

import numpy
from spacy.attrs import ORTH
from spacy.training import Example


def get_labels(example: Example, spans_key: str) -> numpy.ndarray | None:
    """Which predicted sentences belong to the gold summary.

    The gold document may be divided into other sentences and other tokens than the predicted one:
    a sentence counts as gold if at least half of its tokens are aligned with gold spans.

    spans_key: Where the gold summary stands in ``example.reference.spans``.
    RETURNS: Zeros and ones, float32, shape (sentences,); None if the example has no gold summary.
    """
    if spans_key not in example.reference.spans:
        return None
    is_gold = numpy.zeros(len(example.predicted), dtype="f")
    spans = [slice(span.start, span.end) for span in example.reference.spans[spans_key]]
    if not _same_tokens(example):
        spans = [example.alignment.y2x[span] for span in spans]
    for span in spans:
        is_gold[span] = 1.0
    shares = [is_gold[sent.start : sent.end].mean() for sent in example.predicted.sents]
    return (numpy.array(shares) >= 0.5).astype("f")


def _same_tokens(example: Example) -> bool:
    """Whether there is nothing to align; spaCy's alignment takes longer than all else here."""
    return numpy.array_equal(example.predicted.to_array(ORTH), example.reference.to_array(ORTH))

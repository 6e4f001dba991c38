"""Gold spans → a label for every predicted sentence."""

import numpy
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
    for span in example.reference.spans[spans_key]:
        is_gold[example.alignment.y2x[span.start : span.end]] = 1.0
    shares = [is_gold[sent.start : sent.end].mean() for sent in example.predicted.sents]
    return (numpy.array(shares) >= 0.5).astype("f")

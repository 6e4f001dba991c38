import numpy
from numpy.testing import assert_allclose

from spacy_bertsum.abstractive.support import find_support


def test_most_similar_sentences_come_first():
    sources = numpy.array([[1, 0], [0, 1], [1, 0.1]], dtype="f")
    written = numpy.array([[2, 0], [0, -3], [0, 0]], dtype="f")
    (first, best), (_, worst), (_, nothing) = find_support(written, sources)
    assert first == [0, 2]
    assert_allclose([best, worst, nothing], [1, 0, 0], atol=1e-6)

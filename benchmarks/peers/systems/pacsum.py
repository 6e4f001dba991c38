"""PacSum on tf-idf (Zheng & Lapata 2019, "Sentence Centrality Revisited"), which no index has."""

from collections.abc import Sequence

import numpy
from protocol import Document

from .ranker import Ranker


class PacSum(Ranker):
    """Sentences by how much they have in common with those after and before them.

    An edge that is above a threshold counts lambda2 for its earlier sentence and -lambda1 for its
    later one. The paper tunes the three numbers for each data set on references; these are the
    defaults of its published code, with which only what follows a sentence counts.

    beta: Where the threshold is, from the weakest edge of the document (0) to the strongest (1).
    """

    def __init__(self, beta: float = 0.0, lambda1: float = 0.0, lambda2: float = 1.0):
        self.beta = beta
        self.lambda1 = lambda1
        self.lambda2 = lambda2

    def rank(self, document: Document) -> list[int]:
        edges = similarities(document.words)
        weakest, strongest = edges.min(), edges.max()
        edges = numpy.triu(edges - (weakest + self.beta * (strongest - weakest)), k=1)
        edges = numpy.maximum(edges, 0)
        scores = self.lambda2 * edges.sum(axis=1) - self.lambda1 * edges.sum(axis=0)
        return numpy.argsort(-scores, kind="stable").tolist()


def similarities(sents: Sequence[Sequence[str]]) -> numpy.ndarray:
    """Dot products of tf-idf vectors, and 1 on the diagonal, shape (sentences, sentences).

    sents: The words of each sentence. A sentence counts as a document for idf, which is that of
        BM25: words in more than half of the sentences have a negative one.
    """
    ids = {word: i for i, word in enumerate(dict.fromkeys(w for sent in sents for w in sent))}
    counts = numpy.zeros((len(sents), len(ids)))
    for row, sent in zip(counts, sents, strict=True):
        numpy.add.at(row, [ids[word] for word in sent], 1)
    frequencies = (counts > 0).sum(axis=0)
    vectors = counts * (numpy.log(len(sents) - frequencies + 0.5) - numpy.log(frequencies + 0.5))
    result = vectors @ vectors.T
    numpy.fill_diagonal(result, 1)
    return result

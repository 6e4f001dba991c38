"""How central sentences are, by a matrix of their terms, as features."""

import numpy

from .features import shift
from .term_matrix import TermMatrix

# By name, what brings the numbers to a few units of zero.
_SCALES = {
    "centrality": 10,
    "centrality_forward": 10,
    "centrality_backward": 10,
    "centrality_rank": 1,
    "lexrank": 1,
    "centroid_similarity": 2,
    "first_similarity": 3,
    "previous_similarity": 3,
    "next_similarity": 3,
}
FEATURES = tuple(_SCALES)


def centrality(matrix: TermMatrix) -> dict[str, numpy.ndarray]:
    """The features of all sentences by name, in the order of FEATURES, each of shape (sentences,).

    Means over the other sentences are divided by their number, so that documents can be compared.
    """
    counts = matrix.counts
    n = counts.n_rows
    total = matrix.similarity_to_all()
    backward = matrix.similarity_to_earlier()
    # A sentence without terms is not even like itself.
    self_similarity = (counts.sum_rows(numpy.ones(len(counts.terms))) > 0).astype("f8")
    others = max(n - 1, 1)
    mean = (total - self_similarity) / others
    neighbour = matrix.similarity_to_next()
    values = (
        mean,
        (total - self_similarity - backward) / others,
        backward / others,
        mean.argsort(kind="stable").argsort() / n,
        numpy.log(matrix.lexrank(total) * n + 1e-3),
        total / numpy.sqrt(max(total.sum(), 1e-9)),
        matrix.similarity_to_first(),
        shift(neighbour, 1),
        neighbour,
    )
    return {
        name: value * scale for (name, scale), value in zip(_SCALES.items(), values, strict=True)
    }

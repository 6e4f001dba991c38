"""Documents as ids of terms, and what features counted on them must be, over dense matrices."""

from collections.abc import Callable
from time import process_time

import numpy
from numpy.typing import NDArray

N_IDS = 500
EDGE_CASES = [
    [],
    [[]],
    [[1]],
    [[1, 1, 2]],
    [[1], [1]],
    [[1], [2]],
    [[10], [20]],
    [[], []],
    [[], [1], []],
    [[1, 2, 3]] * 50,
    [[1]] * 3000,
]
# What brings features of centrality to a few units of zero.
SCALE = {"centroid_similarity": 2}
SCALE |= dict.fromkeys(("centrality", "centrality_forward", "centrality_backward"), 10)
SCALE |= dict.fromkeys(("first_similarity", "previous_similarity", "next_similarity"), 3)


def random_document(seed: int, n: int = 30) -> list[list[int]]:
    """Sentences of ids, some of them empty, ids by Zipf's law."""
    rng = numpy.random.default_rng(seed)
    return [(rng.zipf(1.5, size=k) % N_IDS).tolist() for k in rng.integers(0, 20, size=n)]


def flatten(sentences: list[list[int]]) -> tuple[NDArray, NDArray]:
    """All ids, and how many each sentence has."""
    ids = numpy.array([id_ for sentence in sentences for id_ in sentence], dtype="i8")
    return ids, numpy.array([len(sentence) for sentence in sentences], dtype="i8")


def count(sentences: list[list[int]]) -> NDArray:
    """How often each sentence has each id, shape (sentences, N_IDS)."""
    return numpy.array([numpy.bincount(numpy.array(s, "i8"), minlength=N_IDS) for s in sentences])


def weigh(counts: NDArray, weights: NDArray) -> NDArray:
    return numpy.where(counts > 0, 1 + numpy.log(numpy.maximum(counts, 1)), 0) * weights


def dense_centrality(weighted: NDArray) -> dict[str, NDArray]:
    """The features of `spacy_bertsum.centrality`, in their natural units, but for the rank.

    weighted: Sentences × terms.
    """
    n = len(weighted)
    norms = numpy.linalg.norm(weighted, axis=1, keepdims=True)
    unit = numpy.divide(weighted, norms, out=numpy.zeros_like(weighted), where=norms > 0)
    similarity = unit @ unit.T
    others = similarity - numpy.diag(numpy.diag(similarity))
    degree = similarity.sum(axis=1)
    has_terms = degree > 0
    transition = numpy.eye(n)
    transition[has_terms] = similarity[has_terms] / degree[has_terms, None]
    rank = numpy.full(n, 1 / n)
    for _ in range(10):
        rank = 0.15 / n + 0.85 * transition.T @ rank
    centroid = unit.sum(axis=0)
    neighbours = numpy.diag(similarity, k=1)
    return {
        "centrality": others.sum(axis=1) / (n - 1),
        "centrality_forward": numpy.triu(others).sum(axis=1) / (n - 1),
        "centrality_backward": numpy.tril(others).sum(axis=1) / (n - 1),
        "lexrank": numpy.log(rank * n + 1e-3),
        "centroid_similarity": unit @ centroid / numpy.linalg.norm(centroid),
        "first_similarity": similarity[0],
        "previous_similarity": numpy.append(0.0, neighbours),
        "next_similarity": numpy.append(neighbours, 0.0),
    }


def assert_finite_and_small(features: NDArray, shape: tuple[int, int]) -> None:
    assert features.shape == shape
    assert features.dtype == numpy.float32
    assert numpy.isfinite(features).all()
    assert (abs(features) < 30).all()


def assert_linear_time(compute: Callable[[NDArray, NDArray], NDArray], n_ids: int) -> None:
    """compute: Of all ids and the lengths of sentences."""

    def document(n: int) -> tuple[NDArray, NDArray]:
        return numpy.random.default_rng(0).zipf(1.3, size=20 * n) % n_ids, numpy.full(n, 20)

    def seconds(ids: NDArray, lengths: NDArray) -> float:
        start = process_time()
        compute(ids, lengths)
        return process_time() - start

    short, long = document(4000), document(32_000)
    # In turns, so that whatever else runs on the machine slows both.
    times = [(seconds(*short), seconds(*long)) for _ in range(7)]
    of_short, of_long = map(min, zip(*times, strict=True))
    assert of_long < 12 * of_short

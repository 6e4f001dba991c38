"""Sentences → salience features: position, length and centrality inside the document.

What unsupervised summarizers know of a sentence, as numbers for a trained head: LexRank (Erkan
& Radev 2004), forward and backward centrality (PacSum; Zheng & Lapata 2019), similarity to the
centroid (Radev et al. 2004), word probability (SumBasic; Nenkova & Vanderwende 2005), and a few
figures about the document as a whole, by which a head can tell a news item from a paper.
Everything is counted on word ids, so it works in every language, and takes time linear in the
length of the document.
"""

from dataclasses import dataclass

import numpy

from .features import tabulate

FEATURES = (
    "is_first",
    "is_last",
    "reciprocal_rank",
    "position",
    "position_from_end",
    "log_length",
    "relative_length",
    "relative_length_of_previous",
    "relative_length_of_next",
    "centrality",
    "centrality_forward",
    "centrality_backward",
    "centrality_rank",
    "lexrank",
    "centroid_similarity",
    "first_similarity",
    "previous_similarity",
    "next_similarity",
    "word_probability",
    "new_words",
    "word_length",
    "document_log_sentences",
    "document_log_length",
    "document_mean_centrality",
    "document_first_centrality",
    "document_type_token_ratio",
    "document_word_length",
)
_DAMPING = 0.85
_LEXRANK_STEPS = 10


@dataclass
class _TfIdf:
    """A sparse sentences × terms matrix with unit rows, entries sorted by term, then sentence."""

    rows: numpy.ndarray
    terms: numpy.ndarray
    values: numpy.ndarray
    first_of_term: numpy.ndarray  # index of the first entry of each entry's term
    n_rows: int
    n_terms: int

    def times(self, vector: numpy.ndarray) -> numpy.ndarray:
        """matrix @ vector, shape (sentences,)."""
        return self.sum_rows(self.values * vector[self.terms])

    def transposed_times(self, vector: numpy.ndarray) -> numpy.ndarray:
        """matrix.T @ vector, shape (terms,)."""
        return numpy.bincount(self.terms, self.values * vector[self.rows], self.n_terms)

    def sum_rows(self, entries: numpy.ndarray) -> numpy.ndarray:
        return numpy.bincount(self.rows, entries, self.n_rows)


def salience(words: numpy.ndarray, lengths: numpy.ndarray, chars: numpy.ndarray) -> numpy.ndarray:
    """Compute the features of every sentence of one document.

    words: The ids of all its words, integers, shape (sum of lengths,).
    lengths: The number of words of each sentence, shape (sentences,).
    chars: The number of characters of each word, shape (sum of lengths,).
    RETURNS: float32, shape (sentences, len(FEATURES)), each number within a few units of zero.
    """
    n = len(lengths)
    if n == 0:
        return numpy.zeros((0, len(FEATURES)), dtype="f")
    rows = numpy.repeat(numpy.arange(n), lengths)
    matrix, counts = _tfidf(words, rows, n)
    index = numpy.arange(n)
    mean_length = max(len(words) / n, 1.0)
    relative = numpy.log((lengths + 1) / (mean_length + 1))
    total = matrix.sum_rows(matrix.values * matrix.transposed_times(numpy.ones(n))[matrix.terms])
    backward = _sum_similarity_to_earlier(matrix)
    self_similarity = (lengths > 0).astype("f8")
    others = max(n - 1, 1)
    centrality = (total - self_similarity) / others
    neighbour = _similarity_to_next(matrix)
    features = {
        "is_first": index == 0,
        "is_last": index == n - 1,
        "reciprocal_rank": 1 / (index + 1),
        "position": index / n,
        "position_from_end": numpy.log1p(n - 1 - index) / 5,
        "log_length": numpy.log1p(lengths) / 3,
        "relative_length": relative,
        "relative_length_of_previous": _shift(relative, 1),
        "relative_length_of_next": _shift(relative, -1),
        "centrality": centrality * 10,
        "centrality_forward": (total - self_similarity - backward) / others * 10,
        "centrality_backward": backward / others * 10,
        "centrality_rank": centrality.argsort(kind="stable").argsort() / n,
        "lexrank": numpy.log(_lexrank(matrix, total) * n + 1e-3),
        "centroid_similarity": total / numpy.sqrt(max(total.sum(), 1e-9)) * 2,
        "first_similarity": _similarity_to_first(matrix) * 3,
        "previous_similarity": _shift(neighbour, 1) * 3,
        "next_similarity": neighbour * 3,
        "word_probability": _mean_word_probability(matrix, counts, lengths) * 20,
        "new_words": _share_of_new_terms(matrix),
        "word_length": numpy.bincount(rows, chars, n) / numpy.maximum(lengths, 1) / 5,
        "document_log_sentences": numpy.log1p(n) / 3,
        "document_log_length": numpy.log(mean_length + 1) / 3,
        "document_mean_centrality": centrality.mean() * 10,
        "document_first_centrality": centrality[0] * 10,
        "document_type_token_ratio": matrix.n_terms / max(len(words), 1),
        "document_word_length": chars.mean() / 5 if len(chars) else 0.0,
    }
    return tabulate(features, FEATURES, n)


def _tfidf(words: numpy.ndarray, rows: numpy.ndarray, n: int) -> tuple[_TfIdf, numpy.ndarray]:
    """The tf-idf matrix, and the number of times each of its entries occurs."""
    _, terms = numpy.unique(words, return_inverse=True)
    n_terms = int(terms.max()) + 1 if len(terms) else 0
    entries, counts = numpy.unique(terms * n + rows, return_counts=True)
    terms, rows = entries // n, entries % n
    df = numpy.bincount(terms, minlength=n_terms)
    idf = numpy.log1p((n - df + 0.5) / (df + 0.5))
    values = (1 + numpy.log(counts)) * idf[terms]
    norms = numpy.sqrt(numpy.bincount(rows, values**2, n))
    values = values / numpy.maximum(norms, 1e-9)[rows]
    starts = numpy.concatenate([[0], numpy.cumsum(df)[:-1]]).astype("i8")
    return _TfIdf(rows, terms, values, starts[terms], n, n_terms), counts


def _sum_similarity_to_earlier(matrix: _TfIdf) -> numpy.ndarray:
    # Entries are sorted by term and sentence: a running sum over a term's entries, less the
    # entry itself, is the sum of that term's column over all earlier sentences.
    running = numpy.concatenate([[0.0], numpy.cumsum(matrix.values)])
    earlier = running[:-1] - running[matrix.first_of_term]
    return matrix.sum_rows(matrix.values * earlier)


def _similarity_to_first(matrix: _TfIdf) -> numpy.ndarray:
    first = numpy.where(matrix.rows == 0, matrix.values, 0.0)
    return matrix.times(numpy.bincount(matrix.terms, first, matrix.n_terms))


def _similarity_to_next(matrix: _TfIdf) -> numpy.ndarray:
    # Neighbouring sentences that share a term have neighbouring entries.
    same = (matrix.terms[:-1] == matrix.terms[1:]) & (matrix.rows[:-1] + 1 == matrix.rows[1:])
    products = numpy.where(same, matrix.values[:-1] * matrix.values[1:], 0.0)
    return numpy.bincount(matrix.rows[:-1], products, matrix.n_rows)


def _lexrank(matrix: _TfIdf, degree: numpy.ndarray) -> numpy.ndarray:
    n = matrix.n_rows
    rank = numpy.full(n, 1 / n)
    # A sentence without words has no neighbours: it keeps its own rank.
    isolated = degree <= 0
    safe_degree = numpy.where(isolated, 1.0, degree)
    for _ in range(_LEXRANK_STEPS):
        spread = matrix.times(matrix.transposed_times(rank / safe_degree))
        rank = (1 - _DAMPING) / n + _DAMPING * numpy.where(isolated, rank, spread)
    return rank


def _mean_word_probability(
    matrix: _TfIdf, counts: numpy.ndarray, lengths: numpy.ndarray
) -> numpy.ndarray:
    probability = numpy.bincount(matrix.terms, counts, matrix.n_terms) / max(counts.sum(), 1)
    return matrix.sum_rows(counts * probability[matrix.terms]) / numpy.maximum(lengths, 1)


def _share_of_new_terms(matrix: _TfIdf) -> numpy.ndarray:
    is_first = matrix.first_of_term == numpy.arange(len(matrix.terms))
    ones = numpy.ones(len(matrix.terms))
    return matrix.sum_rows(is_first.astype("f8")) / numpy.maximum(matrix.sum_rows(ones), 1)


def _shift(values: numpy.ndarray, by: int) -> numpy.ndarray:
    """Move values along the sentences; zero comes in at the end."""
    shifted = numpy.zeros_like(values)
    if by > 0:
        shifted[by:] = values[:-by]
    else:
        shifted[:by] = values[-by:]
    return shifted

"""Which sentence has which term, as a sparse matrix, and how alike sentences are by it.

Everything takes time linear in the number of entries: similarities are never written out.
"""

from dataclasses import dataclass

import numpy

_DAMPING = 0.85
_LEXRANK_STEPS = 10


@dataclass(frozen=True)
class Counts:
    """How often sentences have terms, one entry for each sentence and term that meet.

    rows, terms, counts: Of each entry, sorted by term, then sentence.
    first_of_term: The index of the first entry of each entry's term.
    df: In how many sentences each term is.
    ids: What was counted, by term.
    n_rows: The number of sentences.
    """

    rows: numpy.ndarray
    terms: numpy.ndarray
    counts: numpy.ndarray
    first_of_term: numpy.ndarray
    df: numpy.ndarray
    ids: numpy.ndarray
    n_rows: int

    @property
    def n_terms(self) -> int:
        return len(self.ids)

    @property
    def is_new(self) -> numpy.ndarray:
        """Which entries are the first of their term, bool."""
        return self.first_of_term == numpy.arange(len(self.terms))

    def sum_rows(self, entries: numpy.ndarray) -> numpy.ndarray:
        """The sum of a number for each entry, by sentence."""
        return numpy.bincount(self.rows, entries, self.n_rows)

    def weigh(self, weights: numpy.ndarray) -> "TermMatrix":
        """tf-idf: one plus the logarithm of each count, times the weight of its term; unit rows.

        weights: Shape (terms,).
        """
        values = (1 + numpy.log(self.counts)) * weights[self.terms]
        norms = numpy.sqrt(self.sum_rows(values**2))
        return TermMatrix(self, values / numpy.maximum(norms, 1e-9)[self.rows])


def count_terms(ids: numpy.ndarray, rows: numpy.ndarray, n: int) -> Counts:
    """ids: Of all words of a document, integers.
    rows: The sentence of each.
    n: The number of sentences.
    """
    distinct, terms = numpy.unique(ids, return_inverse=True)
    entries, counts = numpy.unique(terms * n + rows, return_counts=True)
    terms, rows = entries // n, entries % n
    df = numpy.bincount(terms, minlength=len(distinct))
    starts = (numpy.cumsum(df) - df).astype("i8")
    return Counts(rows, terms, counts, starts[terms], df, distinct, n)


@dataclass(frozen=True)
class TermMatrix:
    """Sentences × terms with unit rows, so that a product of rows is a cosine.

    values: Of the entries of `counts`.
    """

    counts: Counts
    values: numpy.ndarray

    def times(self, vector: numpy.ndarray) -> numpy.ndarray:
        """matrix @ vector, shape (sentences,)."""
        return self.counts.sum_rows(self.values * vector[self.counts.terms])

    def transposed_times(self, vector: numpy.ndarray) -> numpy.ndarray:
        """matrix.T @ vector, shape (terms,)."""
        counts = self.counts
        return numpy.bincount(counts.terms, self.values * vector[counts.rows], counts.n_terms)

    def similarity_to_all(self) -> numpy.ndarray:
        """The sum of each sentence's similarities to all sentences, itself among them."""
        return self.times(self.transposed_times(numpy.ones(self.counts.n_rows)))

    def similarity_to_earlier(self) -> numpy.ndarray:
        """The sum of each sentence's similarities to those before it."""
        # Entries are sorted by term and sentence: a running sum over a term's entries, less the
        # entry itself, is the sum of that term's column over all earlier sentences.
        running = numpy.concatenate([[0.0], numpy.cumsum(self.values)])
        earlier = running[:-1] - running[self.counts.first_of_term]
        return self.counts.sum_rows(self.values * earlier)

    def similarity_to_first(self) -> numpy.ndarray:
        counts = self.counts
        first = numpy.where(counts.rows == 0, self.values, 0.0)
        return self.times(numpy.bincount(counts.terms, first, counts.n_terms))

    def similarity_to_next(self) -> numpy.ndarray:
        # Neighbouring sentences that share a term have neighbouring entries.
        rows, terms = self.counts.rows, self.counts.terms
        same = (terms[:-1] == terms[1:]) & (rows[:-1] + 1 == rows[1:])
        products = numpy.where(same, self.values[:-1] * self.values[1:], 0.0)
        return numpy.bincount(rows[:-1], products, self.counts.n_rows)

    def lexrank(self, degree: numpy.ndarray) -> numpy.ndarray:
        """PageRank over the similarities (Erkan & Radev 2004), some steps of the power method.

        degree: `similarity_to_all`.
        """
        n = self.counts.n_rows
        rank = numpy.full(n, 1 / n)
        # A sentence without words has no neighbours: it keeps its own rank.
        isolated = degree <= 0
        safe_degree = numpy.where(isolated, 1.0, degree)
        for _ in range(_LEXRANK_STEPS):
            spread = self.times(self.transposed_times(rank / safe_degree))
            rank = (1 - _DAMPING) / n + _DAMPING * numpy.where(isolated, rank, spread)
        return rank

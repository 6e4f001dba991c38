"""Reference summary → sentence labels: the greedy oracle.

Only n-grams of a reference matter: a document is kept as a sparse table of how often each sentence
has them. Capped by what the extract still misses of each n-gram, a sentence's counts are what it
would add. Floats find the best sentence of a step; exact fractions decide where several are close.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import chain, repeat

import numpy

from .rouge import tokenize

# Scores this close may be equal. The error of floats is far below, near 1e-16.
TOLERANCE = 1e-12


def greedy_oracle(
    sentences: Sequence[str], references: str | Sequence[str], max_sents: int | None = None
) -> list[int]:
    """Choose the sentences that together come closest to a reference summary.

    Sentences are added one by one, each time the one that raises ROUGE-1 F + ROUGE-2 F most,
    until none does (Nallapati et al. 2017; Liu & Lapata 2019). N-grams do not cross sentences.
    With several references, each gets its own oracle and the one that scores highest is kept.
    Of equal sentences, and of equal oracles, the first counts.

    sentences: The document's sentences.
    references: The reference summary, or several alternatives.
    max_sents: Stop at this many sentences; by default nothing but the score stops the search.
    RETURNS: The indices of the chosen sentences in document order; empty if no sentence shares
        a token with a reference.
    """
    table = NgramTable(sentences, references)
    limit = len(sentences) if max_sents is None else min(max_sents, len(sentences))
    found = [table.search(*reference, limit) for reference in table.references]
    _, chosen = max(found, key=lambda pair: pair[0], default=(0, []))
    return sorted(chosen)


def sentence_gains(sentences: Sequence[str], references: str | Sequence[str]) -> numpy.ndarray:
    """How close each sentence by itself comes to a reference: soft labels.

    RETURNS: The mean of ROUGE-1 F and ROUGE-2 F, 0 to 1, the best over the references, shape
        (sentences,).
    """
    table = NgramTable(sentences, references)
    gains = [numpy.zeros(len(sentences))]
    for wanted, size in table.references:
        gains.append(_add_f(table.count_hits(wanted), table.sizes + size) / 2)
    return numpy.max(gains, axis=0)


class NgramTable:
    """How often the n-grams of the references, 1 and 2 tokens long, occur in each sentence.

    There is an entry for each sentence and n-gram that meet, and those of sentence i are
    ``starts[i]:starts[i + 1]``. Numbers of uni- and bigrams have their own rows in shape (2, …).

    columns: The n-gram of each entry.
    slots: Its sentence; if the n-gram is a bigram, plus the number of sentences.
    counts: How often the one has the other.
    sizes: Uni- and bigrams of each sentence, also those of no reference, shape (2, sentences).
    references: For each reference, how often it has each n-gram, and its size, shape (2, 1).
    """

    def __init__(self, sentences: Sequence[str], references: str | Sequence[str]):
        if isinstance(references, str):
            references = [references]
        n = len(sentences)
        texts = [tokenize(text) for text in (*sentences, *references)]
        lengths = numpy.array([len(text) for text in texts], dtype="i8")
        sizes = numpy.maximum([lengths, lengths - 1], 0)

        ids = {token: i for i, token in enumerate(dict.fromkeys(chain.from_iterable(texts[n:])))}
        flat = map(ids.get, chain.from_iterable(texts), repeat(-1))
        tokens = numpy.fromiter(flat, dtype="i8", count=lengths.sum())
        rows = numpy.arange(len(texts)).repeat(lengths)
        rows, columns, width = _find_ngrams(tokens, rows, n, len(ids))
        cells, counts = numpy.unique(rows * width + columns, return_counts=True)
        rows, columns = numpy.divmod(cells, width)

        self.starts = rows.searchsorted(numpy.arange(n + 1))
        end = self.starts[n]
        self.columns = columns[:end]
        self.slots = rows[:end] + n * (self.columns >= len(ids))
        self.counts = counts[:end].astype("f8")
        self.sizes = sizes[:, :n]

        wanted = numpy.zeros((len(references), width))
        wanted[rows[end:] - n, columns[end:]] = counts[end:]
        # A reference without bigrams has no hits either: as if it had one, F is 0 instead of 0 / 0.
        wanted_sizes = numpy.maximum(sizes[:, n:], 1).T[:, :, None]
        self.references = list(zip(wanted, wanted_sizes, strict=True))

    def count_hits(self, wanted: numpy.ndarray) -> numpy.ndarray:
        """How many of the wanted n-grams each sentence has, shape (2, sentences)."""
        hits = numpy.minimum(self.counts, wanted[self.columns])
        return numpy.bincount(self.slots, hits, self.sizes.size).reshape(self.sizes.shape)

    def search(
        self, wanted: numpy.ndarray, size: numpy.ndarray, limit: int
    ) -> tuple[Fraction, list[int]]:
        """The oracle of a reference: its score, and its sentences in the order of choice."""
        best, chosen = Fraction(0), []
        missing = wanted.copy()
        hits, sizes = numpy.zeros((2, 1)), self.sizes + size
        while len(chosen) < limit:
            gains = self.count_hits(missing)
            gains[:, chosen] = 0
            candidates = hits + gains
            scores = _add_f(candidates, sizes)
            (close,) = numpy.nonzero(scores >= scores.max() - TOLERANCE)
            exact = [_add_f_exactly(candidates[:, i], sizes[:, i]) for i in close]
            score = max(exact)
            if score <= best:
                break
            best, sent = score, int(close[exact.index(score)])
            chosen.append(sent)
            hits = candidates[:, [sent]]
            sizes += self.sizes[:, [sent]]
            entries = slice(self.starts[sent], self.starts[sent + 1])
            missing[self.columns[entries]] -= self.counts[entries]
            numpy.maximum(missing, 0, out=missing)
        return best, chosen


def _find_ngrams(
    tokens: numpy.ndarray, rows: numpy.ndarray, n_sents: int, n_ids: int
) -> tuple[numpy.ndarray, numpy.ndarray, int]:
    """Every place where a sentence or reference has an n-gram of a reference.

    tokens: The ids of all tokens, one text after the other; -1 for those of no reference.
    rows: The text of each token: the sentences, then the references.
    RETURNS: The text and the n-gram of each place; the number of n-grams, unigrams (ids) first.
    """
    (known,) = numpy.nonzero(tokens >= 0)
    tokens, rows = tokens[known], rows[known]
    (first,) = numpy.nonzero((numpy.diff(known) == 1) & (numpy.diff(rows) == 0))
    pairs = tokens[first] * n_ids + tokens[first + 1]
    # The number at the end is no pair's: it gives every pair a place in the array.
    bigrams = numpy.unique(numpy.append(pairs[rows[first] >= n_sents], n_ids**2))
    places = bigrams.searchsorted(pairs)
    found = bigrams[places] == pairs
    rows = numpy.concatenate([rows, rows[first[found]]])
    columns = numpy.concatenate([tokens, n_ids + places[found]])
    return rows, columns, n_ids + len(bigrams)


def _add_f(hits: numpy.ndarray, sizes: numpy.ndarray) -> numpy.ndarray:
    """ROUGE-1 F + ROUGE-2 F; `sizes` are the n-grams of extract and reference together."""
    return (2 * hits / sizes).sum(axis=0)


def _add_f_exactly(hits: numpy.ndarray, sizes: numpy.ndarray) -> Fraction:
    (a, b), (m, n) = hits.astype(int).tolist(), sizes.tolist()
    return Fraction(2 * (a * n + b * m), m * n)

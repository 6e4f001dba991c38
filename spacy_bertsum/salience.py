"""Sentences → salience features: position, length and centrality inside the document.

What unsupervised summarizers know of a sentence, as numbers for a trained head: LexRank (Erkan
& Radev 2004), forward and backward centrality (PacSum; Zheng & Lapata 2019), similarity to the
centroid (Radev et al. 2004), word probability (SumBasic; Nenkova & Vanderwende 2005), and a few
figures about the document as a whole, by which a head can tell a news item from a paper.
Everything is counted on word ids, so it works in every language, and takes time linear in the
length of the document.
"""

import numpy

from . import centrality
from .features import shift, tabulate
from .term_matrix import Counts, count_terms

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
    *centrality.FEATURES,
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
    counts = count_terms(words, rows, n)
    matrix = counts.weigh(numpy.log1p((n - counts.df + 0.5) / (counts.df + 0.5)))
    index = numpy.arange(n)
    mean_length = max(len(words) / n, 1.0)
    relative = numpy.log((lengths + 1) / (mean_length + 1))
    central = centrality.centrality(matrix)
    features = {
        "is_first": index == 0,
        "is_last": index == n - 1,
        "reciprocal_rank": 1 / (index + 1),
        "position": index / n,
        "position_from_end": numpy.log1p(n - 1 - index) / 5,
        "log_length": numpy.log1p(lengths) / 3,
        "relative_length": relative,
        "relative_length_of_previous": shift(relative, 1),
        "relative_length_of_next": shift(relative, -1),
        **central,
        "word_probability": _mean_word_probability(counts, lengths) * 20,
        "new_words": _share_of_new_terms(counts),
        "word_length": numpy.bincount(rows, chars, n) / numpy.maximum(lengths, 1) / 5,
        "document_log_sentences": numpy.log1p(n) / 3,
        "document_log_length": numpy.log(mean_length + 1) / 3,
        "document_mean_centrality": central["centrality"].mean(),
        "document_first_centrality": central["centrality"][0],
        "document_type_token_ratio": counts.n_terms / max(len(words), 1),
        "document_word_length": chars.mean() / 5 if len(chars) else 0.0,
    }
    return tabulate(features, FEATURES, n)


def _mean_word_probability(counts: Counts, lengths: numpy.ndarray) -> numpy.ndarray:
    probability = numpy.bincount(counts.terms, counts.counts, counts.n_terms)
    probability = probability / max(counts.counts.sum(), 1)
    shares = counts.sum_rows(counts.counts * probability[counts.terms])
    return shares / numpy.maximum(lengths, 1)


def _share_of_new_terms(counts: Counts) -> numpy.ndarray:
    ones = numpy.ones(len(counts.terms))
    return counts.sum_rows(counts.is_new.astype("f8")) / numpy.maximum(counts.sum_rows(ones), 1)

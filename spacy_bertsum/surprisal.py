"""Word pieces → features that weigh them by how rare they are in texts at large.

The words of one document don't tell which of them are rare: in a report on the economy "economy"
is as frequent as "of". A Unigram tokenizer knows how probable each piece is in all that it was
trained on (Kudo 2018). The negative logarithm of that, its surprisal, does what inverse document
frequency in a large corpus does for LexRank (Erkan & Radev 2004).
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy
import srsly

from . import centrality
from .features import tabulate
from .term_matrix import count_terms

CENTRALITY = tuple(f"surprisal_{name}" for name in centrality.FEATURES)
FEATURES = (
    "surprisal",
    "relative_surprisal",
    *CENTRALITY,
    "surprisal_new",
    "document_surprisal",
    "document_mean_surprisal_centrality",
)
# The surprisal, in nats, of a piece that tells nothing: those of "the" and "of" are near 6.8 in a
# vocabulary of thirty languages, that of "government" is 11.
_COMMON = 5.0


def weigh_pieces(tokenizer: Any) -> numpy.ndarray:
    """How much each piece of a tokenizer's vocabulary tells, by id, at least 0.

    Pieces without a letter or digit tell nothing, and neither do special ones and those that were
    added to the vocabulary later.

    tokenizer: A fast one of the transformers library.

    Raises ValueError if it does not know how probable its pieces are.
    """
    model = srsly.json_loads(tokenizer.backend_tokenizer.to_str())["model"]
    if model["type"] != "Unigram":
        raise ValueError(
            f"A tokenizer of type {model['type']} does not know how probable its word pieces are: "
            "leave surprisal = true out of the config, or take an encoder with a Unigram "
            "tokenizer, such as XLM-R."
        )
    logs = numpy.array([log for _, log in model["vocab"]])
    is_word = numpy.array([any(map(str.isalnum, piece)) for piece, _ in model["vocab"]], dtype=bool)
    weights = numpy.zeros(len(tokenizer))
    weights[: len(logs)] = numpy.where(is_word, numpy.maximum(-logs - _COMMON, 0.0), 0.0)
    weights[tokenizer.all_special_ids] = 0.0
    return weights


def describe(sents: Sequence[Sequence[int]], weights: numpy.ndarray) -> numpy.ndarray:
    """`surprisal` of a document's sentences, each the ids of its pieces."""
    pieces = numpy.fromiter(chain.from_iterable(sents), dtype="i8")
    return surprisal(pieces, numpy.array([len(sent) for sent in sents], dtype="i8"), weights)


def surprisal(
    pieces: numpy.ndarray, lengths: numpy.ndarray, weights: numpy.ndarray
) -> numpy.ndarray:
    """Compute the features of every sentence of one document.

    pieces: The ids of all its pieces, integers, shape (sum of lengths,).
    lengths: The number of pieces of each sentence, shape (sentences,).
    weights: Of the vocabulary, see `weigh_pieces`.
    RETURNS: float32, shape (sentences, len(FEATURES)), each number within a few units of zero.
    """
    n = len(lengths)
    if n == 0:
        return numpy.zeros((0, len(FEATURES)), dtype="f")
    rows = numpy.repeat(numpy.arange(n), lengths)
    by_piece = weights[pieces]
    told = numpy.bincount(rows, by_piece, n)
    tells = by_piece > 0
    counts = count_terms(pieces[tells], rows[tells], n)
    by_term = weights[counts.ids]
    central = centrality.centrality(counts.weigh(by_term))
    information = (1 + numpy.log(counts.counts)) * by_term[counts.terms]
    new = counts.sum_rows(counts.is_new * information)
    new = new / numpy.maximum(counts.sum_rows(information), 1e-9)
    features = {
        "surprisal": told / numpy.maximum(lengths, 1) / 5,
        "relative_surprisal": numpy.log((told + 5) / (told.mean() + 5)),
        **dict(zip(CENTRALITY, central.values(), strict=True)),
        "surprisal_new": new,
        "document_surprisal": told.sum() / max(lengths.sum(), 1) / 5,
        "document_mean_surprisal_centrality": central["centrality"].mean(),
    }
    return tabulate(features, FEATURES, n)

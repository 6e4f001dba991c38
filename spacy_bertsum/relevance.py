"""How much the sentences of a document have to do with a query, in any language.

Three ways of looking, each of which misses what another sees: the meaning of whole sentences, that
of single words, and letters that both have in common, such as those of names and numbers.
"""

import unicodedata
from collections.abc import Sequence

import numpy
import regex
from thinc.types import Floats1d, Floats2d

# Short enough for words that are inflected, and for scripts without spaces.
NGRAM_SIZES = (2, 3)
_BETWEEN_WORDS = regex.compile(r"[^\p{L}\p{M}\p{N}]+")


def compare_vectors(query: Floats2d, sents: Sequence[Floats2d]) -> Floats1d:
    """The cosine of mean vectors.

    query: Vectors of its word pieces, shape (pieces, width).
    sents: Those of each sentence, one piece at least.
    RETURNS: -1 to 1, shape (sentences,).
    """
    means = numpy.stack([sent.mean(axis=0) for sent in sents])
    return unit(means) @ unit(query.mean(axis=0))


def compare_pieces(query: Floats2d, sents: Sequence[Floats2d]) -> Floats1d:
    """The mean over the query's pieces of the cosine to the sentence's piece most like it.

    The recall of BERTScore (Zhang et al. 2020, https://arxiv.org/abs/1904.09675).

    query, sents, RETURNS: As in `compare_vectors`.
    """
    wanted = unit(query).T
    return numpy.array([(unit(sent) @ wanted).max(axis=0).mean() for sent in sents])


def compare_letters(query: str, sents: Sequence[str]) -> Floats1d:
    """The share of the query's n-grams of letters that a sentence has.

    Those that few sentences have count more, as in tf-idf.

    RETURNS: 0 to 1, shape (sentences,).
    """
    found = [_find_ngrams(sent) for sent in sents]
    wanted = sorted(_find_ngrams(query))
    has = numpy.array([[ngram in ngrams for ngram in wanted] for ngrams in found], dtype="f8")
    weights = numpy.log((len(sents) + 1) / (has.sum(axis=0) + 1))
    return has @ weights / max(float(weights.sum()), 1e-9)


def _find_ngrams(text: str) -> set[str]:
    """Within words and across the space between two."""
    words = _BETWEEN_WORDS.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()
    text = f" {words} "
    return {text[i : i + size] for size in NGRAM_SIZES for i in range(len(text) - size + 1)}


def unit(vectors: numpy.ndarray) -> numpy.ndarray:
    """Vectors of length 1, whose products are cosines; zeros stay zeros."""
    return vectors / numpy.maximum(numpy.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)

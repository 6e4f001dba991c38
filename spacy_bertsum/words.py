"""What counts as a word of a document, for limits, similarity and salience alike."""

import numpy
from spacy.attrs import IS_PUNCT, IS_SPACE, LOWER, ORTH
from spacy.tokens import Doc


def get_words(doc: Doc) -> tuple[numpy.ndarray, numpy.ndarray]:
    """The ids of a document's tokens by lower-cased form, and which tokens are words.

    RETURNS: uint64 and bool, shape (tokens,).
    """
    orth, lower = doc.to_array([ORTH, LOWER]).T
    # A vocab made without a language knows no lower-case forms.
    return numpy.where(lower == 0, orth, lower), get_is_word(doc)


def get_is_word(doc: Doc) -> numpy.ndarray:
    """Which tokens are words, bool, shape (tokens,). Punctuation and white space are none."""
    return (doc.to_array([IS_PUNCT, IS_SPACE]) == 0).all(axis=1)

"""What counts as a word of a document, for limits, similarity and salience alike."""

import numpy
from spacy.attrs import IS_PUNCT, IS_SPACE, LOWER, ORTH
from spacy.tokens import Doc


def get_words(doc: Doc) -> tuple[numpy.ndarray, numpy.ndarray]:
    """The ids of a document's tokens by lower-cased form, and which tokens are words.

    RETURNS: uint64 and bool, shape (tokens,). Punctuation and white space are no words.
    """
    orth, lower, is_punct, is_space = doc.to_array([ORTH, LOWER, IS_PUNCT, IS_SPACE]).T
    # A vocab made without a language knows no lower-case forms.
    ids = numpy.where(lower == 0, orth, lower)
    return ids, (is_punct == 0) & (is_space == 0)

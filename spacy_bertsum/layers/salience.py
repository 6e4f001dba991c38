"""Docs → salience features of their sentences, as a layer of its own."""

from collections.abc import Callable

import numpy
from spacy.attrs import LENGTH
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from .. import layout, salience
from ..words import get_words
from .pieces import get_sents, get_texts

FEATURES = salience.FEATURES + layout.FEATURES
# An odd multiplier mixes two word ids into one; overflow of the 64 bits is wanted.
_MIX = numpy.uint64(0x9E3779B97F4A7C15)


def salience_layer() -> Model[list[Doc], list[Floats2d]]:
    """Compute `spacy_bertsum.salience` and `spacy_bertsum.layout` for documents.

    The layer has no weights and no gradient.
    """
    return Model("salience", _forward, dims={"nO": len(FEATURES)})


def _forward(model: Model, docs: list[Doc], is_train: bool) -> tuple[list[Floats2d], Callable]:
    features = [model.ops.asarray2f(doc_salience(doc)) for doc in docs]
    return features, lambda d_features: docs


def doc_salience(doc: Doc) -> numpy.ndarray:
    """The features of a document's sentences, shape (sentences, len(FEATURES)).

    Where tokens are single characters, as in Chinese, pairs of neighbours stand for words.
    """
    sents = get_sents(doc)
    ids, is_word = get_words(doc)
    starts = numpy.zeros(len(doc), dtype="i8")
    starts[[sent.start for sent in sents]] = 1
    sent_of_word = (starts.cumsum() - 1)[is_word]
    words, chars = ids[is_word], doc.to_array(LENGTH)[is_word]
    following = numpy.append(words[1:], numpy.uint64(0))
    has_pair = (chars == 1) & (numpy.append(sent_of_word[1:], -1) == sent_of_word)
    words = numpy.where(has_pair, words * _MIX + following, words)
    lengths = numpy.bincount(sent_of_word, minlength=len(sents))
    of_words = salience.salience(words, lengths, chars.astype("f8"))
    return numpy.hstack([of_words, layout.layout(get_texts(sents))])

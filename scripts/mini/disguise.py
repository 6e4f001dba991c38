"""Documents as they would look in a script or a language that an encoder can't read.

A head that has seen some learns what to do without vectors that mean anything.
"""

import random

import numpy
from transformers import PreTrainedTokenizerBase

from scripts.mini.documents import Document
from scripts.mini.respell import respell

# Of the letters of a respelt document, the least share that others take the place of.
LEAST_RESPELT = 0.2


def disguise(
    document: Document,
    tokenizer: PreTrainedTokenizerBase,
    weights: numpy.ndarray,
    rng: random.Random,
) -> Document:
    """The same document with other pieces, in one of three ways.

    Of five documents three are in another spelling, as in a language that the encoder lacks, in a
    script that it has. In one, every other piece is unknown and the rest are word beginnings, as in
    a script that it lacks. In one, every piece has become another one throughout.

    weights: Of the tokenizer's pieces, see `spacy_bertsum.surprisal.weigh_pieces`.
    """
    (change,) = rng.choices((_respell, _hide, _exchange), weights=(3, 1, 1))
    return document.read_as(change(document, tokenizer, rng), weights)


def _respell(
    document: Document, tokenizer: PreTrainedTokenizerBase, rng: random.Random
) -> list[numpy.ndarray]:
    texts = respell(document.sents, rng.uniform(LEAST_RESPELT, 1.0), rng)
    ids = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
    return [numpy.array(row, dtype="i8") for row in ids]


def _hide(
    document: Document, tokenizer: PreTrainedTokenizerBase, rng: random.Random
) -> list[numpy.ndarray]:
    space_and_unknown = tokenizer.convert_tokens_to_ids(["▁", tokenizer.unk_token])
    return [numpy.resize(space_and_unknown, len(pieces)) for pieces in document.pieces]


def _exchange(
    document: Document, tokenizer: PreTrainedTokenizerBase, rng: random.Random
) -> list[numpy.ndarray]:
    others = numpy.random.default_rng(rng.randrange(2**32)).permutation(len(tokenizer))
    return [others[pieces] for pieces in document.pieces]

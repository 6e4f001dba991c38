"""Documents as they would look in a script or a language that an encoder can't read.

A head that has seen some learns what to do without vectors that mean anything.
"""

import random
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy
from transformers import PreTrainedTokenizerBase

from scripts.mini.documents import Document

VOWELS = frozenset("aeiouyаеиоуыэюяіє")
# Of the letters of a respelt document, the least share that others take the place of.
LEAST_RESPELT = 0.2


def disguise(
    document: Document, tokenizer: PreTrainedTokenizerBase, rng: random.Random
) -> Document:
    """The same document with other pieces, in one of three ways.

    Of five documents three are in another spelling, as in a language that the encoder lacks, in a
    script that it has. In one, every other piece is unknown and the rest are word beginnings, as in
    a script that it lacks. In one, every piece has become another one throughout.
    """
    (change,) = rng.choices((_respell, _hide, _exchange), weights=(3, 1, 1))
    return replace(document, pieces=change(document, tokenizer, rng))


def _respell(
    document: Document, tokenizer: PreTrainedTokenizerBase, rng: random.Random
) -> list[numpy.ndarray]:
    texts = respell(document.sents, rng.uniform(LEAST_RESPELT, 1.0), rng)
    ids = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
    return [numpy.array(row) for row in ids]


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


def respell(texts: Sequence[str], share: float, rng: random.Random) -> list[str]:
    """Texts in NFKC and lower case in which letters have changed places with others of their kind,
    vowels with vowels, the same way in all of them.

    Words stay as long, as frequent and as well to pronounce as they were; numbers, punctuation and
    word order stay. With a few letters changed that is like a neighbouring language, with all of
    them like one that has no relative.

    share: Of the letters of each kind, to change places among each other.
    """
    # Decomposed, a letter keeps its accents, and a syllable of Hangul is its letters.
    parts = [unicodedata.normalize("NFKD", text).lower() for text in texts]
    kinds: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
    for letter in sorted(set().union(*parts)):
        if kind := _find_kind(letter):
            kinds[kind].append(letter)
    table = {}
    for letters in kinds.values():
        some = rng.sample(letters, round(share * len(letters)))
        # Turned by one, none stays where it is.
        table |= dict(zip(some, some[1:] + some[:1], strict=True))
    spelling = str.maketrans(table)
    return [unicodedata.normalize("NFKC", part.translate(spelling)) for part in parts]


def _find_kind(letter: str) -> tuple[str, str, bool] | None:
    """Its script, its category and whether it is a vowel; None if it is no letter."""
    category = unicodedata.category(letter)
    # Many vowels of Indian scripts are spacing marks. Marks without space are accents elsewhere.
    if category[0] == "L" or category == "Mc":
        words = unicodedata.name(letter, "").split()[:2]
        # A Hangul letter's name says where in a syllable it stands.
        script = " ".join(words) if words[:1] == ["HANGUL"] else " ".join(words[:1])
        return script, category, letter in VOWELS
    return None

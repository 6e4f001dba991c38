"""Texts in another spelling: a language that nobody knows, in a script that is known."""

import random
import unicodedata
from collections import defaultdict
from collections.abc import Sequence

VOWELS = frozenset("aeiouyаеиоуыэюяіє")


def respell(texts: Sequence[str], share: float, rng: random.Random) -> list[str]:
    """The same texts, in NFKC, but for letters that have changed places with others of their kind,
    vowels with vowels, the same way in all of them.

    Words stay as long, as frequent and as well to pronounce as they were; case, numbers,
    punctuation and word order stay. With a few letters changed that is like a neighbouring
    language, with all of them like one that has no relative.

    share: Of the letters of each kind, to change places among each other.
    """
    # Decomposed, a letter keeps its accents, and a syllable of Hangul is its letters.
    parts = [unicodedata.normalize("NFKD", text) for text in texts]
    kinds: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
    for letter in sorted({letter for part in parts for letter in part.lower()}):
        if kind := _find_kind(letter):
            kinds[kind].append(letter)
    table = {}
    for letters in kinds.values():
        some = rng.sample(letters, round(share * len(letters)))
        # Turned by one, none stays where it is.
        table |= dict(zip(some, some[1:] + some[:1], strict=True))
    capitals = {old.upper(): new.upper() for old, new in table.items() if len(old.upper()) == 1}
    spelling = str.maketrans(table | capitals)
    return [unicodedata.normalize("NFKC", part.translate(spelling)) for part in parts]


def _find_kind(letter: str) -> tuple[str, str, bool] | None:
    """Its script, its category and whether it is a vowel; None if it is no letter."""
    category = unicodedata.category(letter)
    # Many vowels of Indian scripts are spacing marks. Marks without space are accents elsewhere.
    if category[0] == "L" or category == "Mc":
        name = unicodedata.name(letter, "")
        # The second word of a Hangul letter's name says where in a syllable it stands.
        script = " ".join(name.split()[: 2 if name.startswith("HANGUL") else 1])
        return script, category, letter in VOWELS
    return None

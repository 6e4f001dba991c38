"""Where the sentences of a text start: the library sentencex, and what it leaves open.

sentencex knows sentence punctuation and abbreviations of about 300 languages. It does not know that
a title without a full stop ends at its line break, and finds no sentence in Thai, which has no full
stop at all.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

import regex
from sentencex import get_sentence_boundaries

from .codes import base

# Only lines of this many characters can be wrapped text, with line breaks inside sentences.
WRAPPED_LINE = (40, 100)

# In Thai, Lao and Tibetan a space ends a sentence, but also a clause or a name. It is taken for
# the end of a sentence where both sides have this many characters: Thai news then gives sentences
# of 93 characters on average.
MIN_SPACED_SENTENCE = 60

_SPACED = re.compile(
    r"(?<=[\u0e00-\u0e7f])\s+(?=[\u0e00-\u0e7f])"
    r"|(?<=[\u0e80-\u0eff])\s+(?=[\u0e80-\u0eff])"
    r"|(?<=[\u0f0d-\u0f11])\s+(?=[\u0f00-\u0fbc])"
)

# Full stops that sentencex does not know, with closing quotes and brackets: Khmer ones, except in
# "etc."; the Ethiopic one typed as two word spaces; a bar for the danda of Indian scripts; Chinese
# ones before a digit, where no quotation goes on.
_FULL_STOP = regex.compile(
    r"(?:(?!\u17d4\u179b\u17d4)(?<!\u17d4\u179b)[\u17d4\u17d5]+"
    r"|\u1361\u1361+|(?<=[\u0900-\u0dff])\s?\|(?=\s|$))[\"'”’»)\]]*\s*"
    r"|(?=[。！？]+\s*\d)(?<![“「『][^”」』]{0,200})[。！？]+\s*|[。！？]+[”」』）]+\s*(?=\d)"
)

# What sentencex takes for the end of a sentence, and is none: a full stop after one letter (an
# initial, French "M.") or in Thai (an abbreviation), the Burmese comma and genitive, a decimal
# point between digits of any script, a quotation that the sentence goes on after. Marks are no part
# of \w: without them, a letter after a vowel sign would pass for a word of one letter. A letter
# after an apostrophe is an initial if it is a capital ("d'A. Camus"), or else the end of a word
# ("couldn't."); of small letters with an accent some are words.
_NO_FULL_STOP = regex.compile(
    r"(?:(?:(?<![\w\p{M}'’ʼ°])(?![àèéêíòóôùú])\p{L}|(?<=['’])\p{Lu})\p{M}*\.|[\u0e00-\u0e7f]\."
    r"|[\u104a\u104f])\s*"
    r"|(?<=\d)\.(?=\d)"
    r"|(?<=[」』”\"’])(?=と(?!ころ|ても|もあれ|はいえ)|って|などと|(?:이?라|다)?(?:고|며|는|면서)\s|라[고는며])"
)

# Where ordinals have a full stop, a number before a small letter is one ("3. maja").
_ORDINAL = regex.compile(r"\d\.[^\S\n]+(?=\p{Ll})")
_ORDINAL_LANGUAGES = (
    *("bs", "cs", "da", "de", "et", "eu", "fi", "fo", "hr", "hsb", "hu", "is", "lb", "lt", "lv"),
    *("nb", "nn", "no", "pl", "sk", "sl", "sr", "sv", "tr"),
)

# What makes an ordinal of a number before a capital, in German.
_GERMAN_BEFORE_ORDINAL = (
    r"(?i:de[rmns]|die|das|[ai]m|zu[mr]|vom|[dkms]?ein(?:e[mnrs]?)?|(?:ihr|unser)(?:e[mnrs]?)?"
    r"|jede[mnrs])|(?:Mon|Diens|Donners|Frei|Sams|Sonn)tag,|Mittwoch,"
)
_GERMAN_AFTER_ORDINAL = (
    r"Januar|Jänner|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember"
    r"|Quartal|Jahrhundert|Geburtstag|Jahrestag|Klasse|Platz"
)

# The same by language: abbreviations that sentencex lacks and that end no sentence.
_SOUTH_SLAVIC = "npr|mil|tj|ul|tzv|dr"
_NO_FULL_STOP_IN = {
    lang: regex.compile(rf"(?<!\w)(?:{words})\.[^\S\n]+")
    for lang, words in {
        "bs": _SOUTH_SLAVIC,
        "cs": r"Ph\.D|tzv|tj|např|mil",
        "de": rf"(?:{_GERMAN_BEFORE_ORDINAL}) \d\d?|\d\d?(?=\.[^\S\n]+(?:{_GERMAN_AFTER_ORDINAL}))",
        "el": r"τετρ|χλμ|εκατ|δισ",
        "en": r"Ms",
        "hr": _SOUTH_SLAVIC,
        "hu": r"[Kk]b|ún|ill|Dr|özv|id|ifj",
        "id": r"Jl|Ir|Rp|Drs",
        "lo": r"ດຣ|ພນ",
        "pl": r"tzw|tj|m\.in|ul|im|godz|tys|prof|hab",
        "pt": r"Srta|Av",
        "sr": rf"{_SOUTH_SLAVIC}|нпр|мил|тј|ул|тзв|др",
        "sv": r"dvs|milj|t\.ex|bl\.a|kl",
        "sw": r"Dkt|Mh|Bw|Bi",
        "tr": r"Doç|Av",
        "vi": r"TP|PGS|TS|ThS|GS|BS|Th\.S",
    }.items()
}

# English words that begin a sentence after a single letter ("vitamin C. He …", "8 a.m. It …"), and
# words that sentencex takes for abbreviations, before a capital.
_FULL_STOP_IN_ENGLISH = regex.compile(
    r"(?<!\w)(?:art|id|ill|me|miss|no|ok|May)\.\s+(?=\p{Lu})"
    r"|(?<!\w)\p{L}\.\s+(?=(?:The|It|He|She|They|We|You|This|That|These|Those|There|But|And|"
    r"However|His|Her|Its|Their|Our|In|On|At|As|When|While|After)\b)"
)

# In a language with full stops, spaces end no sentence.
_LAO_FULL_STOP = re.compile(r"[\u0e80-\u0eff]\.")

# Between two straight quotes sentencex finds no sentence. But in Hebrew words they are gershayim,
# and an apostrophe is a letter, or after punctuation the end of a quotation.
_NOT_STRAIGHT = (
    (re.compile(r"(?<=[\u05d0-\u05ea])\"(?=[\u05d0-\u05ea])"), "\N{HEBREW PUNCTUATION GERSHAYIM}"),
    (re.compile(r"(?<![^\w\s]|')'(?!')"), "\N{MODIFIER LETTER APOSTROPHE}"),
    (re.compile(r"(?<!')'(?!')"), "\N{RIGHT SINGLE QUOTATION MARK}"),
)

_LETTER = re.compile(r"[^\W\d_]")
# Georgian has small letters alone.
_CASED = regex.compile(r"(?!\p{Georgian})[\p{Lu}\p{Ll}]")
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")

# Characters for one call of sentencex: where there are no spaces between words it needs time in
# the square of this number.
_WINDOW = 2000


def find_sentences(text: str, lang: str) -> list[int]:
    """Find the sentences of a text.

    A sentence also ends at a line break, unless the text is wrapped: the line has 40 characters
    or more and the next one begins with a lower-case letter; in a block with such a line, and no
    line over 100 characters, also where the next word did not fit on the line. In a script without
    capitals, nine of ten lines must be so full. White space after a sentence belongs to it, and so
    do pieces without a letter or digit; a piece without letters, like the number of a list item,
    belongs to what follows.

    text: The text, with any line breaks.
    lang: The ISO 639 code of its language, of two or three letters, or its English name. For
        one that sentencex does not know, the rules of a related language or of English hold.
    RETURNS: Where sentences start, in characters, ascending. Empty for a text without
        a letter or digit.
    """
    code = base(lang)
    starts: list[int] = []
    for start, end in _paragraphs(text):
        if _LETTER_OR_DIGIT.search(text, start, end):
            starts.extend(start + offset for offset in _sentences(text[start:end], code))
    return starts


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of what stands between the line breaks that end a sentence."""
    lines = []  # each without the white space around it, and where it starts
    end = 0
    for line in text.splitlines(keepends=True):
        lines.append((line.strip(), end + len(line) - len(line.lstrip())))
        end += len(line)
    for filled, block in groupby(lines, key=lambda line: bool(line[0])):
        if not filled:
            continue
        contents, offsets = zip(*block, strict=True)
        start = 0
        for i, wrapped in enumerate([*_wrapped(contents), False]):
            if not wrapped:
                yield offsets[start], offsets[i] + len(contents[i])
                start = i + 1


def _wrapped(lines: Sequence[str]) -> list[bool]:
    """Whether a sentence goes on over the line break, for every line but the last."""
    shortest, longest = WRAPPED_LINE
    width = max(map(len, lines))
    full = [len(line) + len(after.split()[0]) >= width for line, after in pairwise(lines)]
    if not any(map(_CASED.search, lines)):
        # No letter says that a sentence goes on: nearly all lines must be full, and more than one.
        is_wrapped = shortest <= width <= longest and len(full) > 1 and sum(full) >= 0.9 * len(full)
        return [is_wrapped] * len(full)
    wrapped = [len(line) >= shortest and after[0].islower() for line, after in pairwise(lines)]
    if any(wrapped) and width <= longest:
        return [a or b for a, b in zip(wrapped, full, strict=True)]
    return wrapped


def _sentences(paragraph: str, lang: str) -> Iterator[int]:
    """Where the sentences of a paragraph start; the first one is 0."""
    bounds = {*_boundaries(paragraph, lang), *_ends(_FULL_STOP, paragraph)}
    bounds.difference_update(_ends(_NO_FULL_STOP, paragraph))
    if lang in _ORDINAL_LANGUAGES:
        bounds.difference_update(_ends(_ORDINAL, paragraph))
    if lang in _NO_FULL_STOP_IN:
        bounds.difference_update(_ends(_NO_FULL_STOP_IN[lang], paragraph))
    if lang == "en":
        bounds.update(_ends(_FULL_STOP_IN_ENGLISH, paragraph))
    bounds.update((0, len(paragraph)))
    starts = []
    lettered = True
    for start, end in pairwise(sorted(bounds)):
        letter = _LETTER.search(paragraph, start, end) is not None
        if not starts or (lettered and _LETTER_OR_DIGIT.search(paragraph, start, end)):
            starts.append(start)
            lettered = letter
        else:
            lettered = lettered or letter
    for start, end in pairwise([*starts, len(paragraph)]):
        yield start
        if _LAO_FULL_STOP.fullmatch(paragraph[start:end].rstrip()[-2:]):
            continue
        for space in _SPACED.finditer(paragraph, start, end):
            if min(space.start() - start, end - space.end()) >= MIN_SPACED_SENTENCE:
                start = space.end()
                yield start


def _ends(pattern: regex.Pattern[str], paragraph: str) -> Iterator[int]:
    return (match.end() for match in pattern.finditer(paragraph))


def _boundaries(paragraph: str, lang: str) -> Iterator[int]:
    """Where sentencex starts a sentence. A window ends at the last start found in it."""
    for straight, other in _NOT_STRAIGHT:
        paragraph = straight.sub(other, paragraph)
    start, size = 0, _WINDOW
    while start < len(paragraph):
        found = get_sentence_boundaries(lang, paragraph[start : start + size])
        offsets = [start + sentence["start_index"] for sentence in found]
        yield from offsets
        if start + size >= len(paragraph):
            return
        size = _WINDOW if len(offsets) > 1 else 2 * size
        start = offsets[-1]

"""How sentences are printed and joined: pure functions on strings.

Han and Kana are the scripts at issue: Chinese and Japanese put nothing between sentences, while
Thai, Lao, Khmer and Burmese, which put nothing between words, do put a space between sentences.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from operator import add

# Characters of text that runs on without spaces: Han, Kana, Bopomofo and their punctuation,
# which carries its own space within its width.
_RUNS_ON = (
    "\u2e80-\u2fdf\u3001-\u303f\u3040-\u312f\u31a0-\u31ff\u3220-\u325f\u3280-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff9f\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
_runs_on = re.compile(f"[{_RUNS_ON}]").match
_find_units = re.compile(rf"(?P<char>[{_RUNS_ON}])|(?:(?![{_RUNS_ON}])\w)+").finditer
_has_no_full_stop = re.compile("[\u0e00-\u0eff]").match
# Punctuation that Chinese shares with other scripts: what stands beyond it says which it is here.
_SHARED = "‘’“”…—·"
# May stand behind the last word or full stop; "]" is that of a note.
_CLOSING = "\"'’”“»«›‹」』)）\ufe0e\ufe0f"
_BREAKS = "\n\v\f\r\x1c-\x1e\x85\u2028\u2029"
_has_break = re.compile(f"[{_BREAKS}]").search
# A single space of any width is left alone: a no-break space before "km", U+3000 after "！".
_sub_spaces = re.compile(rf"\s\s+|[\t{_BREAKS}]").sub


def clean(text: str) -> str:
    """The text of a sentence on one line, stripped and without runs of whitespace.

    A run or a line break becomes one space, or nothing where lines were wrapped between two
    characters of Han or Kana.
    """
    return _sub_spaces(_fold, text.strip())


def _fold(spaces: re.Match[str]) -> str:
    if _has_break(spaces[0]):
        text, start, end = spaces.string, spaces.start(), spaces.end()
        before = text[max(0, start - 4) : start].rstrip(_SHARED)
        after = text[end : end + 4].lstrip(_SHARED)
        if _runs_on(before[-1:]) and _runs_on(after):
            return ""
    return " "


def separator(sents: Sequence[str], i: int) -> str:
    """What to print after a sentence where another one of the same text follows it.

    A space in the text after the sentence is kept, and one line break after a line that ends
    without punctuation, like a title's, but for Thai and Lao, which have no full stop. Other line
    breaks say nothing, and neither does a missing space, since the next sentence printed is seldom
    the next one of the text: there, a sentence in Han or Kana takes nothing, any other a space.

    sents: The sentences of a document, one after another with all whitespace between them.
    i: The index of the sentence.
    RETURNS: A space, U+3000 where the text has that, a line break, or "".
    """
    stripped = sents[i].rstrip()
    spaces = sents[i][len(stripped) :]
    for j in range(i + 1, len(sents)):
        body = sents[j].lstrip()
        spaces += sents[j][: len(sents[j]) - len(body)]
        if body:
            break
    else:
        spaces = ""
    if spaces and not _has_break(spaces):
        return "\u3000" if "\u3000" in spaces else " "
    if spaces and _is_open(stripped):
        return "\n"
    return "" if _is_run_on(stripped) else " "


def _is_open(line: str) -> bool:
    """Whether there is no punctuation after the last word of a line, in a script that has any."""
    last = line.rstrip(_CLOSING)[-1:]
    # Words of Indic scripts end in vowel signs, which are marks.
    is_word = last != "" and unicodedata.category(last)[0] in "LMN"
    return is_word and not _has_no_full_stop(last)


def separators(sents: Sequence[str]) -> list[str]:
    """Those of all sentences."""
    return [separator(sents, i) for i in range(len(sents))]


def _is_run_on(sent: str) -> bool:
    """Whether a sentence is in Han or Kana, by its last letter or else by most of its words."""
    for char in reversed(sent):
        if _runs_on(char):
            return True
        if char.isalnum():
            break
    balance = 0
    for unit in _find_units(sent):
        balance += 1 if unit["char"] else -1
    return balance > 0


def join(sents: Iterable[str], separators: Iterable[str]) -> str:
    """Cleaned sentences as one text, each but the last followed by its separator."""
    return "".join(map(add, sents, separators)).rstrip()

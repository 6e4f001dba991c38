"""ROUGE in every script, on the library ``rouge-score``."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from types import SimpleNamespace
from typing import Any

import regex

METRICS = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_l": "rougeL"}

# Written without spaces between words: every character, with its marks, counts as a token.
_CHARACTERS = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_MARKS = r"\p{M}"
_LETTERS = rf"[\p{{L}}\p{{N}}\p{{M}}]--[{_CHARACTERS}]"
_TOKEN = regex.compile(rf"[{_LETTERS}]+|[{_CHARACTERS}][{_MARKS}]*", flags=regex.V1)
_BEYOND_BMP = re.compile("[\U00010000-\U0010ffff]")


def tokenize(text: str) -> list[str]:
    """Split a text into ROUGE tokens: case-folded runs of letters and digits of any script.

    Han, Kana, Thai, Lao, Khmer and Burmese count by character; composed and decomposed accents
    are the same. On English text the tokens are those of ``rouge-score``, whose own tokenizer drops
    every letter outside a-z.
    """
    text = unicodedata.normalize("NFC", text).casefold()
    token = _TOKEN if _BEYOND_BMP.search(text) else _bmp_token()
    return token.findall(text)


@cache
def _bmp_token() -> re.Pattern[str]:
    """`_TOKEN` for ``re``, several times as fast: its characters up to U+FFFF, spelled out.

    Beyond these ``re`` has no fast sets.
    """
    alphabet = "".join(map(chr, range(0x10000)))

    def spell_out(characters: str) -> str:
        runs = regex.findall(f"[{characters}]+", alphabet, flags=regex.V1)
        return "".join(f"{run[0]}-{run[-1]}" for run in runs)

    characters, marks, letters = map(spell_out, (_CHARACTERS, _MARKS, _LETTERS))
    return re.compile(f"[{letters}]+|[{characters}][{marks}]*")


@cache
def _scorer() -> Any:
    # Not at the top: it imports nltk, which takes a second, and every pipeline imports this module.
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(list(METRICS.values()), tokenizer=SimpleNamespace(tokenize=tokenize))


def score_rouge(references: str | Sequence[str], summary: str) -> dict[str, float]:
    """ROUGE-1, ROUGE-2 and ROUGE-L F1 (Lin 2004) of a summary, each from 0 to 1.

    references: One reference summary or several; each metric takes the best of them.
    RETURNS: The scores by the names ``rouge_1``, ``rouge_2``, ``rouge_l``.
    """
    if isinstance(references, str):
        references = [references]
    if not references:
        raise ValueError("ROUGE needs at least one reference summary, got an empty list")
    scores = _scorer().score_multi(references, summary)
    return {name: float(scores[key].fmeasure) for name, key in METRICS.items()}


def mean_rouge(scores: Iterable[dict[str, float]]) -> dict[str, float]:
    """The mean of several results of `score_rouge`; zeros if there are none."""
    rows = list(scores)
    return {name: sum(r[name] for r in rows) / len(rows) if rows else 0.0 for name in METRICS}

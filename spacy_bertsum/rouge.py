"""ROUGE in every script, on the library ``rouge-score``."""

from collections.abc import Iterable, Sequence
from functools import cache
from types import SimpleNamespace
from typing import Any

import regex

METRICS = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_l": "rougeL"}

# Written without spaces between words: every character, with its marks, counts as a token.
_CHARACTER_SCRIPTS = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_TOKEN = regex.compile(
    rf"[{_CHARACTER_SCRIPTS}]\p{{M}}*|[[\p{{L}}\p{{N}}\p{{M}}]--[{_CHARACTER_SCRIPTS}]]+",
    flags=regex.V1,
)


def tokenize(text: str) -> list[str]:
    """Split a text into ROUGE tokens: case-folded runs of letters and digits of any script.

    Han, Kana, Thai, Lao, Khmer and Burmese count by character. On English text the tokens are
    those of ``rouge-score``, whose own tokenizer drops every letter outside a-z.
    """
    return _TOKEN.findall(text.casefold())


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

"""How good a written summary is: ROUGE against references in its own language."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from spacy.training import Example

from ..codes import normalize
from ..language import get_lang
from ..rouge import METRICS, mean_rouge, score_rouge
from .pairs import find_references


def make_written_scorer(prefix: str = "written") -> Callable[..., dict[str, Any]]:
    """The scorer of `bertsum_abs`.

    prefix: Of its scores, another one for each component where a pipeline has several.
    """
    return partial(written_score, prefix=prefix)


def written_score(
    examples: Iterable[Example],
    *,
    target_lang: str,
    summary_attr: str,
    prefix: str = "written",
    **kwargs: Any,
) -> dict[str, Any]:
    """Score written summaries in the tokens of their language.

    RETURNS: written_rouge_1, written_rouge_2, written_rouge_l: mean F1, 0 to 1, over the documents
        that have a reference in the target language, see `pairs.find_references`; None if there
        are none. written_per_lang: these three for each language of the documents.
    """
    per_lang: dict[str, list[dict[str, float]]] = defaultdict(list)
    for example in examples:
        gold, predicted = example.reference, example.predicted
        references = find_references(gold, target_lang, summary_attr)
        if wanted := references.get(normalize(target_lang)):
            text = predicted._.get(summary_attr) or ""
            per_lang[get_lang(gold)].append(score_rouge(wanted, text))
    total = [rouge for rows in per_lang.values() for rouge in rows]
    scores = mean_rouge(total) if total else dict.fromkeys(METRICS)
    by_lang = {lang: mean_rouge(per_lang[lang]) for lang in sorted(per_lang)}
    return {
        **{f"{prefix}_{metric}": score for metric, score in scores.items()},
        f"{prefix}_per_lang": by_lang or None,
    }

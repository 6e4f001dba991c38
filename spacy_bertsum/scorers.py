"""How good a summary is: ROUGE against a reference, precision and recall against gold sentences."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from spacy.scorer import PRFScore
from spacy.tokens import Doc
from spacy.training import Example

from .labels import get_labels
from .language import get_lang
from .rouge import METRICS, mean_rouge, score_rouge


def make_summary_scorer() -> Callable[..., dict[str, Any]]:
    return summary_score


def summary_score(
    examples: Iterable[Example],
    *,
    spans_key: str = "summary",
    summary_attr: str = "summary",
    **kwargs: Any,
) -> dict[str, Any]:
    """Score predicted summaries.

    A summary is the text in ``doc._.summary``, for a gold document a string or a list of
    alternatives; where there is none, the text of the sentences in ``doc.spans[spans_key]``.

    RETURNS: rouge_1, rouge_2, rouge_l: mean F1, 0 to 1, over the documents with a reference.
        summary_p, summary_r, summary_f: chosen sentences against those of ``doc.spans[spans_key]``.
        A score is None if no document has what it needs. summary_per_lang: these six for each
        language of the gold documents, as `spacy_bertsum.language.get_lang` gives it; None if
        there are no examples.
    """
    total = _Scores()
    per_lang: dict[str, _Scores] = defaultdict(_Scores)
    for example in examples:
        reference = get_summary(example.reference, spans_key, summary_attr)
        summary = get_summary(example.predicted, spans_key, summary_attr)
        rouge = score_rouge(reference, summary or "") if reference else None
        sents = _compare_sents(example, spans_key)
        for scores in (total, per_lang[get_lang(example.reference)]):
            scores.add(rouge, sents)
    by_lang = {lang: per_lang[lang].to_dict() for lang in sorted(per_lang)}
    return {**total.to_dict(), "summary_per_lang": by_lang or None}


def get_summary(doc: Doc, spans_key: str, summary_attr: str) -> Any:
    """The text of a document's summary, for a gold document one or several; None without any."""
    text = doc._.get(summary_attr) if doc.has_extension(summary_attr) else None
    if text is None and spans_key in doc.spans:
        return " ".join(span.text for span in doc.spans[spans_key])
    return text


def _compare_sents(example: Example, spans_key: str) -> tuple[set[int], set[int]] | None:
    """The first tokens of the chosen and of the gold sentences; None without gold sentences."""
    labels = get_labels(example, spans_key)
    if labels is None:
        return None
    predicted = example.predicted
    chosen = {span.start for span in predicted.spans.get(spans_key, [])}
    gold = {sent.start for sent, label in zip(predicted.sents, labels, strict=True) if label}
    return chosen, gold


class _Scores:
    """The scores of some documents."""

    def __init__(self) -> None:
        self.rouge: list[dict[str, float]] = []
        self.prf = PRFScore()

    def add(self, rouge: dict[str, float] | None, sents: tuple[set[int], set[int]] | None) -> None:
        if rouge is not None:
            self.rouge.append(rouge)
        if sents is not None:
            self.prf.score_set(*sents)

    def to_dict(self) -> dict[str, float | None]:
        rouge = mean_rouge(self.rouge) if self.rouge else dict.fromkeys(METRICS)
        has_gold = len(self.prf) > 0
        return {
            **rouge,
            "summary_p": self.prf.precision if has_gold else None,
            "summary_r": self.prf.recall if has_gold else None,
            "summary_f": self.prf.fscore if has_gold else None,
        }

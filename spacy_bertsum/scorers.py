"""How good a summary is: ROUGE against a reference, precision and recall against gold sentences."""

from collections.abc import Callable, Iterable
from typing import Any

from spacy.scorer import PRFScore
from spacy.tokens import Doc
from spacy.training import Example

from .labels import get_labels
from .rouge import mean_rouge, score_rouge


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
        A score is None if no document has what it needs.
    """
    rouge = []
    prf = PRFScore()
    for example in examples:
        predicted, gold = example.predicted, example.reference
        reference = get_summary(gold, spans_key, summary_attr)
        if reference:
            summary = get_summary(predicted, spans_key, summary_attr)
            rouge.append(score_rouge(reference, summary or ""))
        labels = get_labels(example, spans_key)
        if labels is not None:
            chosen = {span.start for span in predicted.spans.get(spans_key, [])}
            wanted = {
                sent.start for sent, label in zip(predicted.sents, labels, strict=True) if label
            }
            prf.score_set(chosen, wanted)
    scores: dict[str, Any] = dict.fromkeys(mean_rouge([]))
    if rouge:
        scores.update(mean_rouge(rouge))
    has_gold = len(prf) > 0
    scores["summary_p"] = prf.precision if has_gold else None
    scores["summary_r"] = prf.recall if has_gold else None
    scores["summary_f"] = prf.fscore if has_gold else None
    return scores


def get_summary(doc: Doc, spans_key: str, summary_attr: str) -> Any:
    """The text of a document's summary, for a gold document one or several; None without any."""
    text = doc._.get(summary_attr) if doc.has_extension(summary_attr) else None
    if text is None and spans_key in doc.spans:
        return " ".join(span.text for span in doc.spans[spans_key])
    return text

"""Summaries on documents: the extension attributes, and what a document keeps of a selection."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy
from numpy.typing import ArrayLike
from spacy.tokens import Doc, Span, SpanGroup
from thinc.types import Floats1d

from .queries import QUERY_WEIGHT, score_by_query
from .selection import Selection, select
from .surface import clean, join, separator, separators
from .words import get_words

SUMMARY = "summary"
SCORES = "summary_scores"
SUMMARIZE = "summarize"
SPANS_KEY = "summary"
LABEL = "SUMMARY"


def install(
    summary: str = SUMMARY,
    scores: str = SCORES,
    summarize: str = SUMMARIZE,
    *,
    spans_key: str = SPANS_KEY,
) -> None:
    """Set the extension attributes of `Doc`, but for those somebody has set before.

    summary: Attribute of the summary (str), None by default.
    scores: Attribute of the scores (Floats1d), a probability for each sentence of the document,
        None by default.
    summarize: Method that summarizes again by these scores, see `summarize_doc`.
    spans_key: Key in `doc.spans` of the summary that `summarize` takes its settings from.
    RAISES: ValueError if a name can't be that of such an attribute.
    """
    if len({summary, scores, summarize}) < 3:
        raise ValueError(
            "summary_attr, scores_attr and summarize_attr need three names, not "
            f"{summary!r}, {scores!r} and {summarize!r}"
        )
    for name in (summary, scores):
        if not _has_extension(name, is_method=False):
            Doc.set_extension(name, default=None)
    if not _has_extension(summarize, is_method=True):
        method = partial(summarize_doc, scores_attr=scores, spans_key=spans_key)
        method.__doc__ = summarize_doc.__doc__
        Doc.set_extension(summarize, method=method)


def _has_extension(name: str, *, is_method: bool) -> bool:
    """Whether there is such an attribute or method already.

    RAISES: ValueError if it is of another kind, or the name is none.
    """
    if not name.isidentifier():
        raise ValueError(f"The name of an attribute must be an identifier, not {name!r}")
    if not Doc.has_extension(name):
        return False
    _, method, getter, _ = Doc.get_extension(name)
    if getter is not None or is_method != (method is not None):
        raise ValueError(
            f"doc._.{name} is something else already: give summary_attr, scores_attr or "
            "summarize_attr another name"
        )
    return True


def annotate(
    doc: Doc,
    scores: ArrayLike,
    selection: Selection,
    *,
    spans_key: str = SPANS_KEY,
    summary: str = SUMMARY,
    scores_attr: str = SCORES,
) -> None:
    """Summarize a document by the scores of its sentences and keep both on it.

    Sets `doc._.<summary>`, `doc._.<scores_attr>` and `doc.spans[spans_key]`, which holds the
    chosen sentences in the order of the summary. Its `attrs` are "scores", their probabilities
    as a float32 array, "selection", the settings as a dict, and "scores_attr".

    scores: A probability for each sentence of the document.
    RAISES: ValueError if the document has no sentence boundaries or another number of sentences.
    """
    # A copy: the scores may be a view that would keep those of the whole batch alive.
    scores = numpy.array(scores, dtype="float32")
    sents, chosen, text = _summarize(doc, scores, selection)
    attrs = {
        "scores": scores[chosen],
        "scores_attr": scores_attr,
        "selection": dataclasses.asdict(selection),
    }
    doc.spans[spans_key] = SpanGroup(doc, name=spans_key, spans=sents, attrs=attrs)
    doc._.set(scores_attr, scores)
    doc._.set(summary, text)


def summarize_doc(
    doc: Doc,
    n_sents: int | None = None,
    ratio: float | None = None,
    max_words: int | None = None,
    max_chars: int | None = None,
    threshold: float | None = None,
    block_ngrams: int | None = None,
    diversity: float | None = None,
    order: str | None = None,
    as_spans: bool = False,
    query: str | None = None,
    query_weight: float = QUERY_WEIGHT,
    *,
    scores_attr: str = SCORES,
    spans_key: str = SPANS_KEY,
) -> str | list[Span]:
    """Summarize the document again by the scores it has; it is left as it is.

    Settings not given are those the document was summarized with, except that any limit given
    replaces all of these. See `spacy_bertsum.selection.Selection` for what each means.

    n_sents: Number of sentences.
    ratio: Share of the document's sentences, above 0 and up to 1.
    max_words: Most words.
    max_chars: Most characters.
    threshold: Least score of a sentence, 0 to 1.
    block_ngrams: Length in words of the n-grams that no two sentences may share; 0 is off.
    diversity: Weight of novelty against score, 0 to 1.
    order: "document" or "score".
    as_spans: Return the sentences instead of their text.
    query: What the summary should be about, in any language. The encoder reads the document once
        more, and `threshold` then is one of the scores of `spacy_bertsum.queries.score_by_query`.
    query_weight: Weight of the relevance to the query against the scores, 0 to 1.
    RETURNS: The summary.
    RAISES: ValueError if a setting is out of its range or the scores are not this document's.
    """
    # Extensions are shared by all pipelines of a process: the document knows best who made it.
    attrs = _stored_attrs(doc, spans_key)
    scores_attr = attrs.get("scores_attr", scores_attr)
    scores = doc._.get(scores_attr)
    if scores is None:
        raise ValueError(
            f"The document has no sentence scores in doc._.{scores_attr}: run the component "
            "'bertsum' on it first, for example by nlp.add_pipe('bertsum')"
        )
    selection = Selection(**attrs.get("selection", {})).replace(
        n_sents=n_sents,
        ratio=ratio,
        max_words=max_words,
        max_chars=max_chars,
        threshold=threshold,
        block_ngrams=block_ngrams,
        diversity=diversity,
        order=order,
    )
    if query is not None:
        # Before the encoder reads the document once more.
        _check_shape(scores, sum(1 for _ in doc.sents))
        scores = score_by_query(doc, scores, query, scores_attr, query_weight)
    sents, _, text = _summarize(doc, scores, selection)
    return sents if as_spans else text


def _stored_attrs(doc: Doc, spans_key: str) -> dict[str, Any]:
    """The attributes of the summary under a key; if there is none, of whichever there is."""
    found = {key: group.attrs for key, group in doc.spans.items() if "scores_attr" in group.attrs}
    return found.get(spans_key) or next(iter(found.values()), {})


def _check_shape(scores: Floats1d, n_sents: int) -> None:
    if scores.shape != (n_sents,):
        raise ValueError(
            f"Expected a score for each of the document's {n_sents} sentences, not scores of "
            f"shape {scores.shape}: run the component 'bertsum' again after its sentences change"
        )


def _summarize(
    doc: Doc, scores: Floats1d, selection: Selection
) -> tuple[list[Span], list[int], str]:
    """The chosen sentences, their indices among the document's, and the text they make."""
    sents = list(doc.sents)
    _check_shape(scores, len(sents))
    raw: Sequence[str] = _RawSents(doc, sents)
    words = _words(doc, sents)
    # Where no limit counts characters, it matters only which sentences are blank.
    chars = [len(sent) for sent in words]
    gaps: int | list[int] = 1
    if selection.max_chars is not None:
        raw = list(raw)
        chars = [len(clean(sent)) for sent in raw]
        gaps = [len(gap) for gap in separators(raw)]
    chosen = select(scores, words, chars, selection, gaps)
    spans = [Span(doc, sents[i].start, sents[i].end, label=LABEL) for i in chosen]
    return (
        spans,
        chosen,
        join((clean(raw[i]) for i in chosen), (separator(raw, i) for i in chosen)),
    )


class _RawSents(Sequence):
    """The texts of a document's sentences, each with the white space up to the next one."""

    def __init__(self, doc: Doc, sents: list[Span]):
        self.doc = doc
        self.bounds = [*(sent.start for sent in sents), len(doc)]

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __getitem__(self, i: int) -> str:
        if not 0 <= i < len(self):
            raise IndexError(i)
        return self.doc[self.bounds[i] : self.bounds[i + 1]].text_with_ws


def _words(doc: Doc, sents: list[Span]) -> list[list[int]]:
    """Ids of each sentence's words."""
    ids, is_word = get_words(doc)
    return [ids[sent.start : sent.end][is_word[sent.start : sent.end]].tolist() for sent in sents]

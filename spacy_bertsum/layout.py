"""Sentences → layout features: paragraphs, headings, figures, quotations.

What the look of a text tells about a sentence before it is read: papers, news and documentation
put what matters into certain paragraphs and seldom into headings, quotations or tables. Texts
that come on a single line have one paragraph.
"""

import re
from collections.abc import Sequence

import numpy

from .features import tabulate

FEATURES = (
    "starts_paragraph",
    "ends_paragraph",
    "paragraph_sentences",
    "position_in_paragraph",
    "paragraph",
    "unterminated",
    "question",
    "quotation",
    "digits",
    "capitals",
    "document_paragraphs",
    "document_unterminated",
    "document_digits",
)
_BREAK = re.compile(r"[\n\r\v\f\x85\u2028\u2029]")
_QUOTATION = re.compile('["“”„«»‹›「」『』]')
_DIGIT = re.compile(r"\d")
_CAPITALIZED = re.compile(r"\b[^\W\d_]")
_QUESTION_MARKS = "?？؟;՞፧"


def layout(sents: Sequence[str]) -> numpy.ndarray:
    """Compute the features of every sentence of one document.

    sents: The sentences with the white space between them, on whichever side of the border.
    RETURNS: float32, shape (sentences, len(FEATURES)), each number from 0 to about 2.
    """
    n = len(sents)
    if n == 0:
        return numpy.zeros((0, len(FEATURES)), dtype="f")
    starts = _find_paragraphs(sents)
    paragraph = starts.cumsum() - 1
    sizes = numpy.bincount(paragraph)
    size = sizes[paragraph]
    first = numpy.flatnonzero(starts)[paragraph]
    place = numpy.arange(n) - first
    stripped = [sent.strip() for sent in sents]
    chars = numpy.array([max(len(sent), 1) for sent in stripped])
    unterminated = numpy.array([sent[-1:].isalnum() for sent in stripped], dtype="d")
    digits = numpy.array([len(_DIGIT.findall(sent)) for sent in stripped]) / chars
    features = {
        "starts_paragraph": starts,
        "ends_paragraph": numpy.append(starts[1:], True),
        "paragraph_sentences": numpy.log1p(size) / 2,
        "position_in_paragraph": place / size,
        "paragraph": 1 / (1 + paragraph),
        "unterminated": unterminated,
        "question": [_is_question(sent) for sent in stripped],
        "quotation": [_QUOTATION.search(sent) is not None for sent in stripped],
        "digits": digits * 5,
        "capitals": [_share_of_capitals(sent) for sent in stripped],
        "document_paragraphs": len(sizes) / n,
        "document_unterminated": unterminated.mean(),
        "document_digits": digits.mean() * 5,
    }
    return tabulate(features, FEATURES, n)


def _find_paragraphs(sents: Sequence[str]) -> numpy.ndarray:
    """Which sentences start a paragraph: those with a line break before them."""
    starts = numpy.zeros(len(sents), dtype=bool)
    broken = True
    for i, sent in enumerate(sents):
        body = sent.strip()
        leading, _, trailing = sent.partition(body) if body else (sent, "", sent)
        starts[i] = broken or _BREAK.search(leading) is not None
        broken = _BREAK.search(trailing) is not None
    return starts


def _is_question(sent: str) -> bool:
    """Whether there is a question mark after its last word."""
    for char in reversed(sent):
        if char in _QUESTION_MARKS or char.isalnum() or char == "_":
            return char in _QUESTION_MARKS
    return False


def _share_of_capitals(sent: str) -> float:
    """The share of words that start with a capital letter: names, headings."""
    initials = _CAPITALIZED.findall(sent)
    return sum(map(str.isupper, initials)) / max(len(initials), 1)

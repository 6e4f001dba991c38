"""Sentences → windows of text that an encoder-decoder takes whole. Nothing is cut off.

Plain functions on strings: no pipeline, no torch.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..surface import join


class Part(NamedTuple):
    """A sentence, or a piece of one that is longer than a window."""

    sentence: int  # index among the sentences
    text: str


Window = list[Part]


def make_windows(
    sents: Sequence[str], gaps: Sequence[str], count: Callable[[str], int], max_length: int
) -> list[Window]:
    """Divide sentences into windows, as few as follow one another greedily.

    A sentence that is too long for a window is halved, at a space if there is one, until its
    pieces are not. Blank sentences are left out.

    sents: The sentences, cleaned.
    gaps: What is printed after each sentence where another one follows.
    count: Tells the length of a text.
    max_length: The most that `count` may say of a window.
    RETURNS: Windows; `text_of` says what each reads.
    """
    parts = [
        Part(i, piece)
        for i, sent in enumerate(sents)
        if sent
        for piece in divide(sent, count, max_length)
    ]
    windows: list[Window] = []
    size = 0
    for part in parts:
        length = count(part.text)
        if windows and size + length <= max_length:
            windows[-1].append(part)
            size += length
        else:
            windows.append([part])
            size = length
    return [fitting for window in windows for fitting in _fit(window, gaps, count, max_length)]


def text_of(window: Window, gaps: Sequence[str]) -> str:
    """The text of a window."""
    return join((part.text for part in window), (gaps[part.sentence] for part in window))


def _fit(
    window: Window, gaps: Sequence[str], count: Callable[[str], int], max_length: int
) -> list[Window]:
    """Halve a window that became longer by being joined, which few tokenizers let happen."""
    if len(window) == 1 or count(text_of(window, gaps)) <= max_length:
        return [window]
    middle = len(window) // 2
    halves = (window[:middle], window[middle:])
    return [fitting for half in halves for fitting in _fit(half, gaps, count, max_length)]


def divide(text: str, count: Callable[[str], int], max_length: int) -> list[str]:
    """Halve a text until no piece is longer than `max_length`; all its letters are kept.

    A single character is never divided, however long.
    """
    if len(text) == 1 or count(text) <= max_length:
        return [text]
    middle = len(text) // 2
    spaces = [i for i, char in enumerate(text) if char.isspace()]
    at = min(spaces, key=lambda i: abs(i - middle), default=middle)
    # A space near the end would not halve anything.
    at = at if len(text) / 4 < at < 3 * len(text) / 4 else middle
    pieces = (text[:at].strip(), text[at:].strip())
    return [part for piece in pieces if piece for part in divide(piece, count, max_length)]

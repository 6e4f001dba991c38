"""Which sentences make the summary: scores and limits in, sentence indices out."""

import dataclasses
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from numbers import Integral, Real
from typing import Any

import numpy
from numpy.typing import ArrayLike

DEFAULT_N_SENTS = 3
LIMITS = ("n_sents", "ratio", "max_words", "max_chars", "threshold")
ORDERS = ("document", "score")
# Where a limit is near, whatever is short enough would fill the rest, from far down the ranking.
# Fewer fill less, and more make no summary better: docs/design.md, 32.
MAX_SKIPPED = 2


@dataclass(frozen=True)
class Selection:
    """How sentences are chosen from their scores.

    The first five fields are limits. Where several are given, all of them hold; where none is,
    the summary has `DEFAULT_N_SENTS` sentences. A sentence without a word in it is never chosen
    and counts for no limit; one that says word for word what one chosen before says comes last, and
    only where `n_sents` or `ratio` asks for so many. A field out of its range raises a ValueError.

    n_sents: Number of sentences, at least 1. Exact: a document with as many sentences yields
        as many, unless another limit forbids it.
    ratio: Share of the document's sentences, above 0 and up to 1, rounded to the nearest number
        (halves up) and at least 1. Exact like `n_sents`.
    max_words: Most words in the summary, at least 1.
    max_chars: Most characters in the summary as printed, at least 1.
    threshold: Least score of a sentence, 0 to 1.
    block_ngrams: Pass over a sentence that shares an n-gram of this many words with one already
        chosen; 3 is the trigram blocking of the BERTSUM paper, 0 blocks nothing. Sentences
        passed over come back, best first, where `n_sents` or `ratio` asks for more. Where words
        are single characters, as in Chinese, three of them recur in most sentences.
    diversity: Weight of novelty against score in maximal marginal relevance (Carbonell and
        Goldstein, 1998): 0 looks at scores alone, 1 at novelty alone. Sentences are compared by
        tf-idf among those above the threshold.
    order: "document" or "score", the order of the chosen sentences.
    """

    n_sents: int | None = None
    ratio: float | None = None
    max_words: int | None = None
    max_chars: int | None = None
    threshold: float | None = None
    block_ngrams: int = 0
    diversity: float = 0.0
    order: str = "document"

    def __post_init__(self) -> None:
        self._check("n_sents", int, "an integer of at least 1", lambda n: n >= 1)
        self._check("ratio", float, "a number above 0 and up to 1", lambda x: 0 < x <= 1)
        self._check("max_words", int, "an integer of at least 1", lambda n: n >= 1)
        self._check("max_chars", int, "an integer of at least 1", lambda n: n >= 1)
        self._check("threshold", float, "a number from 0 to 1", lambda x: 0 <= x <= 1)
        self._check("block_ngrams", int, "an integer of at least 0", lambda n: n >= 0)
        self._check("diversity", float, "a number from 0 to 1", lambda x: 0 <= x <= 1)
        if self.order not in ORDERS:
            raise ValueError(f"order must be one of {', '.join(ORDERS)}, not {self.order!r}")

    def _check(
        self, field: str, kind: type, expected: str, is_valid: Callable[[Any], bool]
    ) -> None:
        value = getattr(self, field)
        if value is None and field in LIMITS:
            return
        number = Integral if kind is int else Real
        if isinstance(value, bool) or not isinstance(value, number) or not is_valid(value):
            raise ValueError(f"{field} must be {expected}, not {value!r}")
        # numpy's numbers become Python's, which every serializer knows.
        object.__setattr__(self, field, kind(value))

    def replace(self, **changes: Any) -> "Selection":
        """These settings with some changed; a change to None is none.

        Any limit among the changes takes the place of all limits set before: who asks for 50
        words means 50 words, not the better of 50 words and 3 sentences.
        """
        changes = {field: value for field, value in changes.items() if value is not None}
        if not changes.keys().isdisjoint(LIMITS):
            changes = dict.fromkeys(LIMITS) | changes
        return dataclasses.replace(self, **changes)

    def count(self, n_sents: int) -> int | None:
        """How many of `n_sents` sentences are asked for; None if no setting says a number."""
        counts = []
        if self.n_sents is not None:
            counts.append(self.n_sents)
        if self.ratio is not None:
            counts.append(max(1, int(self.ratio * n_sents + 0.5)))
        if all(getattr(self, limit) is None for limit in LIMITS):
            counts.append(DEFAULT_N_SENTS)
        return min(counts, default=None)


def select(
    scores: ArrayLike,
    words: Sequence[Sequence[Hashable]],
    chars: Sequence[int],
    selection: Selection,
    gaps: int | Sequence[int] = 1,
) -> list[int]:
    """Choose sentences by their scores.

    The ranking is by score, the earlier sentence first where scores are equal. Going down it, a
    sentence that no longer fits into `max_words` or `max_chars` is skipped. Where no number of
    sentences is asked for, the search ends when MAX_SKIPPED have been and the next one does not fit
    either; but not before there is any sentence, so a summary is empty only where none fits.

    scores: A probability for each of the document's sentences.
    words: The words of each sentence, without punctuation, as equality should see them.
    chars: The length of each sentence as printed; 0 where it is blank.
    selection: The settings.
    gaps: The length of what is printed between a sentence and the next one of the summary, for
        each sentence or the same for all.
    RETURNS: Indices of the chosen sentences in the order `selection` asks for.
    RAISES: ValueError if a score is not finite or the arguments differ in length.
    """
    # In the precision given: a threshold of 0.7 admits a score of 0.7 in float32.
    scores = numpy.asarray(scores) * 1.0
    if scores.ndim != 1 or not len(scores) == len(words) == len(chars):
        raise ValueError(
            "Expected scores, words and chars of the same sentences, not of "
            f"shape {scores.shape} and lengths {len(words)} and {len(chars)}"
        )
    if not numpy.isfinite(scores).all():
        raise ValueError("Sentence scores must be finite: the model has put out NaN or infinity")
    n_words = numpy.fromiter(map(len, words), dtype="int64", count=len(words))
    candidates = (n_words > 0) & (numpy.asarray(chars) > 0)
    count = selection.count(int(candidates.sum()))
    if selection.threshold is not None:
        candidates &= scores >= selection.threshold
    ranking = numpy.argsort(-scores, kind="stable")
    ranking = ranking[candidates[ranking]]
    most = len(ranking) if count is None else min(count, len(ranking))
    rank = {i: position for position, i in enumerate(ranking.tolist())}
    position = rank if selection.order == "score" else range(len(scores))
    summary = _Summary(selection, position, n_words, chars, gaps)
    if selection.diversity:
        picks = _by_relevance(scores, ranking, words, selection.diversity, summary.chosen)
    else:
        picks = iter(rank)
    blocked = []
    skipped = 0
    seen: set[tuple[Hashable, ...]] = set()
    sents_seen: set[tuple[Hashable, ...]] = set()
    for i in picks:
        if len(summary.chosen) == most:
            break
        if not summary.fits(i):
            skipped += bool(summary.chosen)
            if count is None and skipped > MAX_SKIPPED:
                break
            continue
        ngrams = _ngrams(words[i], selection.block_ngrams)
        sent = tuple(words[i])
        if sent not in sents_seen and seen.isdisjoint(ngrams):
            seen.update(ngrams)
            sents_seen.add(sent)
            summary.add(i)
        else:
            blocked.append(i)
    if count is not None:
        for i in sorted(blocked, key=rank.__getitem__):
            if len(summary.chosen) < most and summary.fits(i):
                summary.add(i)
    return sorted(summary.chosen, key=position.__getitem__)


class _Summary:
    """The sentences chosen so far, and whether another one fits."""

    def __init__(
        self,
        selection: Selection,
        position: Mapping[int, int] | Sequence[int],
        n_words: ArrayLike,
        chars: ArrayLike,
        gaps: ArrayLike,
    ) -> None:
        self.chosen: list[int] = []
        self.max_words = inf if selection.max_words is None else selection.max_words
        self.max_chars = inf if selection.max_chars is None else selection.max_chars
        self.position = position
        self.n_words = numpy.asarray(n_words).tolist()
        self.chars = numpy.asarray(chars).tolist()
        self.gaps = numpy.broadcast_to(gaps, len(self.chars)).tolist()
        self.words_used = 0
        self.chars_used = 0  # with the gap after the last sentence, which is not printed
        self.last: int | None = None

    def _last_with(self, i: int) -> int:
        if self.last is None or self.position[i] > self.position[self.last]:
            return i
        return self.last

    def fits(self, i: int) -> bool:
        chars = self.chars_used + self.chars[i] + self.gaps[i] - self.gaps[self._last_with(i)]
        return self.words_used + self.n_words[i] <= self.max_words and chars <= self.max_chars

    def add(self, i: int) -> None:
        self.chosen.append(i)
        self.words_used += self.n_words[i]
        self.chars_used += self.chars[i] + self.gaps[i]
        self.last = self._last_with(i)


def _ngrams(words: Sequence[Hashable], n: int) -> set[tuple[Hashable, ...]]:
    return set(zip(*(words[start:] for start in range(n)), strict=False))


def _by_relevance(
    scores: numpy.ndarray,
    ranking: numpy.ndarray,
    words: Sequence[Sequence[Hashable]],
    diversity: float,
    chosen: list[int],
) -> Iterator[int]:
    """Yield the sentences of the ranking by maximal marginal relevance to those the caller has
    chosen, who appends to `chosen` the ones it takes. Equal relevance leaves them as ranked.
    """
    similarities = _similarities([words[i] for i in ranking])
    relevance = (1 - diversity) * scores[ranking].astype("float64")
    nearest = numpy.zeros(len(ranking))
    for _ in ranking:
        best = int(numpy.argmax(relevance - diversity * nearest))
        yield int(ranking[best])
        relevance[best] = -inf
        if chosen and chosen[-1] == ranking[best]:
            numpy.maximum(nearest, similarities(best), out=nearest)


def _similarities(words: Sequence[Sequence[Hashable]]) -> Callable[[int], numpy.ndarray]:
    """Compare sentences by the cosine of their tf-idf vectors: the function returned gives the
    similarities of one sentence to all, 0 to 1, from a sparse matrix in coordinate form.
    """
    n_sents = len(words)
    vocab: dict[Hashable, int] = {}
    columns = numpy.array(
        [vocab.setdefault(word, len(vocab)) for sent in words for word in sent], dtype="int64"
    )
    rows = numpy.repeat(numpy.arange(n_sents), [len(sent) for sent in words])
    cells, counts = numpy.unique(rows * len(vocab) + columns, return_counts=True)
    rows, columns = numpy.divmod(cells, len(vocab))
    weights = counts * numpy.log1p(n_sents / numpy.bincount(columns))[columns]
    weights /= numpy.sqrt(numpy.bincount(rows, weights**2))[rows]
    starts = numpy.searchsorted(rows, numpy.arange(n_sents + 1))

    def similarities(row: int) -> numpy.ndarray:
        sent = slice(starts[row], starts[row + 1])
        vector = numpy.zeros(len(vocab))
        vector[columns[sent]] = weights[sent]
        return numpy.bincount(rows, weights * vector[columns])

    return similarities

"""Sentences → windows of word pieces, each sentence behind a [CLS] of its own.

BERTSUM's input (Liu & Lapata 2019) is ``[CLS] s1 [SEP] [CLS] s2 [SEP] …``. The paper cuts it at
512 pieces. Here a document becomes as many windows of whole sentences as it needs; neighbouring
windows share some sentences, so that every sentence is read with context on both sides.

Plain functions on lists and arrays: no pipeline, no torch.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy

# [CLS] before and [SEP] after every sentence.
SPECIAL_PIECES = 2


class Placement(NamedTuple):
    """Where a sentence, or a part of one that is longer than a window, stands in a window."""

    sentence: int  # index in the document
    start: int  # first and
    stop: int  # last + 1 of its pieces that are in this window
    position: int  # of its [CLS] in the window

    @property
    def end(self) -> int:
        """The position after its [SEP]."""
        return self.position + self.stop - self.start + SPECIAL_PIECES


Window = list[Placement]


@dataclass(frozen=True)
class SpecialIds:
    """The ids of a tokenizer's special pieces, and of all that a text must not smuggle in."""

    cls: int
    sep: int
    pad: int
    unk: int
    reserved: frozenset[int]

    @classmethod
    def of(cls, tokenizer: Any) -> "SpecialIds":
        """Those of a tokenizer of the transformers library, whatever family it is of."""
        unk = _first(tokenizer.unk_token_id, tokenizer.pad_token_id, 0)
        return cls(
            cls=_first(tokenizer.cls_token_id, tokenizer.bos_token_id),
            sep=_first(tokenizer.sep_token_id, tokenizer.eos_token_id),
            pad=_first(tokenizer.pad_token_id, 0),
            unk=unk,
            reserved=frozenset(tokenizer.all_special_ids) - {unk},
        )


def _first(*ids: int | None) -> int:
    return next(i for i in ids if i is not None)


@dataclass
class PackedDocs:
    """The windows of a batch of documents, ready for an encoder.

    windows: The windows of each document.
    input_ids: The piece ids of each window of the batch, 1-d arrays.
    segment_ids: Interval segments, 0 1 0 1 … by sentence, in the shapes of input_ids.
    cls_rows: For every sentence, one or more (window of the batch, position) pairs: the [CLS] that
        stand for it. More than one only if the sentence is longer than a window. Ints, shape (sum
        of cls_lengths, 2).
    cls_lengths: The number of those pairs for every sentence of the batch.
    cls_sizes: The number of the sentence's pieces that follow each of those [CLS].
    n_sents: The number of sentences of each document.
    """

    windows: list[list[Window]]
    input_ids: list[numpy.ndarray]
    segment_ids: list[numpy.ndarray]
    cls_rows: numpy.ndarray
    cls_lengths: numpy.ndarray
    cls_sizes: numpy.ndarray
    n_sents: list[int]

    def piece_rows(self) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Like cls_rows and cls_lengths, but for each sentence its [CLS] and all its pieces."""
        sizes = self.cls_sizes + 1
        total = sizes.sum()
        offsets = numpy.arange(total) - numpy.repeat(sizes.cumsum() - sizes, sizes)
        rows = numpy.repeat(self.cls_rows, sizes, axis=0)
        rows[:, 1] += offsets
        sentences = numpy.repeat(numpy.arange(len(self.cls_lengths)), self.cls_lengths)
        lengths = numpy.bincount(sentences, sizes, len(self.cls_lengths)).astype("i4")
        return rows, lengths


def make_windows(lengths: Sequence[int], max_length: int, overlap: int) -> list[Window]:
    """Divide the sentences of one document into windows.

    lengths: The number of pieces of each sentence.
    max_length: The most pieces a window can hold, special ones included.
    overlap: A window begins with as many of the last sentences of the one before as fit into this
        many pieces.
    RETURNS: The windows. Together they hold every sentence; one that is longer than a window is
        divided into parts of equal size, each with a [CLS] and [SEP] of its own.
    """
    room = max_length - SPECIAL_PIECES
    parts: list[tuple[int, int, int]] = []
    for sentence, length in enumerate(lengths):
        n_parts = max(1, -(-length // room))
        bounds = [length * i // n_parts for i in range(n_parts + 1)]
        parts.extend((sentence, bounds[i], bounds[i + 1]) for i in range(n_parts))
    sizes = [stop - start + SPECIAL_PIECES for _, start, stop in parts]
    windows = []
    first = end = 0
    while end < len(parts):
        first = _step_back(sizes, end, overlap, max_length)
        window, position, end = [], 0, first
        while end < len(parts) and position + sizes[end] <= max_length:
            window.append(Placement(*parts[end], position))
            position += sizes[end]
            end += 1
        windows.append(window)
    return windows


def _step_back(sizes: list[int], end: int, overlap: int, max_length: int) -> int:
    """The first part of a window that must reach beyond `end`, sharing at most `overlap`."""
    first, shared = end, 0
    while (
        first > 0
        and shared + sizes[first - 1] <= overlap
        and shared + sizes[first - 1] + sizes[end] <= max_length
    ):
        first -= 1
        shared += sizes[first]
    return first


def deepest_placements(windows: list[Window]) -> list[list[tuple[int, Placement]]]:
    """Choose, for every sentence of one document, the window that shows most of its context.

    RETURNS: For every sentence the (window, placement) pairs that stand for it: one, or one
        a part if the sentence was divided. Of two windows that hold the same part, the one counts
        in which it stands further from a border. The document's own ends need no exception: the
        first window is the one with most before a sentence, the last the one with most after it.
    """
    best: dict[tuple[int, int], tuple[int, int, Placement]] = {}
    for w, window in enumerate(windows):
        length = window[-1].end
        for placement in window:
            key = (placement.sentence, placement.start)
            depth = min(placement.position, length - placement.end)
            if key not in best or depth > best[key][0]:
                best[key] = (depth, w, placement)
    n_sents = windows[-1][-1].sentence + 1 if windows else 0
    chosen: list[list[tuple[int, Placement]]] = [[] for _ in range(n_sents)]
    for (sentence, _), (_, w, placement) in sorted(best.items()):
        chosen[sentence].append((w, placement))
    return chosen


def pack(
    docs: Sequence[Sequence[Sequence[int]]],
    special: SpecialIds,
    *,
    max_length: int,
    overlap: int,
    n_segments: int = 2,
) -> PackedDocs:
    """Pack a batch of documents.

    docs: For every document, for every sentence, the ids of its pieces without special ones.
    n_segments: Segment ids alternate through this many; 1 for an encoder without segments.
    """
    packed = PackedDocs(
        windows=[],
        input_ids=[],
        segment_ids=[],
        cls_rows=numpy.zeros((0, 2), "i8"),
        cls_lengths=numpy.zeros(0, "i4"),
        cls_sizes=numpy.zeros(0, "i4"),
        n_sents=[],
    )
    rows: list[tuple[int, int, int]] = []
    lengths: list[int] = []
    for sentences in docs:
        windows = make_windows([len(s) for s in sentences], max_length, overlap)
        offset = len(packed.input_ids)
        for placements in deepest_placements(windows):
            rows.extend((offset + w, p.position, p.stop - p.start) for w, p in placements)
            lengths.append(len(placements))
        for window in windows:
            ids = numpy.empty(window[-1].end, dtype="i8")
            segments = numpy.empty(window[-1].end, dtype="i8")
            for part in window:
                ids[part.position] = special.cls
                ids[part.position + 1 : part.end - 1] = sentences[part.sentence][
                    part.start : part.stop
                ]
                ids[part.end - 1] = special.sep
                segments[part.position : part.end] = part.sentence % n_segments
            packed.input_ids.append(ids)
            packed.segment_ids.append(segments)
        packed.windows.append(windows)
        packed.n_sents.append(len(sentences))
    if rows:
        packed.cls_rows = numpy.array(rows, dtype="i8")[:, :2]
        packed.cls_sizes = numpy.array(rows, dtype="i4")[:, 2]
        packed.cls_lengths = numpy.array(lengths, dtype="i4")
    return packed


def batch_by_padded_size(
    lengths: Sequence[int], max_size: int, max_ratio: float = math.inf
) -> list[list[int]]:
    """Group the indices of sequences by length so that padding costs little.

    max_size: The most that a group's longest sequence times its number of sequences may be; a
        single longer sequence is a group of its own.
    max_ratio: How many times as long as its shortest sequence a group's longest may be. Where all
        sequences together fill no more than a few groups, size alone leaves them half empty.
    """
    groups: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        longest = lengths[groups[-1][0]] if groups else 0
        fits = groups and (len(groups[-1]) + 1) * longest <= max_size
        if fits and longest <= max_ratio * lengths[i]:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


def replace_reserved(ids: list[int], special: SpecialIds) -> list[int]:
    """Make pieces that a text spells like special ones ("[SEP]", "<s>") unknown pieces."""
    if special.reserved.isdisjoint(ids):
        return ids
    return [special.unk if i in special.reserved else i for i in ids]

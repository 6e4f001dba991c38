"""Windows of word pieces → vectors, by an encoder of the transformers library."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy
import torch
from thinc.api import Model, torch2xp, xp2torch
from thinc.types import ArgsKwargs, Floats2d

from ..packing import PackedDocs, batch_by_padded_size
from .encoder_shim import Batch, EncoderShim


@dataclass(frozen=True)
class Request:
    """Packed windows, and the vectors wanted.

    rows: (window, position) pairs, shape (rows, 2).
    lengths: How many of the rows make each vector, which is their mean, shape (vectors,).
    """

    packed: PackedDocs
    rows: numpy.ndarray
    lengths: numpy.ndarray

    @classmethod
    def of_all(cls, packed: PackedDocs) -> "Request":
        """For the vector of every piece, window by window."""
        sizes = numpy.array([len(ids) for ids in packed.input_ids], dtype="i8")
        rows = numpy.argwhere(numpy.arange(max(sizes, default=0)) < sizes[:, None])
        return cls(packed, rows, numpy.ones(len(rows), dtype="i4"))


def window_encoder(shim: EncoderShim, max_batch_tokens: int) -> Model[Request, Floats2d]:
    """Encode windows in batches of similar length.

    max_batch_tokens: In prediction the most pieces, padding included, that enter the encoder at
        once. It bounds the memory, whatever the number and length of the documents.
    """
    return Model(
        "window_encoder",
        _forward,
        dims={"nO": None},
        shims=[shim],
        attrs={"max_batch_tokens": max_batch_tokens},
    )


def _forward(model: Model, request: Request, is_train: bool) -> tuple[Floats2d, Callable]:
    shim: EncoderShim = model.shims[0]
    if not len(request.rows):
        return model.ops.alloc2f(0, model.get_dim("nO")), lambda d_vectors: request
    # Of windows that share nearly all they have, some show nothing best.
    windows = numpy.unique(request.rows[:, 0])
    lengths = [len(request.packed.input_ids[window]) for window in windows]
    if is_train:
        groups = _group_by_length(lengths)
    else:
        groups = batch_by_padded_size(lengths, model.attrs["max_batch_tokens"])
    batches = make_batches(shim, request, [windows[group] for group in groups])
    sizes = torch.from_numpy(request.lengths).to(shim.device)
    output, backprop_torch = shim(ArgsKwargs(args=(batches, sizes), kwargs={}), is_train)

    def backprop(d_vectors: Floats2d) -> Request:
        gradient = xp2torch(d_vectors, device=shim.device)
        backprop_torch(ArgsKwargs(args=(output,), kwargs={"grad_tensors": gradient}))
        # Word pieces have no gradient.
        return request

    return torch2xp(output), backprop


def _group_by_length(lengths: Sequence[int]) -> list[list[int]]:
    """Group windows for training, so that less than half of each row is padding.

    Backprop needs the whole batch in memory, however it is divided, and every group of it costs
    another gradient of the size of the embedding table: so there are as few as can be.
    """
    groups: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        if groups and 2 * lengths[i] > lengths[groups[-1][0]]:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


def make_batches(
    shim: EncoderShim, request: Request, groups: Sequence[Sequence[int]]
) -> list[Batch]:
    """Lay the windows of each group end to end, and find the wanted rows in it."""
    packed = request.packed
    use_segments = shim.n_segments() > 1
    targets = numpy.repeat(numpy.arange(len(request.lengths)), request.lengths)
    # Rows by window, and in each window from left to right.
    order = numpy.lexsort((request.rows[:, 1], request.rows[:, 0]))
    windows, positions = request.rows[order].T
    bounds = numpy.searchsorted(windows, numpy.arange(len(packed.input_ids) + 1))
    batches = []
    for group in groups:
        lengths = [len(packed.input_ids[window]) for window in group]
        starts = numpy.cumsum([0, *lengths[:-1]])
        places = [slice(bounds[window], bounds[window + 1]) for window in group]
        rows = [positions[place] + start for place, start in zip(places, starts, strict=True)]
        wanted = [targets[order[place]] for place in places]
        segments = [packed.segment_ids[window] for window in group] if use_segments else None
        batches.append(
            Batch(
                ids=_concatenate([packed.input_ids[window] for window in group], shim),
                segments=None if segments is None else _concatenate(segments, shim),
                lengths=lengths,
                rows=_concatenate(rows, shim),
                row_lengths=[len(row) for row in rows],
                targets=_concatenate(wanted, shim),
            )
        )
    return batches


def _concatenate(arrays: Sequence[numpy.ndarray], shim: EncoderShim) -> torch.Tensor:
    return torch.from_numpy(numpy.concatenate(arrays)).to(shim.device)

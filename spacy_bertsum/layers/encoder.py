"""Windows of word pieces → vectors, by an encoder of the transformers library."""

from collections.abc import Callable, Sequence

import numpy
import torch
from thinc.api import Model, torch2xp, xp2torch
from thinc.types import ArgsKwargs, Floats2d

from ..packing import PackedDocs, batch_by_padded_size
from .shim import EncoderShim

# Packed windows, and the vectors wanted: (window, position) pairs, shape (rows, 2).
Request = tuple[PackedDocs, numpy.ndarray]


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
    packed, rows = request
    shim: EncoderShim = model.shims[0]
    if not len(rows):
        return model.ops.alloc2f(0, model.get_dim("nO")), lambda d_vectors: request
    lengths = [len(ids) for ids in packed.input_ids]
    if is_train:
        groups = _group_by_length(lengths)
    else:
        groups = batch_by_padded_size(lengths, model.attrs["max_batch_tokens"])
    batches, order = _make_batches(shim, packed, rows, groups)
    output, backprop_torch = shim(ArgsKwargs(args=(batches, order), kwargs={}), is_train)

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


def _make_batches(
    shim: EncoderShim, packed: PackedDocs, rows: numpy.ndarray, groups: list[list[int]]
) -> tuple[list, torch.Tensor]:
    """Pad each group of windows into a batch, and find the wanted rows in it."""
    lengths = [len(ids) for ids in packed.input_ids]
    pad = shim.special_ids().pad
    use_segments = shim.n_segments() > 1
    rows_of_window: list[list[int]] = [[] for _ in lengths]
    for i, window in enumerate(rows[:, 0].tolist()):
        rows_of_window[window].append(i)
    batches, taken = [], []
    for group in groups:
        width = lengths[group[0]]
        ids = numpy.full((len(group), width), pad, dtype="i8")
        mask = numpy.zeros((len(group), width), dtype="i8")
        segments = numpy.zeros((len(group), width), dtype="i8")
        wanted = []
        for slot, window in enumerate(group):
            length = lengths[window]
            ids[slot, :length] = packed.input_ids[window]
            mask[slot, :length] = 1
            segments[slot, :length] = packed.segment_ids[window]
            taken.extend(rows_of_window[window])
            wanted.append(rows[rows_of_window[window], 1] + slot * width)
        inputs = {"input_ids": ids, "attention_mask": mask}
        if use_segments:
            inputs["token_type_ids"] = segments
        tensors = {name: torch.from_numpy(a).to(shim.device) for name, a in inputs.items()}
        flat_rows = torch.from_numpy(numpy.concatenate(wanted)).to(shim.device)
        batches.append((tensors, flat_rows))
    order = torch.from_numpy(numpy.argsort(taken)).to(shim.device)
    return batches, order

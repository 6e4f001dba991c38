"""Pairs → losses of the reference's word pieces, by teacher forcing."""

from collections import defaultdict
from collections.abc import Callable, Sequence

import torch
from thinc.api import Model, torch2xp, xp2torch
from thinc.types import Floats1d

from ..packing import batch_by_padded_size
from .checkpoint import Checkpoint, Seq2SeqShim
from .languages import Direction
from .settings import Pair

# What torch's losses pass over.
IGNORED = -100


def force(model: Model, pairs: Sequence[Pair]) -> tuple[list[Floats1d], Callable]:
    """Read each passage and the reference up to every piece, and see how likely the next one is.

    RETURNS: For each pair the label-smoothed cross-entropy of each piece of its reference, the one
        that ends it included, unknown ones not; and what turns gradients of these into gradients
        of the weights.
    """
    shim: Seq2SeqShim = model.shims[0]
    shim.train()
    losses: list[Floats1d | None] = [None] * len(pairs)
    graphs: list[tuple[list[int], torch.Tensor, torch.Tensor]] = []
    for (source, target), places in _by_direction(pairs).items():
        checkpoint = shim.get(source, target)
        direction = checkpoint.direction(source, target)
        inputs = checkpoint.encode([pairs[i].passage.text for i in places])
        inputs = [[*direction.head, *row, *direction.tail] for row in inputs]
        outputs = _written(checkpoint, direction, [pairs[i].reference for i in places])
        sizes = [max(len(a), len(b)) for a, b in zip(inputs, outputs, strict=True)]
        for batch in batch_by_padded_size(sizes, model.attrs["max_batch_tokens"]):
            with shim.autocast():
                loss, is_piece = _losses(
                    checkpoint,
                    [inputs[i] for i in batch],
                    [outputs[i] for i in batch],
                    model.attrs["label_smoothing"],
                )
            rows = [places[i] for i in batch]
            for row, values, mask in zip(rows, loss.detach(), is_piece, strict=True):
                losses[row] = torch2xp(values[mask])
            graphs.append((rows, loss, is_piece))

    def backprop(d_losses: list[Floats1d]) -> Sequence[Pair]:
        for rows, loss, is_piece in graphs:
            gradient = torch.zeros_like(loss)
            wanted = [xp2torch(d_losses[row], device=loss.device) for row in rows]
            gradient[is_piece] = torch.cat(wanted)
            loss.backward(gradient)
        return pairs

    return losses, backprop


def _by_direction(pairs: Sequence[Pair]) -> dict[tuple[str, str], list[int]]:
    groups = defaultdict(list)
    for i, pair in enumerate(pairs):
        groups[pair.passage.source_lang, pair.passage.target_lang].append(i)
    return groups


def _written(checkpoint: Checkpoint, direction: Direction, texts: list[str]) -> list[list[int]]:
    """All ids that the decoder reads or writes for each text, from the first on."""
    start = checkpoint.start if direction.start is None else direction.start
    head = [start] if direction.forced_bos is None else [start, direction.forced_bos]
    eos = checkpoint.tokenizer.eos_token_id
    return [[*head, *row, eos] for row in checkpoint.encode_target(texts)]


def _losses(
    checkpoint: Checkpoint, inputs: list[list[int]], outputs: list[list[int]], smoothing: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss of every place of the padded references, and which of these are pieces."""
    read = checkpoint.pad(inputs)
    fed = checkpoint.pad([row[:-1] for row in outputs])
    labels = checkpoint.pad([row[1:] for row in outputs])
    is_piece = labels["attention_mask"].bool() & (labels["input_ids"] != checkpoint.unk)
    targets = labels["input_ids"].masked_fill(~is_piece, IGNORED)
    logits = checkpoint.model(
        **read, **{f"decoder_{name}": value for name, value in fed.items()}, use_cache=False
    ).logits
    loss = torch.nn.functional.cross_entropy(
        logits.float().flatten(0, 1),
        targets.flatten(),
        ignore_index=IGNORED,
        label_smoothing=smoothing,
        reduction="none",
    )
    return loss.view_as(targets), is_piece

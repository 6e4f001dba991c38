"""Pairs → losses of the reference's word pieces, by teacher forcing."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import torch
from thinc.api import Model, torch2xp, xp2torch
from thinc.types import Floats1d

from ..packing import batch_by_padded_size
from .checkpoint import Checkpoint, Seq2SeqShim
from .settings import Pair

# Of lengths in a batch. A step's few passages are of all lengths: without this, most was padding.
MAX_RATIO = 2.0


def force(model: Model, pairs: Sequence[Pair]) -> tuple[list[Floats1d], Callable]:
    """Read each passage and the reference up to every piece, and see how likely the next one is.

    RETURNS: For each pair the label-smoothed cross-entropy of each piece of its reference, the one
        that ends it included, unknown ones not; and what turns gradients of these into gradients
        of the weights.
    """
    shim: Seq2SeqShim = model.shims[0]
    shim.train()
    losses: list[Floats1d | None] = [None] * len(pairs)
    graphs: list[tuple[list[int], torch.Tensor]] = []
    for checkpoint, places in _by_checkpoint(shim, pairs):
        inputs, outputs = _encode(checkpoint, [pairs[i] for i in places])
        sizes = [max(len(a), len(b)) for a, b in zip(inputs, outputs, strict=True)]
        for batch in batch_by_padded_size(sizes, model.attrs["max_batch_tokens"], MAX_RATIO):
            with shim.autocast():
                loss, is_piece = _losses(
                    checkpoint,
                    [inputs[i] for i in batch],
                    [outputs[i] for i in batch],
                    model.attrs["label_smoothing"],
                )
            rows = [places[i] for i in batch]
            parts = loss.detach().split(is_piece.sum(1).tolist())
            for row, values in zip(rows, parts, strict=True):
                losses[row] = torch2xp(values)
            graphs.append((rows, loss))

    def backprop(d_losses: list[Floats1d]) -> Sequence[Pair]:
        for rows, loss in graphs:
            wanted = [xp2torch(d_losses[row], device=loss.device) for row in rows]
            loss.backward(torch.cat(wanted))
        return pairs

    return losses, backprop


def _by_checkpoint(
    shim: Seq2SeqShim, pairs: Sequence[Pair]
) -> Iterator[tuple[Checkpoint, list[int]]]:
    """Pairs that can share a batch, whatever their languages: few large batches are faster."""
    groups = defaultdict(list)
    for i, pair in enumerate(pairs):
        groups[shim.get(pair.passage.source_lang, pair.passage.target_lang)].append(i)
    yield from groups.items()


def _encode(
    checkpoint: Checkpoint, pairs: Sequence[Pair]
) -> tuple[list[list[int]], list[list[int]]]:
    """All ids that the encoder reads for each pair, and all that the decoder reads or writes."""
    inputs = checkpoint.encode([pair.passage.text for pair in pairs])
    outputs = checkpoint.encode_target([pair.reference for pair in pairs])
    eos = checkpoint.tokenizer.eos_token_id
    for i, pair in enumerate(pairs):
        direction = checkpoint.direction(pair.passage.source_lang, pair.passage.target_lang)
        inputs[i] = [*direction.head, *inputs[i], *direction.tail]
        start = checkpoint.start if direction.start is None else direction.start
        head = [start] if direction.forced_bos is None else [start, direction.forced_bos]
        outputs[i] = [*head, *outputs[i], eos]
    return inputs, outputs


def _losses(
    checkpoint: Checkpoint, inputs: list[list[int]], outputs: list[list[int]], smoothing: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """The losses of all pieces, those of a reference after those of the one before it, and where in
    the padded references these are."""
    read = checkpoint.pad(inputs)
    fed = checkpoint.pad([row[:-1] for row in outputs])
    labels = checkpoint.pad([row[1:] for row in outputs])
    is_piece = labels["attention_mask"].bool() & (labels["input_ids"] != checkpoint.unk)
    logits = checkpoint.model(
        **read, **{f"decoder_{name}": value for name, value in fed.items()}, use_cache=False
    ).logits
    # Padding and unknown pieces are left out before anything as wide as the vocabulary is counted.
    loss = torch.nn.functional.cross_entropy(
        logits[is_piece].float(),
        labels["input_ids"][is_piece],
        label_smoothing=smoothing,
        reduction="none",
    )
    return loss, is_piece

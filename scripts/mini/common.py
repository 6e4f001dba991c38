"""What the training steps of the embedded model share: torch and transformers, no spaCy."""

import os
import random
from pathlib import Path
from typing import Any

import numpy
import torch

from spacy_bertsum.layers.precision import has_bfloat16
from spacy_bertsum.packing import PackedDocs, batch_by_padded_size


def seed_everything(seed: int, rank: int = 0) -> random.Random:
    """RETURNS: A generator with numbers of its own for every seed, and for each of the processes
    that share the work. Torch's has the same in all of them: they begin with the same weights.
    """
    torch.manual_seed(seed)
    return random.Random(f"{seed} {rank}" if rank else seed)


def get_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 where that is faster: processors without it take many times as long."""
    enabled = device.type != "cpu" or has_bfloat16()
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def encode_windows(
    encoder: torch.nn.Module, packed: PackedDocs, max_tokens: int
) -> tuple[torch.Tensor, numpy.ndarray]:
    """Encode all windows, in batches of at most `max_tokens` with padding.

    RETURNS: The vectors of all pieces, without padding, shape (pieces, width); and for each window
        the row of its first piece.
    """
    device = next(encoder.parameters()).device
    lengths = [len(ids) for ids in packed.input_ids]
    starts = numpy.zeros(len(lengths), dtype="i8")
    vectors, n_rows = [], 0
    for group in batch_by_padded_size(lengths, max_tokens):
        ids = numpy.zeros((len(group), lengths[group[0]]), dtype="i8")
        segments, mask = numpy.zeros_like(ids), numpy.zeros_like(ids)
        for slot, w in enumerate(group):
            ids[slot, : lengths[w]] = packed.input_ids[w]
            segments[slot, : lengths[w]] = packed.segment_ids[w]
            mask[slot, : lengths[w]] = 1
            starts[w], n_rows = n_rows, n_rows + lengths[w]
        tensors = [torch.from_numpy(array).to(device) for array in (ids, segments, mask)]
        hidden = encoder(
            input_ids=tensors[0], token_type_ids=tensors[1], attention_mask=tensors[2]
        ).last_hidden_state
        vectors.append(hidden[tensors[2].bool()])
    return torch.cat(vectors).float(), starts


def encode_sentences(encoder: torch.nn.Module, packed: PackedDocs, max_tokens: int) -> torch.Tensor:
    """The mean vector of the pieces of every sentence, its [CLS] among them."""
    vectors, starts = encode_windows(encoder, packed, max_tokens)
    rows, lengths = packed.piece_rows()
    flat = torch.from_numpy(starts[rows[:, 0]] + rows[:, 1]).to(vectors.device)
    sizes = torch.from_numpy(lengths).to(vectors.device)
    sentence = torch.repeat_interleave(torch.arange(len(sizes), device=vectors.device), sizes)
    sums = vectors.new_zeros(len(sizes), vectors.shape[1])
    return sums.index_add(0, sentence, vectors.index_select(0, flat)) / sizes.unsqueeze(1)


def save_checkpoint(path: Path, **state: Any) -> None:
    """Write atomically, so that a kill in mid-write loses nothing."""
    # Other processes may be writing it.
    partial = path.with_suffix(f".{os.getpid()}.partial")
    torch.save(state, partial)
    os.replace(partial, path)

"""The shim around an encoder and its tokenizer."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy
import srsly
import torch
from thinc.api import get_torch_default_device
from thinc.types import ArgsKwargs
from torch import Tensor

from ..packing import SpecialIds
from ..surprisal import weigh_pieces
from .bert import Bert
from .checkpoints import load_checkpoint, save_checkpoint
from .int8 import is_int8
from .shim import LateShim


class EncoderShim(LateShim):
    """An encoder of the transformers library and its tokenizer.

    They are stored as the files of an ordinary checkpoint directory, so loading a trained pipeline
    asks no hub, and any model and tokenizer class that ``from_pretrained`` knows will do.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.tokenizer: Any = None
        self._special: SpecialIds | None = None
        self._weights: numpy.ndarray | None = None

    @property
    def encoder(self) -> Any:
        """The encoder's weights, in the order and under the names of the transformers library."""
        encoder = self._model.encoder
        return encoder if isinstance(encoder, Bert) else encoder.model

    def load(self, name: str | Path) -> None:
        """Load a checkpoint by the name it has on a hub, or by its directory.

        Raises ValueError if there is no such checkpoint, or its tokenizer is not a fast one.
        """
        encoder, tokenizer = load_checkpoint(name)
        self.set(encoder, tokenizer)

    def set(self, encoder: torch.nn.Module, tokenizer: Any) -> None:
        """Take another encoder, a `Bert` or a `PaddedEncoder`, and tokenizer."""
        self._model = WindowEncoder(encoder).to(get_torch_default_device())
        self.tokenizer = tokenizer
        self._special = SpecialIds.of(tokenizer)
        self._weights = None

    def begin_update(self, inputs: ArgsKwargs) -> tuple[Any, Callable]:
        if is_int8(self._model):
            raise ValueError(
                "A model in int8 can't be trained: train the one it was made from, and compress "
                "that again (python -m spacy bertsum compress)."
            )
        return super().begin_update(inputs)

    def max_length(self) -> int:
        """The longest input the encoder can take, special pieces included."""
        limits = [self.tokenizer.model_max_length]
        positions = getattr(self.encoder.config, "max_position_embeddings", None)
        if positions is not None and positions > 0:
            # RoBERTa counts positions from the padding index on: XLM-R has 514, but 512 usable.
            embeddings = getattr(self.encoder, "embeddings", None)
            table = getattr(embeddings, "position_embeddings", None)
            padding = getattr(table, "padding_idx", None)
            unused = 0 if padding is None else padding + 1
            limits.append(positions - getattr(self.encoder, "first_position", unused))
        return min(limits)

    def n_segments(self) -> int:
        """The number of segment types; 1 if the encoder has none to tell sentences apart by."""
        return max(1, getattr(self.encoder.config, "type_vocab_size", 1) or 1)

    def special_ids(self) -> SpecialIds:
        return self._special

    def piece_weights(self) -> numpy.ndarray:
        """See `spacy_bertsum.surprisal.weigh_pieces`."""
        if self._weights is None:
            self._weights = weigh_pieces(self.tokenizer)
        return self._weights

    def to_bytes(self) -> bytes:
        if not self.is_built:
            return srsly.msgpack_dumps({})
        with tempfile.TemporaryDirectory() as folder:
            self.save(folder)
            files = {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}
        return srsly.msgpack_dumps(files)

    def save(self, folder: str | Path) -> None:
        """Write an ordinary checkpoint directory."""
        save_checkpoint(self._model.encoder, self.tokenizer, folder)

    def from_bytes(self, data: bytes) -> "EncoderShim":
        files = srsly.msgpack_loads(data)
        if files:
            # Windows can't delete a file that is still mapped into memory.
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                for name, content in files.items():
                    (Path(folder) / name).write_bytes(content)
                self.load(folder)
        return self


class Batch(NamedTuple):
    """Windows that enter the encoder together, laid end to end.

    ids, segments, lengths, rows, row_lengths: See `spacy_bertsum.layers.bert.Bert.forward`.
    targets: The row of the result that each of the rows is added to.
    """

    ids: Tensor
    segments: Tensor | None
    lengths: Sequence[int]
    rows: Tensor
    row_lengths: Sequence[int]
    targets: Tensor


class WindowEncoder(torch.nn.Module):
    """An encoder over many windows, returning only the vectors that are asked for."""

    def __init__(self, encoder: torch.nn.Module):
        super().__init__()
        self.encoder = encoder

    def forward(self, batches: Sequence[Batch], sizes: Tensor) -> Tensor:
        """Encode batches one after the other.

        sizes: How many rows make each vector of the result, which is their mean.
        RETURNS: Vectors, (len(sizes), width).
        """
        taken = [self.encoder(*batch[:-1]).float() for batch in batches]
        targets = torch.cat([batch.targets for batch in batches])
        rows = torch.cat(taken)
        means = rows.new_zeros(len(sizes), rows.shape[1]).index_add(0, targets, rows)
        return means / sizes.unsqueeze(1)

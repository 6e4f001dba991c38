"""The encoder of a model directory, as the package runs it: training sees what use will see."""

from collections.abc import Sequence
from pathlib import Path

import numpy
import torch

from scripts.mini.common import autocast, get_device
from scripts.mini.model_directory import read_windows
from spacy_bertsum.compression.windows import draw_windows, runner
from spacy_bertsum.layers.encoder import Request, make_batches
from spacy_bertsum.layers.encoder_shim import EncoderShim
from spacy_bertsum.layers.int8 import quantize
from spacy_bertsum.packing import batch_by_padded_size, pack

# Word pieces that enter the encoder at once.
MAX_BATCH_PIECES = 8_192


class Shim(EncoderShim):
    """On the device of the training scripts, which know nothing of thinc's."""

    @property
    def device(self) -> torch.device:
        return get_device()


class Encoder(torch.nn.Module):
    """With the windows that the config of the directory names.

    int8: In 8-bit integers, which can't be trained: for processors without bfloat16.
    """

    def __init__(self, model: Path, int8: bool = False):
        super().__init__()
        self.shim = Shim()
        self.shim.load(model / "encoder")
        self.windows = read_windows(model)
        # Where torch looks for weights.
        self.window_encoder = self.shim._model
        self.requires_grad_(False).eval()
        if int8:
            quantize(self.bert, runner(self.shim, draw_windows(self.shim)))
        else:
            self.to(get_device())

    @property
    def bert(self) -> torch.nn.Module:
        return self.shim.encoder

    def forward(self, documents: Sequence[Sequence[numpy.ndarray]]) -> torch.Tensor:
        """documents: For every document, for every sentence, the ids of its pieces.

        RETURNS: The vectors of all sentences, (sentences, width).
        """
        packed = pack(documents, self.shim.special_ids(), **self.windows)
        rows, lengths = packed.piece_rows()
        groups = batch_by_padded_size([len(ids) for ids in packed.input_ids], MAX_BATCH_PIECES)
        batches = make_batches(self.shim, Request(packed, rows, lengths), groups)
        sizes = torch.from_numpy(lengths).to(self.shim.device)
        with autocast(self.shim.device):
            return self.window_encoder(batches, sizes)

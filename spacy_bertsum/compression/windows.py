"""Windows to observe an encoder on."""

from collections.abc import Callable, Iterable, Sequence

import numpy
import torch

from ..layers.encoder import Request, make_batches
from ..layers.encoder_shim import Batch, EncoderShim
from ..packing import pack

N_WINDOWS = 32
MAX_LENGTH = 256
SENTENCE_LENGTH = 24
# Windows that enter the encoder at once.
BATCH_SIZE = 8


def draw_windows(shim: EncoderShim, seed: int = 0) -> list[Batch]:
    """Windows of pieces drawn at random, each as often as any other.

    They stand for all languages of a vocabulary alike. What an encoder's activations come to on
    them hardly differs from what they come to on texts (docs/performance.md).
    """
    rng = numpy.random.default_rng(seed)
    special = shim.special_ids()
    ids = numpy.array([i for i in range(len(shim.tokenizer)) if i not in special.reserved])
    length = min(MAX_LENGTH, shim.max_length())
    n_sents = max(1, length // (SENTENCE_LENGTH + 2))
    size = min(SENTENCE_LENGTH, length - 2)
    docs = rng.choice(ids, (N_WINDOWS, n_sents, size)).tolist()
    return _make_batches(shim, docs, length)


def cut_windows(shim: EncoderShim, texts: Iterable[Sequence[str]]) -> list[Batch]:
    """The windows of documents.

    texts: The sentences of each document.
    """
    docs = [
        shim.tokenizer(list(sents), add_special_tokens=False, verbose=False)["input_ids"]
        for sents in texts
        if sents
    ]
    return _make_batches(shim, docs, min(MAX_LENGTH, shim.max_length()))


def _make_batches(
    shim: EncoderShim, docs: Sequence[Sequence[Sequence[int]]], length: int
) -> list[Batch]:
    """docs: For every document, for every sentence, the ids of its pieces."""
    packed = pack(
        docs, shim.special_ids(), max_length=length, overlap=0, n_segments=shim.n_segments()
    )
    windows = range(len(packed.input_ids))
    groups = [windows[start : start + BATCH_SIZE] for start in windows[::BATCH_SIZE]]
    return make_batches(shim, Request.of_all(packed), groups)


def runner(shim: EncoderShim, batches: Sequence[Batch]) -> Callable[[], None]:
    """A function that runs the encoder over batches."""

    def run() -> None:
        encoder = shim._model.encoder.eval()
        with torch.inference_mode():
            for batch in batches:
                encoder(*batch[:-1])

    return run

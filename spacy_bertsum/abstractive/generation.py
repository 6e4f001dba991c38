"""Passages → written texts, by encoder-decoders, in batches of similar length."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy
import torch
from spacy.util import logger
from thinc.api import Model
from tqdm import tqdm

from ..diagnosis import explain_out_of_memory
from ..packing import batch_by_padded_size
from .checkpoint import Checkpoint, Seq2SeqShim
from .forcing import MAX_RATIO, force
from .languages import Direction
from .settings import Generation, Passage, Request

T = TypeVar("T")


def seq2seq(shim: Seq2SeqShim, **attrs: Any) -> Model[Request, list[str]]:
    """Write a text for every passage, or in training find the losses of a reference for each; see
    `spacy_bertsum.abstractive.architecture`."""
    return Model("seq2seq", _forward, init=_init, shims=[shim], attrs=attrs)


def _init(model: Model, X: Any = None, Y: Any = None) -> None:
    shim: Seq2SeqShim = model.shims[0]
    if not shim.checkpoints:
        shim.load()


def _forward(model: Model, request: Any, is_train: bool) -> tuple[list, Callable]:
    if is_train:
        return force(model, request)
    return _write(model, request), lambda d_texts: request


def _write(model: Model, request: Request) -> list[str]:
    texts = [""] * len(request.passages)
    groups = _groups(model, request.passages)
    for checkpoint, _, _ in groups:
        checkpoint.check_output(request.generation.max_length)
    with tqdm(total=len(texts), disable=not request.progress, leave=False, unit="text") as bar:
        for checkpoint, direction, indices in groups:
            rows = checkpoint.encode([request.passages[i].text for i in indices])
            rows = [[*direction.head, *row, *direction.tail] for row in rows]

            def write(
                batch: list[list[int]],
                checkpoint: Checkpoint = checkpoint,
                direction: Direction = direction,
            ) -> list[str]:
                return generate(checkpoint, direction, batch, request.generation)

            for places, written in run_batches(rows, write, model.attrs["max_batch_tokens"]):
                for place, text in zip(places, written, strict=True):
                    texts[indices[place]] = text
                bar.update(len(places))
    return texts


def _groups(
    model: Model, passages: Sequence[Passage]
) -> list[tuple[Checkpoint, Direction, list[int]]]:
    """Passages that can share a batch. All languages are looked up before any text is written."""
    shim: Seq2SeqShim = model.shims[0]
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, passage in enumerate(passages):
        groups[passage.source_lang, passage.target_lang].append(i)
    result = []
    for (source, target), indices in groups.items():
        checkpoint = shim.get(source, target)
        result.append((checkpoint, checkpoint.direction(source, target), indices))
    return result


def max_passage(model: Model, source: str, target: str) -> tuple[Checkpoint, int]:
    """The checkpoint for two languages, and how many word pieces of text it takes at once.

    Raises ValueError if the setting max_length is out of the checkpoint's range.
    """
    checkpoint = model.shims[0].get(source, target)
    overhead = checkpoint.direction(source, target).overhead
    limit = checkpoint.max_input()
    length = model.attrs["max_length"]
    if length is None:
        length = limit
    elif not overhead < length <= limit:
        raise ValueError(
            f"max_length of the model must be more than {overhead} and at most {limit}, which is "
            f"what this checkpoint can take, not {length}"
        )
    return checkpoint, length - overhead


def run_batches(
    rows: Sequence[list[int]], run: Callable[[list[list[int]]], list[T]], max_batch_tokens: int
) -> Iterator[tuple[list[int], list[T]]]:
    """Run batches of similar length, the longest first. Where memory runs out, halve the batch.

    rows: Ids of each input.
    max_batch_tokens: The most ids in a batch, padding included; a longer row goes alone.
    YIELDS: The places of a batch's rows, and what `run` returned for them.
    RAISES: MemoryError if a row alone is too much.
    """
    pending = batch_by_padded_size(list(map(len, rows)), max_batch_tokens, MAX_RATIO)[::-1]
    most = len(rows)
    while pending:
        batch = list(pending.pop())
        if len(batch) > most:
            pending.append(batch[most:])
            batch = batch[:most]
        try:
            with explain_out_of_memory("bertsum_abs"):
                result = run([rows[i] for i in batch])
        except MemoryError as error:
            if len(batch) == 1:
                raise MemoryError(
                    "'bertsum_abs' ran out of memory on a single text. Lower num_beams, or the "
                    "model's max_length."
                ) from error
        else:
            yield batch, result
            continue
        # Outside the handler: the error's traceback would keep the batch's tensors alive.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        most = len(batch) // 2
        logger.info("bertsum_abs ran out of memory; going on with %d texts a batch", most)
        pending.append(batch)


def generate(
    checkpoint: Checkpoint, direction: Direction, rows: list[list[int]], settings: Generation
) -> list[str]:
    """Write a text for every row of ids."""
    model = checkpoint.model
    longest = max(map(len, rows))
    n_max = settings.max_length or checkpoint.default_output(direction, longest)
    arguments = settings.given()
    arguments["max_length"] = n_max
    if settings.min_length is not None:
        arguments["min_length"] = settings.min_length
    if direction.forced_bos is not None:
        arguments["forced_bos_token_id"] = direction.forced_bos
    if direction.start is not None:
        arguments["decoder_start_token_id"] = direction.start
    model.eval()
    with torch.inference_mode():
        output = model.generate(**checkpoint.pad(rows), max_new_tokens=None, **arguments)
    # What starts the decoder and the forced token are no text, whether special or not.
    skip = 1 if direction.forced_bos is None else 2
    eos = checkpoint.tokenizer.eos_token_id
    n_cut = int((~(output == eos)[:, 1:].any(1)).sum()) if output.shape[1] >= n_max else 0
    if n_cut:
        logger.warning(
            "%d of %d texts came to %d word pieces and may end too early: %s",
            n_cut,
            len(rows),
            output.shape[1],
            "raise max_length"
            if n_max < checkpoint.max_output()
            else "the checkpoint can write no more, give it less to read at once",
        )
    texts = checkpoint.tokenizer.batch_decode(output[:, skip:], skip_special_tokens=True)
    return [text.strip() for text in texts]


def embed(model: Model, passages: Sequence[Passage]) -> numpy.ndarray:
    """The mean of the encoder's vectors over the pieces of each passage, (passages, width).

    Passages are of one checkpoint and not longer than it can take; the rest is not looked at.
    """
    vectors: list[Any] = [None] * len(passages)
    for checkpoint, direction, indices in _groups(model, passages):
        n_max = checkpoint.max_input() - direction.overhead
        rows = checkpoint.encode([passages[i].text for i in indices])
        rows = [[*direction.head, *row[:n_max], *direction.tail] for row in rows]
        span = (len(direction.head), len(direction.tail))

        def run(
            batch: list[list[int]],
            checkpoint: Checkpoint = checkpoint,
            span: tuple[int, int] = span,
        ) -> list[numpy.ndarray]:
            inputs = checkpoint.pad(batch)
            with torch.inference_mode():
                hidden = checkpoint.model.get_encoder()(**inputs).last_hidden_state.float()
            ends = [max(len(row) - span[1], span[0] + 1) for row in batch]
            means = [rows[span[0] : end].mean(0) for rows, end in zip(hidden, ends, strict=True)]
            return list(torch.stack(means).cpu().numpy())

        for places, means in run_batches(rows, run, model.attrs["max_batch_tokens"]):
            for place, mean in zip(places, means, strict=True):
                vectors[indices[place]] = mean
    return numpy.stack(vectors)

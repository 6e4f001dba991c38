"""How fast training is: spaCy's loop beside a plain torch loop with the same model and batches.

    python -m benchmarks.training --precision fp32 --precision bf16

The spaCy side is all that ``spacy train`` does in a step: examples are copied, the sentencizer sets
boundaries, documents become word pieces and salience features, gold spans become labels, and the
optimizer of the configs ("Adam.v1") steps. The torch side is given the same windows, features and
labels as tensors, prepared before the clock starts, and steps with torch's fused AdamW. Both begin
with the same weights; their first loss must be the same. They take turns within one run.
"""

import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import numpy
import spacy
import torch
import typer
from spacy.language import Language
from spacy.training import Example
from spacy.training.loop import train_while_improving
from thinc.api import Adam, Model
from tqdm import tqdm

from benchmarks.page import describe_run, publish
from scripts.corpora import find_corpora
from spacy_bertsum.labels import get_labels
from spacy_bertsum.layers.checkpoints import to_transformers
from spacy_bertsum.layers.salience import doc_salience
from spacy_bertsum.layers.sentences import get_surprisal
from spacy_bertsum.layers.transformer import get_shim, pieces_of

LEARN_RATE = 1e-4
WEIGHT_DECAY = 0.01
GRAD_CLIP = 1.0
SENTENCIZER = "multilingual_sentencizer"

# What glibc does with the memory that a step frees decides how much of the next one is page faults.
KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": "2000000000", "MALLOC_MMAP_THRESHOLD_": "1000000000"}


@dataclass
class Settings:
    """What one comparison runs."""

    model: str
    precision: str
    n_batches: int
    batch_words: int
    doc_words: int
    threads: int
    data: Path | None


@dataclass
class Batch:
    """What the torch loop is given: tensors of a batch of documents.

    inputs: The encoder's, padded, (windows, length).
    rows: The rows of its output that stand for sentences, once windows are laid end to end.
    sentences: The sentence of the batch that each of those rows belongs to.
    features: Salience, (documents, sentences, features), padded as are mask and labels.
    """

    inputs: dict[str, torch.Tensor]
    rows: torch.Tensor
    sentences: torch.Tensor
    features: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor
    n_pieces: int


def build_pipeline(model: str, precision: str) -> Language:
    """As configs/mini.cfg has it, with the language given: detection is no part of training."""
    tokenizer = {"@tokenizers": "spacy-bertsum.MultilingualTokenizer.v1"}
    nlp = spacy.blank("xx", config={"nlp": {"tokenizer": tokenizer}})
    nlp.add_pipe(SENTENCIZER, config={"lang": "en"})
    architecture = {"@architectures": "spacy-bertsum.Pretrained.v1", "name": model}
    architecture["mixed_precision"] = precision == "bf16"
    nlp.add_pipe("bertsum", config={"model": architecture})
    return nlp


def make_texts(nlp: Language, n_words: int) -> Iterator[str]:
    """Endless documents of random words from the tokenizer's vocabulary."""
    transformer = _find(nlp, "bertsum_transformer")
    pieces = get_shim(transformer).tokenizer.get_vocab()
    words = sorted({piece.strip("▁#Ġ") for piece in pieces if piece.strip("▁#Ġ").isalpha()})
    rng = numpy.random.default_rng(0)
    while True:
        # Sentences of about 20 words, with a comma here and there.
        sentences, left = [], n_words
        while left > 0:
            length = min(left, int(rng.integers(10, 31)))
            chosen = [str(word) for word in rng.choice(words, length)]
            chosen[length // 2] += ","
            sentences.append(" ".join(chosen).capitalize() + ".")
            left -= length
        yield " ".join(sentences)


def make_batches(nlp: Language, settings: Settings) -> list[list[Example]]:
    """Batches of about `batch_words` words; three sentences of each document are gold."""
    if settings.data is None:
        texts = make_texts(nlp, settings.doc_words)
    else:
        corpora = find_corpora(settings.data, "train")
        texts = (record["text"] for corpus in corpora for record in corpus.read(20))
    rng = numpy.random.default_rng(0)
    batches: list[list[Example]] = [[]]
    for text in texts:
        if sum(len(example.reference) for example in batches[-1]) >= settings.batch_words:
            if len(batches) == settings.n_batches:
                break
            batches.append([])
        gold = nlp.get_pipe(SENTENCIZER)(nlp.make_doc(text))
        sents = list(gold.sents)
        chosen = rng.choice(len(sents), min(3, len(sents)), replace=False)
        gold.spans["summary"] = [sents[i] for i in sorted(chosen)]
        batches[-1].append(Example(nlp.make_doc(text), gold))
    return batches


def train_with_spacy(nlp: Language, batches: Sequence[list[Example]]) -> Iterator[float]:
    """Step for ever with spaCy's own loop, yielding the loss of each step."""
    optimizer = Adam(
        LEARN_RATE,
        L2=WEIGHT_DECAY,
        grad_clip=GRAD_CLIP,
        L2_is_weight_decay=True,
        use_averages=False,
    )
    total = 0.0
    steps = train_while_improving(
        nlp,
        optimizer,
        ((0, batch) for batch in _cycle(batches)),
        lambda: (0.0, {}),
        dropout=0.0,
        eval_frequency=10**9,
        accumulate_gradient=1,
        patience=0,
        max_steps=0,
        exclude=[SENTENCIZER],
        annotating_components=[SENTENCIZER],
        before_update=None,
    )
    for _, info, is_checkpoint in steps:
        loss = info["losses"]["bertsum"]
        yield loss - total
        # The loop starts to count anew after an evaluation, which it makes at the first step.
        total = 0.0 if is_checkpoint is not None else loss


def train_with_torch(
    encoder: torch.nn.Module, head: torch.nn.Module, batches: Sequence[Batch], precision: str
) -> Iterator[float]:
    """Step for ever with plain torch, yielding the loss of each step."""
    parameters = [*encoder.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, LEARN_RATE, weight_decay=WEIGHT_DECAY, fused=True)
    encoder.train()
    head.train()
    for batch in _cycle(batches):
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            hidden = encoder(**batch.inputs).last_hidden_state.float()
        taken = hidden.flatten(0, 1).index_select(0, batch.rows)
        counts = torch.bincount(batch.sentences).unsqueeze(1)
        sums = torch.zeros(len(counts), taken.shape[1]).index_add(0, batch.sentences, taken)
        vectors = torch.zeros(*batch.mask.shape, taken.shape[1])
        vectors[batch.mask] = sums / counts
        logits = head(torch.cat([vectors, batch.features], dim=-1), batch.mask)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            logits[batch.mask], batch.labels[batch.mask]
        )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, GRAD_CLIP)
        optimizer.step()
        optimizer.zero_grad()
        yield loss.item()


def prepare(nlp: Language, examples: list[Example]) -> Batch:
    """The tensors of a batch for the torch loop."""
    transformer = _find(nlp, "bertsum_transformer")
    docs = [nlp.get_pipe(SENTENCIZER)(example.predicted.copy()) for example in examples]
    pieces = pieces_of(transformer, docs)
    packed = pieces.packed
    width = max(map(len, packed.input_ids))
    inputs = {
        "input_ids": _pad(packed.input_ids, width),
        "attention_mask": _pad([numpy.ones_like(ids) for ids in packed.input_ids], width),
    }
    if get_shim(transformer).n_segments() > 1:
        inputs["token_type_ids"] = _pad(packed.segment_ids, width)
    attrs = _find(nlp, "sentence_encoder").attrs
    places, lengths = (
        packed.piece_rows() if attrs["pooling"] == "mean" else (packed.cls_rows, packed.cls_lengths)
    )
    n_sents = max(packed.n_sents)
    labels = [
        get_labels(Example(doc, example.reference), "summary")
        for doc, example in zip(docs, examples, strict=True)
    ]
    described = numpy.concatenate([doc_salience(doc) for doc in docs])
    if attrs["surprisal"]:
        described = numpy.hstack([get_surprisal(get_shim(transformer), pieces), described])
    features = _pad(numpy.split(described, numpy.cumsum(packed.n_sents)[:-1]), n_sents)
    return Batch(
        inputs=inputs,
        rows=torch.from_numpy(places[:, 0] * width + places[:, 1]),
        sentences=torch.from_numpy(numpy.repeat(numpy.arange(len(lengths)), lengths)),
        features=features,
        mask=torch.arange(n_sents) < torch.tensor(packed.n_sents).unsqueeze(1),
        labels=_pad(labels, n_sents),
        n_pieces=sum(map(len, packed.input_ids)),
    )


def _pad(rows: Sequence[numpy.ndarray], width: int) -> torch.Tensor:
    padded = numpy.zeros((len(rows), width, *rows[0].shape[1:]), rows[0].dtype)
    for target, row in zip(padded, rows, strict=True):
        target[: len(row)] = row
    return torch.from_numpy(padded)


def _find(nlp: Language, name: str) -> Model:
    return next(layer for layer in nlp.get_pipe("bertsum").model.walk() if layer.name == name)


def _cycle(batches: Sequence) -> Iterator:
    while True:
        yield from batches


def make_sides(settings: Settings) -> tuple[dict[str, Iterator[float]], list[Batch]]:
    """Both loops, ready to step, and their batches."""
    torch.set_num_threads(settings.threads)
    nlp = build_pipeline(settings.model, settings.precision)
    batches = make_batches(nlp, settings)
    nlp.initialize(lambda: batches[0])
    encoder = to_transformers(get_shim(_find(nlp, "bertsum_transformer"))._model.encoder)
    head = deepcopy(_find(nlp, "summarization_head").shims[0]._model)
    prepared = [prepare(nlp, batch) for batch in batches]
    return {
        "spaCy": train_with_spacy(nlp, batches),
        "torch": train_with_torch(encoder, head, prepared, settings.precision),
    }, prepared


def measure_time(settings: Settings, rounds: int) -> tuple[dict[str, list[float]], int]:
    """Pieces a second of each side in each round, and the pieces of a round."""
    sides, prepared = make_sides(settings)
    first = {side: next(steps) for side, steps in sides.items()}
    tolerance = 1e-2 if settings.precision == "bf16" else 1e-4
    if abs(first["spaCy"] - first["torch"]) > tolerance:
        raise RuntimeError(f"The two sides do not train the same model: losses {first}")
    for steps in sides.values():
        # To the end of the pass: every round begins with the same batch, and memory is warm.
        for _ in islice(steps, len(prepared) - 1):
            pass
    n_pieces = sum(batch.n_pieces for batch in prepared)
    speeds: dict[str, list[float]] = {side: [] for side in sides}
    for _ in tqdm(range(rounds), desc=settings.precision, leave=False):
        seconds = dict.fromkeys(sides, 0.0)
        for i in range(len(prepared)):
            # Batch by batch in turns: what else the machine does hits both sides alike.
            for side in sorted(sides, reverse=bool(i % 2)):
                start = time.perf_counter()
                next(sides[side])
                seconds[side] += time.perf_counter() - start
        for side, taken in seconds.items():
            speeds[side].append(n_pieces / taken)
    for steps in sides.values():
        steps.close()
    return speeds, n_pieces


def measure_memory(settings: Settings, side: str) -> float:
    """The most memory, in MiB, that a side takes beyond what the pipeline and its data take."""
    sides, prepared = make_sides(settings)
    before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    with closing(sides[side]) as steps:
        for _ in islice(steps, 2 * len(prepared)):
            pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before / 2**20


def in_new_process(function: Callable, *arguments: object, environment: dict[str, str]) -> object:
    """Call a function where memory is counted anew and malloc reads its settings."""
    os.environ.update(environment)
    try:
        with get_context("spawn").Pool(1) as pool:
            return pool.apply(function, arguments)
    finally:
        for name in environment:
            del os.environ[name]


def format_row(settings: Settings, malloc: str, speeds: dict, memory: dict[str, float]) -> str:
    medians = {side: statistics.median(values) for side, values in speeds.items()}
    ratios = [a / b for a, b in zip(speeds["spaCy"], speeds["torch"], strict=True)]
    cells = [settings.precision, malloc]
    cells += [f"{medians[side]:,.0f}" for side in ("spaCy", "torch")]
    cells += [f"**{statistics.median(ratios):.2f}**", f"{min(ratios):.2f} … {max(ratios):.2f}"]
    cells += [f"{memory[side]:,.0f}" for side in ("spaCy", "torch")]
    return "| " + " | ".join(cells) + " |"


def main(
    model: str = typer.Option("xx_bertsum_mini", help="Model name, model directory or pipeline"),
    precision: list[str] = typer.Option(["fp32", "bf16"], help="fp32 or bf16; several times"),
    batches: int = typer.Option(6, help="Batches of a round"),
    batch_words: int = typer.Option(3000, help="Words of a batch, as in configs/mini.cfg"),
    doc_words: int = typer.Option(250, help="Words of a document"),
    rounds: int = typer.Option(7, help="Turns of each side"),
    threads: int = typer.Option(2, help="Threads of torch"),
    data: Path | None = typer.Option(None, help="Data directory; by default random words"),
    output: Path | None = typer.Option(None, help="Markdown file for the table"),
) -> None:
    lines = [
        "| precision | malloc | spaCy, pieces/s | torch, pieces/s | ratio, median | ratio, range "
        "| spaCy, MiB | torch, MiB |",
        "| --- " * 8 + "|",
    ]
    for name in precision:
        settings = Settings(model, name, batches, batch_words, doc_words, threads, data)
        for malloc, environment in (("default", {}), ("keeps memory", KEEP_MEMORY)):
            speeds, n_pieces = in_new_process(
                measure_time, settings, rounds, environment=environment
            )
            memory = {
                side: in_new_process(measure_memory, settings, side, environment=environment)
                for side in ("spaCy", "torch")
            }
            lines.append(format_row(settings, malloc, speeds, memory))
            print(lines[-1])
    options = f"--model {model} --batches {batches} --batch-words {batch_words} --rounds {rounds}"
    options += f" --doc-words {doc_words} --threads {threads}"
    options += "".join(f" --precision {name}" for name in precision)
    options += " --data DATA" if data is not None else ""
    keep = " ".join(f"`{name}={value}`" for name, value in KEEP_MEMORY.items())
    text = (
        f"# Training speed: {model}\n\n"
        f"{describe_run(['spacy', 'thinc', 'torch', 'transformers'])}, {threads} threads. "
        f"Command: `python -m benchmarks.training {options}`\n\n"
        f"Each side trains {n_pieces:,} word pieces in {batches} batches a round, {rounds} rounds, "
        "in turns batch by batch. spaCy: the whole of a step in `spacy train`, from text to the "
        "optimizer. torch: "
        "a plain loop over the same windows, features and labels as prepared tensors, fused AdamW. "
        "Ratio: spaCy's speed by torch's in the same round. MiB: the most memory beyond what the "
        f'pipeline and its data take. malloc "keeps memory": {keep}.\n\n'
    )
    text += "\n".join(lines) + "\n"
    publish(text, output)


if __name__ == "__main__":
    typer.run(main)

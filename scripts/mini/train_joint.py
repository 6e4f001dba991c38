"""Step `joint` of the embedded model: encoder and head together.

Of a long document the encoder reads a stretch at a time, with features that were counted on the
whole, and beside documents parallel sentences, or it would forget what it knows of translations.

With ``torchrun --nproc-per-node N`` N processes share the work, each with documents of its own.
"""

import math
import random
from pathlib import Path

import numpy
import torch
import typer
from transformers import AutoModel, AutoTokenizer

from scripts.mini.common import get_device, save_checkpoint, seed_everything
from scripts.mini.documents import Document, find_prepared, load_documents
from scripts.mini.loop import Training
from scripts.mini.losses import SummaryLoss
from scripts.mini.parallel import Alignment, read_pairs, sentence_encoder
from scripts.mini.processes import Processes
from scripts.mini.sampling import Sampler
from scripts.mini.summarizer import Summarizer
from scripts.mini.validation import Validation
from spacy_bertsum.packing import SpecialIds


def draw_stretches(
    sampler: Sampler, n_pieces: int, max_pieces: int, rng: random.Random
) -> list[Document]:
    """A batch: stretches of documents that together have so many pieces."""
    batch, size = [], 0
    while size < n_pieces:
        batch.append(sampler.draw().cut(max_pieces, rng))
        size += sum(map(len, batch[-1].pieces))
    return batch


def main(
    work: Path = typer.Argument(..., exists=True, help="Holds encoder/, pairs.pt, prepared/"),
    start_from: Path = typer.Option(None, help="Weights to go on from, not those of `salience`"),
    save_as: str = typer.Option("joint", help="Name of the files"),
    steps: int = 1_500,
    max_minutes: float = typer.Option(math.inf, help="Finish within this time"),
    batch_pieces: int = 6_000,
    max_pieces: int = typer.Option(2_000, help="Of one document"),
    n_pairs: int = typer.Option(64, help="Sentence pairs in a batch; 0: none"),
    encoder_rate: float = 1e-4,
    head_rate: float = 5e-4,
    rouge_weight: float = typer.Option(1.0, help="Of relaxed ROUGE in the loss"),
    average_decay: float = typer.Option(0.99, help="Of the mean of weights; 0: the last"),
    warmup: int = 80,
    evaluate_every: int = 300,
    val_documents: int = 40,
    seed: int = 0,
) -> None:
    processes = Processes.join()
    # Every process has the same weights and its own documents.
    rng = seed_everything(seed, processes.rank)
    pairs = read_pairs(work) if n_pairs else None
    device = get_device()
    tokenizer = AutoTokenizer.from_pretrained(work / "encoder")
    encoder = AutoModel.from_pretrained(work / "encoder", add_pooling_layer=False)
    model = Summarizer(encoder, SpecialIds.of(tokenizer))
    state = torch.load(start_from or work / "salience.pt", map_location="cpu", weights_only=False)
    if "model" in state:
        model.load_state_dict(state["model"])
    else:
        model.start_from(state["head"])
    model.to(device)
    sets = {name: load_documents(path) for name, path in find_prepared(work, "train").items()}
    val = {
        name: load_documents(path, val_documents)
        for name, path in find_prepared(work, "val").items()
    }
    get_loss = SummaryLoss(sets, rouge_weight, rng)
    validation = Validation(val, work / "val_bounds.json")
    get_alignment = None
    if pairs is not None:
        encode = sentence_encoder(encoder, model.special)
        get_alignment = Alignment(encode, pairs, n_pairs, rng)
    training = Training(
        model,
        [
            {"params": model.head.parameters(), "lr": head_rate},
            {"params": model.encoder.parameters(), "lr": encoder_rate},
        ],
        rng,
        work / f"{save_as}.state.pt",
        steps=steps,
        max_minutes=max_minutes,
        warmup=warmup,
        average_decay=average_decay,
        processes=processes,
    )
    sampler = Sampler(sets, rng)
    hits: list[float] = []

    def accumulate() -> float:
        batch = draw_stretches(sampler, batch_pieces, max_pieces, rng)
        loss = get_loss(*model.score(model.encode(batch)), batch)
        misalignment = 0.0
        if get_alignment is not None:
            misalignment, retrieved = get_alignment()
            hits.append(retrieved)
        (loss + misalignment).backward()
        return loss.item()

    def evaluate(average: Summarizer) -> str:
        average.eval()

        @torch.no_grad()
        def score(name: str, documents: list[Document]) -> list[numpy.ndarray]:
            vectors = (average.encode([document]) for document in documents)
            return [average.score(one)[0][0].cpu().numpy() for one in vectors]

        standing = validation.run(score)
        save_checkpoint(work / f"{save_as}.pt", model=average.state_dict())
        retrieval = f" | retrieval@1 {numpy.mean(hits[-evaluate_every:]):.3f}" if hits else ""
        return f"{standing}{retrieval}"

    training.run(accumulate, evaluate, evaluate_every=evaluate_every, save_every=100)


if __name__ == "__main__":
    typer.run(main)

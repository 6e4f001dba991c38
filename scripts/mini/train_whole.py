"""Step `whole` of the embedded model: the encoder's upper layers and the head, on whole documents.

The head sees all sentences of a document, so that its extract can be scored with ROUGE, whatever
its length. The encoder reads one stretch of it anew in each step; the vectors of the other
sentences are those that `vectors.py` has kept. New vectors are held near the old ones, so that what
was kept stays true, and parallel sentences stand beside the documents, so that what was learnt from
translations stays.

With ``torchrun --nproc-per-node N`` N processes share the work, each with documents of its own.
"""

import math
import random
from dataclasses import replace
from pathlib import Path

import numpy
import torch
import typer
from tqdm import tqdm

from scripts.mini.common import get_device, save_checkpoint, seed_everything
from scripts.mini.documents import FEATURES, Document, take_sents
from scripts.mini.encoded import (
    Encoded,
    Scorer,
    accumulate_gradients,
    add_features,
    documents_of,
    load_encoded,
    substitute,
)
from scripts.mini.encoder import Encoder
from scripts.mini.languages import Mover, load_offsets
from scripts.mini.layers import build_head
from scripts.mini.loop import Training
from scripts.mini.losses import SummaryLoss
from scripts.mini.model_directory import read_head, read_head_weights
from scripts.mini.parallel import Alignment, read_pairs
from scripts.mini.processes import Processes
from scripts.mini.sampling import Sampler, draw_batch
from scripts.mini.validation import Standing, Validation

DROPOUT = 0.1


class Summarizer(torch.nn.Module):
    """The encoder of a model directory, of which the upper layers are trained, and its head."""

    def __init__(self, base: Path, n_layers: int):
        super().__init__()
        self.encoder = Encoder(base)
        self.upper = self.encoder.bert.encoder["layer"][-n_layers:]
        self.upper.requires_grad_(True)
        n_in = self.encoder.bert.config.hidden_size + len(FEATURES)
        self.head_name = read_head(base)
        self.head = build_head(self.head_name, n_in, DROPOUT)
        self.head.load_state_dict(read_head_weights(base))

    def train(self, mode: bool = True) -> "Summarizer":
        """What is not trained has no use for dropout."""
        super().train(mode)
        self.encoder.eval()
        self.upper.train(mode)
        return self

    @torch.no_grad()
    def encode_documents(self, documents: list[Document]) -> list[Encoded]:
        self.eval()
        return [
            Encoded(document, add_features(self.encoder([document.pieces]), document))
            for document in documents
        ]


class Trainer:
    """The gradients of batches: see the top of this file.

    max_pieces: Of a stretch that the encoder reads.
    anchor: How much it costs that vectors move.
    get_alignment: The loss on parallel sentences, if there are any.
    """

    def __init__(
        self,
        model: Summarizer,
        get_loss: SummaryLoss,
        rng: random.Random,
        max_pieces: int,
        anchor: float,
        move: Mover,
        get_alignment: Alignment | None = None,
    ):
        self.model = model
        self.get_loss = get_loss
        self.rng = rng
        self.max_pieces = max_pieces
        self.anchor = anchor
        self.move = move
        self.get_alignment = get_alignment
        # For each batch, for which share of its pairs the translation was the nearest sentence.
        self.retrieved: list[float] = []

    def accumulate(self, batch: list[Encoded]) -> float:
        """RETURNS: The loss of the documents, without the cost of moving."""
        if self.get_alignment is not None:
            misalignment, retrieved = self.get_alignment()
            misalignment.backward()
            self.retrieved.append(retrieved)
        return self._accumulate_documents(batch)

    def _accumulate_documents(self, batch: list[Encoded]) -> float:
        read = [one for one in batch if not one.in_disguise]
        others = [one for one in batch if one.in_disguise]
        if not read:
            return accumulate_gradients(self.model.head, self.get_loss, others)
        stretches = [one.document.choose_stretch(self.max_pieces, self.rng) for one in read]
        fresh = self.model.encoder(
            [one.document.pieces[part] for one, part in zip(read, stretches, strict=True)]
        )
        width = fresh.shape[1]
        kept = torch.cat(
            [one.vectors[part, :width] for one, part in zip(read, stretches, strict=True)]
        ).to(fresh)
        # The head works on batches of its own: gradients are collected here, then go on.
        vectors = fresh.detach().requires_grad_()
        spread = (kept - kept.mean(0)).square().mean()
        (self.anchor * (vectors - kept).square().mean() / spread).backward()
        sizes = [part.stop - part.start for part in stretches]
        renewed = [
            substitute(one, part, rows)
            for one, part, rows in zip(read, stretches, vectors.split(sizes), strict=True)
        ]
        others = [replace(one, vectors=one.vectors.to(vectors)) for one in others]
        batch = self.move(renewed) + others
        loss = accumulate_gradients(self.model.head, self.get_loss, batch)
        fresh.backward(vectors.grad)
        return loss


def main(
    work: Path = typer.Argument(..., exists=True, help="Holds prepared/ and the vectors"),
    base: Path = typer.Argument(..., exists=True, help="Model directory to go on from"),
    save_as: str = typer.Option("whole", help="Name of the files"),
    vectors: str = typer.Option("vectors", help="Folder of the vectors in WORK, by that model"),
    n_layers: int = typer.Option(2, help="Layers of the encoder to train, from the top"),
    steps: int = 3_000,
    max_minutes: float = typer.Option(math.inf, help="Finish within this time"),
    batch_sents: int = typer.Option(400, help="Sentences that the head reads in a step"),
    max_pieces: int = typer.Option(700, help="Pieces of a document that the encoder reads"),
    encoder_rate: float = 1e-4,
    head_rate: float = 3e-4,
    anchor: float = typer.Option(0.1, help="Cost of moving vectors by as much as they differ"),
    rouge_weight: float = typer.Option(1.0, help="Of relaxed ROUGE in the loss"),
    languages: Path | None = typer.Option(None, help="As in scripts.mini.train_head"),
    moved: float = typer.Option(0.5, help="As in scripts.mini.train_head"),
    regret: float = typer.Option(0.5, help="Cost of ROUGE lost to LEAD, above ROUGE won"),
    n_pairs: int = typer.Option(0, help="Pairs of WORK/pairs.pt in a batch; 0: none"),
    average_decay: float = typer.Option(0.995, help="Of the mean of weights"),
    evaluate_every: int = 1_000,
    save_every: int = 100,
    val_sents: int = typer.Option(800, help="Sentences of each val set"),
    seed: int = 0,
) -> None:
    processes = Processes.join()
    # Every process has the same weights and its own documents.
    rng = seed_everything(seed, processes.rank)
    pairs = read_pairs(work) if n_pairs else None
    sets = load_encoded(work, "train", vectors)
    val = {
        name: take_sents(documents, val_sents)
        for name, documents in documents_of(load_encoded(work, "val", vectors)).items()
    }
    validation = Validation(val, work / "val_bounds.json")
    get_loss = SummaryLoss(documents_of(sets), rouge_weight, rng, regret)
    model = Summarizer(base, n_layers).to(get_device())
    groups = [
        {"params": model.head.parameters(), "lr": head_rate},
        {"params": model.upper.parameters(), "lr": encoder_rate},
    ]
    training = Training(
        model,
        groups,
        rng,
        work / f"{save_as}.state.pt",
        steps=steps,
        max_minutes=max_minutes,
        average_decay=average_decay,
        processes=processes,
    )
    move = Mover({} if languages is None else load_offsets(languages), moved, rng)
    get_alignment = None
    if pairs is not None:
        get_alignment = Alignment(model.encoder, pairs, n_pairs, rng)
    trainer = Trainer(model, get_loss, rng, max_pieces, anchor, move, get_alignment)
    sampler = Sampler(sets, rng)

    def evaluate(average: Summarizer) -> Standing:
        if trainer.retrieved:
            tqdm.write(f"retrieval@1 {numpy.mean(trainer.retrieved[-evaluate_every:]):.3f}")
        encoded = {name: average.encode_documents(documents) for name, documents in val.items()}
        return validation.run(Scorer(average.head, encoded))

    if training.step == 0 and processes.is_first:
        print(f"before training: {evaluate(model)}")
    standing = training.run(
        lambda: trainer.accumulate(draw_batch(sampler, batch_sents)),
        evaluate,
        evaluate_every=evaluate_every,
        save_every=save_every,
    )
    if not processes.is_first:
        return
    average = training.average.module
    save_checkpoint(
        work / f"{save_as}.pt",
        name=average.head_name,
        head=average.head.state_dict(),
        encoder=average.encoder.bert.state_dict(),
        shares=standing.shares,
    )


if __name__ == "__main__":
    typer.run(main)

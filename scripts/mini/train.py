"""Steps 5 and 6 of the embedded model: learn to summarize.

``--phase salience`` trains the head on salience features alone, in minutes, on more documents than
an encoder could read in that time. ``--phase joint`` goes on with encoder and head together; of a
long document it sees a stretch at a time, with features that were counted on the whole, and beside
documents parallel sentences, or it would forget what it knows of translations.

With ``torchrun --nproc-per-node N`` N processes share the work of the joint phase, each with
documents of its own.
"""

import math
import random
from pathlib import Path

import numpy
import torch
import typer
from transformers import AutoModel, AutoTokenizer

from scripts.mini.common import (
    autocast,
    encode_sentences,
    get_device,
    save_checkpoint,
    seed_everything,
)
from scripts.mini.documents import Document, find_prepared, load_documents
from scripts.mini.encoded import Encoded, accumulate_gradients, pad
from scripts.mini.layers import DEFAULT, build_head
from scripts.mini.loop import Training
from scripts.mini.losses import SummaryLoss
from scripts.mini.parallel import MAX_LENGTH, Alignment
from scripts.mini.processes import Processes
from scripts.mini.sampling import Sampler
from scripts.mini.validation import Validation
from spacy_bertsum.layers.salience import FEATURES
from spacy_bertsum.packing import SpecialIds, pack

DROPOUT = 0.1
OVERLAP = 128
# What a sentence counts in a batch of the salience phase.
PIECES_PER_SENTENCE = 5


class Summarizer(torch.nn.Module):
    """Encoder and head as the package will run them."""

    def __init__(self, encoder: torch.nn.Module, special: SpecialIds):
        super().__init__()
        self.encoder = encoder
        self.head = build_head(DEFAULT, encoder.config.hidden_size + len(FEATURES), DROPOUT)
        self.special = special

    def represent(self, document: Document, phase: str) -> torch.Tensor:
        """The sentence vectors of a document as a phase sees them: zeros as yet in salience."""
        if phase == "joint":
            return self.encode([document])[0]
        features = torch.from_numpy(document.features).to(next(self.parameters()).device)
        return torch.nn.functional.pad(features, (self.encoder.config.hidden_size, 0))

    @torch.no_grad()
    def ignore_vectors(self) -> None:
        """Let the head begin with what it knows from salience, undisturbed by the vectors."""
        self.head.input.project.weight[:, : self.encoder.config.hidden_size].zero_()

    def encode(self, documents: list[Document]) -> list[torch.Tensor]:
        """Sentence vectors of documents, with their salience features."""
        device = next(self.parameters()).device
        packed = pack(
            [doc.pieces for doc in documents],
            self.special,
            max_length=MAX_LENGTH,
            overlap=OVERLAP,
        )
        with autocast(device):
            vectors = encode_sentences(self.encoder, packed, 4096)
        parts = vectors.split([len(doc.sents) for doc in documents])
        return [
            torch.cat([part, torch.from_numpy(doc.features).to(device)], dim=1)
            for part, doc in zip(parts, documents, strict=True)
        ]

    def score(self, vectors: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits, padded, and the mask of real sentences."""
        padded, mask = pad(vectors)
        return self.head(padded, mask), mask


def draw_documents(
    sampler: Sampler, phase: str, n_pieces: int, max_pieces: int, rng: random.Random
) -> list[Document]:
    """A batch: in the joint phase stretches of documents that together have so many pieces."""
    batch, size = [], 0
    while size < n_pieces:
        document = sampler.draw()
        if phase == "joint":
            document = document.cut(max_pieces, rng)
            size += sum(map(len, document.pieces))
        else:
            size += PIECES_PER_SENTENCE * len(document.sents)
        batch.append(document)
    return batch


def main(
    work: Path = typer.Argument(..., help="Holds encoder/, pairs.pt, prepared/; gets PHASE.pt"),
    phase: str = typer.Option("joint", help="salience or joint"),
    start_from: Path = typer.Option(None, help="Weights to go on from, not the phase before"),
    save_as: str = typer.Option(None, help="Name of the files, by default the phase's"),
    steps: int = 1_500,
    max_minutes: float = typer.Option(math.inf, help="Finish within this time"),
    batch_pieces: int = 6_000,
    max_pieces: int = typer.Option(2_000, help="Of one document in the joint phase"),
    n_pairs: int = typer.Option(64, help="Sentence pairs in a batch of the joint phase; 0: none"),
    encoder_rate: float = 1e-4,
    head_rate: float = 5e-4,
    rouge_weight: float = typer.Option(1.0, help="Of relaxed ROUGE in the loss"),
    average_decay: float = typer.Option(0.99, help="Of the mean of weights; 0: the last"),
    warmup: int = 80,
    evaluate_every: int = 300,
    save_every: int = 100,
    val_documents: int = 40,
    seed: int = 0,
) -> None:
    processes = Processes.join()
    seed_everything(seed)
    # Every process has the same weights and its own documents.
    rng = random.Random(seed + processes.rank)
    device = get_device()
    tokenizer = AutoTokenizer.from_pretrained(work / "encoder")
    encoder = AutoModel.from_pretrained(work / "encoder", add_pooling_layer=False)
    model = Summarizer(encoder, SpecialIds.of(tokenizer)).to(device)
    if start_from is None and phase == "joint":
        start_from = work / "salience.pt"
    if start_from is not None:
        state = torch.load(start_from, map_location=device, weights_only=False)
        if state["phase"] == "salience":
            # It trained the head alone, and left the encoder as it was before it.
            model.head.load_state_dict(state["head"])
            model.ignore_vectors()
        else:
            model.load_state_dict(state["model"])
    sets = {name: load_documents(path) for name, path in find_prepared(work, "train").items()}
    get_loss = SummaryLoss(sets, rouge_weight, rng)
    print(", ".join(f"{name} {len(documents)}" for name, documents in sets.items()))
    val = find_prepared(work, "val")
    validation = Validation(
        {name: load_documents(val[name], val_documents) for name in val}, work / "val_bounds.json"
    )
    get_alignment = None
    if phase == "joint" and n_pairs:
        pairs = torch.load(work / "pairs.pt", weights_only=False)
        get_alignment = Alignment(pairs, model.special, n_pairs, rng)
    groups = [{"params": model.head.parameters(), "lr": head_rate}]
    if phase == "joint":
        groups.append({"params": model.encoder.parameters(), "lr": encoder_rate})
    save_as = save_as or phase
    training = Training(
        model,
        groups,
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
        batch = draw_documents(sampler, phase, batch_pieces, max_pieces, rng)
        if phase == "salience":
            encoded = [Encoded(document, model.represent(document, phase)) for document in batch]
            return accumulate_gradients(model.head, get_loss, encoded)
        loss = get_loss(*model.score(model.encode(batch)), batch)
        misalignment = 0.0
        if get_alignment is not None:
            misalignment, retrieved = get_alignment(model.encoder)
            hits.append(retrieved)
        (loss + misalignment).backward()
        return loss.item()

    def evaluate(average: Summarizer) -> str:
        average.eval()

        @torch.no_grad()
        def score(name: str, documents: list[Document]) -> list[numpy.ndarray]:
            vectors = ([average.represent(document, phase)] for document in documents)
            return [average.score(one)[0][0].cpu().numpy() for one in vectors]

        standing = validation.run(score)
        save_checkpoint(
            work / f"{save_as}.pt",
            phase=phase,
            model=average.state_dict(),
            head=average.head.state_dict(),
        )
        retrieval = f" | retrieval@1 {numpy.mean(hits[-evaluate_every:]):.3f}" if hits else ""
        return f"{standing}{retrieval}"

    training.run(accumulate, evaluate, evaluate_every=evaluate_every, save_every=save_every)


if __name__ == "__main__":
    typer.run(main)

"""Steps 5 to 7 of the embedded model: learn to summarize.

``--phase salience`` trains the head on salience features alone, in minutes, on more documents than
an encoder could read in that time. ``--phase joint`` goes on with encoder and head together; of a
long document it sees a stretch at a time, with features that were counted on the whole, and beside
documents parallel sentences, or it would forget what it knows of translations. ``--phase head``
then freezes the encoder and trains the head on whole documents, whose sentence vectors are computed
once; some may be disguised, so that it learns to do without vectors that mean nothing.

With ``torchrun --nproc-per-node N`` N processes share the work of the joint phase, each with
documents of its own.
"""

import math
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import torch
import typer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm
from transformers import AutoModel, AutoTokenizer

from scripts.mini.common import (
    encode_sentences,
    get_device,
    save_checkpoint,
    seed_everything,
)
from scripts.mini.documents import Document, find_prepared, load_documents
from scripts.mini.losses import SummaryLoss
from scripts.mini.parallel import MAX_LENGTH, Alignment
from scripts.mini.validation import Validation
from spacy_bertsum.layers import heads
from spacy_bertsum.layers.salience import FEATURES
from spacy_bertsum.packing import SpecialIds, batch_by_padded_size, pack

HEAD = {"width": 256, "depth": 2, "n_heads": 4, "n_hidden": 512}
DROPOUT = 0.1
OVERLAP = 128
# Documents of a set, in all its languages, are drawn in proportion to their number to this power.
TEMPERATURE = 0.5
# What a sentence counts in a batch of the head phase, and padded sentences that go in at once.
PIECES_PER_SENTENCE = 5
MAX_PADDED_SENTS = 1_500
# The phase whose weights a phase starts from.
START_FROM = {"joint": "salience", "head": "joint"}


class Summarizer(torch.nn.Module):
    """Encoder and head as the package will run them."""

    def __init__(self, encoder: torch.nn.Module, special: SpecialIds):
        super().__init__()
        self.encoder = encoder
        self.head = heads.FineGrained(
            encoder.config.hidden_size + len(FEATURES), **HEAD, dropout=DROPOUT
        )
        self.special = special

    def encode_salience(self, document: Document) -> torch.Tensor:
        """Salience features beside vectors of zeros."""
        features = torch.from_numpy(document.features)
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
        with torch.autocast(device.type, dtype=torch.bfloat16):
            vectors = encode_sentences(self.encoder, packed, 4096)
        parts = vectors.split([len(doc.sents) for doc in documents])
        return [
            torch.cat([part, torch.from_numpy(doc.features).to(device)], dim=1)
            for part, doc in zip(parts, documents, strict=True)
        ]

    def score(self, vectors: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits, padded, and the mask of real sentences."""
        padded = torch.nn.utils.rnn.pad_sequence(vectors, batch_first=True)
        sizes = torch.tensor([len(v) for v in vectors], device=padded.device)
        mask = torch.arange(padded.shape[1], device=padded.device) < sizes.unsqueeze(1)
        return self.head(padded, mask), mask


class Sampler:
    """Batches of training documents, mixed over sets."""

    def __init__(self, sets: dict[str, list[Any]], rng: random.Random):
        self.sets = sets
        self.names = sorted(sets)
        totals = Counter()
        for name, documents in sets.items():
            totals[name.split(".")[0]] += len(documents)
        self.weights = [
            len(sets[name]) * totals[name.split(".")[0]] ** (TEMPERATURE - 1) for name in self.names
        ]
        self.rng = rng

    def draw(self) -> Any:
        (name,) = self.rng.choices(self.names, self.weights)
        return self.rng.choice(self.sets[name])


def accumulate_head_gradients(
    model: Summarizer,
    get_loss: SummaryLoss,
    batch: list[Document],
    encode_once: Callable[[Document], torch.Tensor],
) -> float:
    """The gradient of the mean loss over a batch, documents of similar length at a time."""
    vectors = [encode_once(document) for document in batch]
    model.train()
    total = 0.0
    for group in batch_by_padded_size([len(v) for v in vectors], MAX_PADDED_SENTS):
        loss = get_loss(*model.score([vectors[i] for i in group]), [batch[i] for i in group])
        loss = loss * len(group) / len(batch)
        loss.backward()
        total += loss.item()
    return total


def average_gradients(model: torch.nn.Module) -> None:
    """Make the gradients of all processes their mean."""
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    torch.distributed.all_reduce(flat)
    flat /= torch.distributed.get_world_size()
    parts = flat.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def report(step: int, loss: float, mean: float, shares: dict[str, numpy.ndarray]) -> str:
    details = " ".join(f"{name} {a:.2f}/{b:.2f}" for name, (a, b) in sorted(shares.items()))
    return f"step {step} loss {loss:.4f} closed {mean:.3f} | {details}"


def main(
    work: Path = typer.Argument(..., help="Holds encoder/, pairs.pt, prepared/; gets PHASE.pt"),
    phase: str = typer.Option("joint", help="salience, joint or head"),
    start_from: Path = typer.Option(None, help="Weights to go on from, not the phase before"),
    save_as: str = typer.Option(None, help="Name of the files, by default the phase's"),
    steps: int = 1_500,
    max_minutes: float = typer.Option(math.inf, help="Finish within this time"),
    batch_pieces: int = 6_000,
    max_pieces: int = typer.Option(2_000, help="Of one document in the joint phase"),
    per_set: int = typer.Option(0, help="Documents of each set, at most; 0 for all"),
    disguised: float = typer.Option(0.0, help="Share of documents to disguise in the head phase"),
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
    rank, n_processes = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    if n_processes > 1:
        torch.distributed.init_process_group("gloo")
    seed_everything(seed)
    # Every process has the same weights and its own documents.
    rng = random.Random(seed + rank)
    device = get_device()
    tokenizer = AutoTokenizer.from_pretrained(work / "encoder")
    encoder = AutoModel.from_pretrained(work / "encoder", add_pooling_layer=False)
    model = Summarizer(encoder, SpecialIds.of(tokenizer)).to(device)
    if start_from is None and phase in START_FROM:
        start_from = work / f"{START_FROM[phase]}.pt"
    if start_from is not None:
        state = torch.load(start_from, map_location=device, weights_only=False)
        if state["phase"] == "salience":
            # It trained the head alone, and left the encoder as it was before it.
            model.head.load_state_dict(state["head"])
            model.ignore_vectors()
        else:
            model.load_state_dict(state["model"])
    sets = {
        name: load_documents(path, per_set or None)
        for name, path in find_prepared(work, "train").items()
    }
    get_loss = SummaryLoss(sets, rouge_weight, rng)
    print(", ".join(f"{name} {len(documents)}" for name, documents in sets.items()))
    validation = Validation(work, val_documents)
    get_alignment = None
    if phase == "joint" and n_pairs:
        pairs = torch.load(work / "pairs.pt", weights_only=False)
        get_alignment = Alignment(pairs, model.special, n_pairs, rng)
    # Weights averaged over the last steps: what a single step learns from few documents is noise.
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(average_decay))
    cache: dict[int, torch.Tensor] = {}

    @torch.no_grad()
    def encode_once(document: Document) -> torch.Tensor:
        if phase == "salience":
            return model.encode_salience(document).to(device)
        if id(document) not in cache:
            model.eval()
            (cache[id(document)],) = model.encode([document])
        return cache[id(document)]

    @torch.no_grad()
    def score_documents(documents: list[Document]) -> list[numpy.ndarray]:
        result = []
        for document in documents:
            average.eval()
            encode = average.module.encode
            vectors = encode([document])[0] if phase == "joint" else encode_once(document)
            logits, _ = average.module.score([vectors])
            result.append(logits[0].cpu().numpy())
        return result

    if phase == "head":
        space, unknown = tokenizer.convert_tokens_to_ids(["▁", tokenizer.unk_token])
        for name, documents in sets.items():
            some = rng.sample(documents, round(disguised * len(documents)))
            copies = [doc.disguise(space, unknown, len(tokenizer), rng) for doc in some]
            sets[name] = [*documents, *copies]
        for documents in tqdm(sets.values(), desc="encoding"):
            for document in documents:
                encode_once(document)
    groups = [{"params": model.head.parameters(), "lr": head_rate}]
    if phase == "joint":
        groups.append({"params": model.encoder.parameters(), "lr": encoder_rate})
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    save_as = save_as or phase
    checkpoint = work / f"{save_as}.state.pt"
    best, step, elapsed = -math.inf, 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=False)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        best, step, elapsed = state["best"], state["step"], state["elapsed"]
        rng.setstate(state["rng"])
        if rank > 0:
            rng.seed(f"{seed} {rank} {step}")
    rates = [group["lr"] for group in optimizer.param_groups]
    if checkpoint.exists():
        rates = state["rates"]
    sampler = Sampler(sets, rng)
    start = time.time() - elapsed
    losses: list[float] = []
    hits: list[float] = []
    progress = tqdm(total=steps, initial=step, mininterval=10)
    done = step / steps
    while done < 1:
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * min(1.0, (step + 1) / warmup) * max(0.02, 1 - done)
        batch, size = [], 0
        while size < batch_pieces:
            document = sampler.draw()
            if phase == "joint":
                document = document.cut(max_pieces, rng)
                size += sum(map(len, document.pieces))
            else:
                size += PIECES_PER_SENTENCE * len(document.sents)
            batch.append(document)
        optimizer.zero_grad(set_to_none=True)
        if phase == "joint":
            model.train()
            loss = get_loss(*model.score(model.encode(batch)), batch)
            losses.append(loss.item())
            if get_alignment:
                misalignment, retrieved = get_alignment(model.encoder)
                loss = loss + misalignment
                hits.append(retrieved)
            loss.backward()
        else:
            losses.append(accumulate_head_gradients(model, get_loss, batch, encode_once))
        if n_processes > 1:
            average_gradients(model)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(model)
        step += 1
        done = max(step / steps, (time.time() - start) / (60 * max_minutes))
        if n_processes > 1:
            shared = torch.tensor(done)
            torch.distributed.broadcast(shared, src=0)
            done = shared.item()
        progress.update()
        if rank > 0:
            continue
        if step % evaluate_every == 0 or done >= 1:
            mean, shares = validation.run(score_documents)
            loss = float(numpy.mean(losses[-evaluate_every:]))
            progress.write(report(step, loss, mean, shares))
            if hits:
                progress.write(f"retrieval@1 {numpy.mean(hits[-evaluate_every:]):.3f}")
            # The joint phase ends with what it has learnt last; the head is chosen on val.
            if phase == "joint" or mean > best:
                best = mean
                save_checkpoint(
                    work / f"{save_as}.pt",
                    phase=phase,
                    model=average.module.state_dict(),
                    head=average.module.head.state_dict(),
                    closed=mean,
                )
        if step % save_every == 0 or done >= 1:
            save_checkpoint(
                checkpoint,
                model=model.state_dict(),
                average=average.state_dict(),
                optimizer=optimizer.state_dict(),
                rates=rates,
                best=best,
                step=step,
                elapsed=time.time() - start,
                rng=rng.getstate(),
            )


if __name__ == "__main__":
    typer.run(main)

"""Steps 5 and 6 of the embedded model: learn to summarize.

``--phase joint`` trains encoder and head together; of a long document it sees a stretch at a time,
with features that were counted on the whole. ``--phase head`` then freezes the encoder and trains
the head on whole documents, whose sentence vectors are computed once.

The loss has two parts: binary cross-entropy with the oracle's choice, as BERTSUM, and listwise
cross-entropy with each sentence's own ROUGE, which also tells the second best from the worst.
"""

import math
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import torch
import typer
from torch.nn.functional import binary_cross_entropy_with_logits, log_softmax
from tqdm import tqdm
from transformers import AutoModel, AutoTokenizer

from scripts.mini.common import (
    encode_sentences,
    get_device,
    save_checkpoint,
    seed_everything,
)
from scripts.mini.documents import (
    Document,
    choose_n_sents,
    find_prepared,
    load_documents,
    score_choice,
)
from spacy_bertsum.layers import heads
from spacy_bertsum.oracle import greedy_oracle
from spacy_bertsum.packing import SpecialIds, batch_by_padded_size, pack
from spacy_bertsum.salience import FEATURES

HEAD = {"width": 256, "depth": 2, "n_heads": 4, "n_hidden": 512}
DROPOUT = 0.1
MAX_LENGTH = 512
OVERLAP = 128
# Documents of a set are drawn in proportion to their number to this power.
TEMPERATURE = 0.5
# What a sentence counts in a batch of the head phase, and padded sentences that go in at once.
PIECES_PER_SENTENCE = 5
MAX_PADDED_SENTS = 1_500
# The share of a sentence in the soft labels falls by e with this much ROUGE.
GAIN_SCALE = 0.05


class Summarizer(torch.nn.Module):
    """Encoder and head as the package will run them."""

    def __init__(self, encoder: torch.nn.Module, special: SpecialIds):
        super().__init__()
        self.encoder = encoder
        self.head = heads.FineGrained(
            encoder.config.hidden_size + len(FEATURES), **HEAD, dropout=DROPOUT
        )
        self.special = special

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


def get_loss(logits: torch.Tensor, mask: torch.Tensor, documents: list[Document]) -> torch.Tensor:
    def pad(arrays: list[numpy.ndarray]) -> torch.Tensor:
        tensors = [torch.from_numpy(array).to(logits.device) for array in arrays]
        return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True)

    labels, gains = pad([d.labels for d in documents]), pad([d.gains for d in documents])
    sizes = mask.sum(1)
    binary = binary_cross_entropy_with_logits(logits, labels, reduction="none")
    binary = ((binary * mask).sum(1) / sizes).mean()
    lowest = torch.finfo(logits.dtype).min
    targets = torch.softmax((gains / GAIN_SCALE).masked_fill(~mask, lowest), dim=1)
    logs = log_softmax(logits.masked_fill(~mask, lowest), dim=1).masked_fill(~mask, 0.0)
    listwise = -((targets * logs).sum(1) / sizes.clamp(min=2).log()).mean()
    return binary + 0.5 * listwise


class Validation:
    """The share of the way from LEAD to the oracle that a model goes, on documents held out."""

    def __init__(self, work: Path, per_set: int):
        self.sets: dict[str, tuple[list[Document], int, float, float]] = {}
        for name, path in find_prepared(work, "val").items():
            documents = load_documents(path, per_set)
            n = choose_n_sents(documents)
            lead = numpy.mean([score_choice(d, list(range(n))[: len(d.sents)]) for d in documents])
            oracle = numpy.mean(
                [score_choice(d, greedy_oracle(d.sents, d.references, n)) for d in documents]
            )
            self.sets[name] = (documents, n, float(lead), float(oracle))

    def run(self, score: Any) -> tuple[float, dict[str, float]]:
        """score: Documents → a list of logits for each.

        RETURNS: The mean over sets, those of one name in many languages counting as one set, and
            the share of each of these.
        """
        shares: dict[str, list[float]] = {}
        for name, (documents, n, lead, oracle) in self.sets.items():
            scores = []
            for document, logits in zip(documents, score(documents), strict=True):
                chosen = numpy.argsort(-logits, kind="stable")[:n].tolist()
                scores.append(score_choice(document, chosen))
            share = (float(numpy.mean(scores)) - lead) / max(oracle - lead, 1e-6)
            shares.setdefault(name.split(".")[0], []).append(share)
        means = {name: float(numpy.mean(values)) for name, values in shares.items()}
        return float(numpy.mean(list(means.values()))), means


class Sampler:
    """Batches of training documents, mixed over sets."""

    def __init__(self, sets: dict[str, list[Any]], rng: random.Random):
        self.sets = sets
        self.names = sorted(sets)
        self.weights = [len(sets[name]) ** TEMPERATURE for name in self.names]
        self.rng = rng

    def draw(self) -> Any:
        (name,) = self.rng.choices(self.names, self.weights)
        return self.rng.choice(self.sets[name])


def accumulate_head_gradients(
    model: Summarizer, batch: list[Document], encode_once: Callable[[Document], torch.Tensor]
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


def report(step: int, loss: float, mean: float, shares: dict[str, float]) -> str:
    details = " ".join(f"{name} {share:.2f}" for name, share in sorted(shares.items()))
    return f"step {step} loss {loss:.4f} closed {mean:.3f} | {details}"


def main(
    work: Path = typer.Argument(..., help="Holds encoder/ and prepared/, gets joint.pt, head.pt"),
    phase: str = typer.Option("joint", help="joint or head"),
    steps: int = 1_500,
    max_minutes: float = typer.Option(math.inf, help="Finish within this time"),
    batch_pieces: int = 6_000,
    max_pieces: int = typer.Option(1_500, help="Of one document in the joint phase"),
    per_set: int = typer.Option(150, help="Documents of each set in the head phase"),
    encoder_rate: float = 2e-4,
    head_rate: float = 5e-4,
    warmup: int = 80,
    evaluate_every: int = 300,
    val_documents: int = 40,
    seed: int = 0,
) -> None:
    rng = seed_everything(seed)
    device = get_device()
    tokenizer = AutoTokenizer.from_pretrained(work / "encoder")
    encoder = AutoModel.from_pretrained(work / "encoder", add_pooling_layer=False)
    model = Summarizer(encoder, SpecialIds.of(tokenizer)).to(device)
    if phase == "head":
        state = torch.load(work / "joint.pt", map_location=device, weights_only=False)
        model.load_state_dict(state["model"])
    limit = None if phase == "joint" else per_set
    sets: dict[str, list[Any]] = {
        name: load_documents(path, limit) for name, path in find_prepared(work, "train").items()
    }
    print(", ".join(f"{name} {len(documents)}" for name, documents in sets.items()))
    validation = Validation(work, val_documents)
    cache: dict[int, torch.Tensor] = {}

    @torch.no_grad()
    def encode_once(document: Document) -> torch.Tensor:
        if id(document) not in cache:
            model.eval()
            (cache[id(document)],) = model.encode([document])
        return cache[id(document)]

    @torch.no_grad()
    def score_documents(documents: list[Document]) -> list[numpy.ndarray]:
        result = []
        for document in documents:
            vectors = encode_once(document) if phase == "head" else None
            model.eval()
            logits, _ = model.score(model.encode([document]) if vectors is None else [vectors])
            result.append(logits[0].cpu().numpy())
        return result

    if phase == "head":
        for documents in tqdm(sets.values(), desc="encoding"):
            for document in documents:
                encode_once(document)
    groups = [{"params": model.head.parameters(), "lr": head_rate}]
    if phase == "joint":
        groups.append({"params": model.encoder.parameters(), "lr": encoder_rate})
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    checkpoint = work / f"{phase}.state.pt"
    best, step, elapsed = -math.inf, 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=False)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        best, step, elapsed = state["best"], state["step"], state["elapsed"]
        rng.setstate(state["rng"])
    rates = [group["lr"] for group in optimizer.param_groups]
    if checkpoint.exists():
        rates = state["rates"]
    sampler = Sampler(sets, rng)
    start = time.time() - elapsed
    losses: list[float] = []
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
            loss.backward()
            losses.append(loss.item())
        else:
            losses.append(accumulate_head_gradients(model, batch, encode_once))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        done = max(step / steps, (time.time() - start) / (60 * max_minutes))
        progress.update()
        if step % evaluate_every == 0 or done >= 1:
            mean, shares = validation.run(score_documents)
            progress.write(report(step, float(numpy.mean(losses[-evaluate_every:])), mean, shares))
            # The joint phase ends with what it has learnt last; the head is chosen on val.
            if phase == "joint" or mean > best:
                best = mean
                save_checkpoint(work / f"{phase}.pt", model=model.state_dict(), closed=mean)
            save_checkpoint(
                checkpoint,
                model=model.state_dict(),
                optimizer=optimizer.state_dict(),
                rates=rates,
                best=best,
                step=step,
                elapsed=time.time() - start,
                rng=rng.getstate(),
            )


if __name__ == "__main__":
    typer.run(main)

"""Step 9 of the embedded model: the head, on the vectors that `vectors.py` has kept.

The encoder is frozen, so a head is trained on whole documents in minutes, and can be compared with
others: `--head` names the layer, `--without` takes away vectors or features, `--without-language`
and `--only-sets` documents.
"""

import random
from pathlib import Path

import numpy
import safetensors.torch
import torch
import typer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from scripts.mini.common import save_checkpoint, seed_everything
from scripts.mini.documents import Document
from scripts.mini.encoded import (
    MAX_PADDED_SENTS,
    Encoded,
    accumulate_gradients,
    load_encoded,
    pad,
)
from scripts.mini.layers import DEFAULT, build_head
from scripts.mini.losses import SummaryLoss
from scripts.mini.sampling import Sampler
from scripts.mini.validation import Validation
from spacy_bertsum.layers.salience import FEATURES
from spacy_bertsum.packing import batch_by_padded_size

DROPOUT = 0.1
WEIGHT_DECAY = 0.01
WARMUP = 100
# The learning rate falls in a line to this share of itself.
LAST_RATE = 0.02
Sets = dict[str, list[Encoded]]


def select_sets(sets: Sets, only: str, without_language: str) -> Sets:
    """only: Names of sets, with a comma between; without_language: codes of languages."""
    names, languages = only.split(","), without_language.split(",")
    return {
        name: documents
        for name, documents in sets.items()
        if only in ("", "all") or name.split(".")[0] in names
        if name.rpartition(".")[2] not in languages
    }


def blank(sets: Sets, part: str) -> None:
    """Put zeros in the place of vectors or of features."""
    columns = {"vectors": slice(0, -len(FEATURES)), "features": slice(-len(FEATURES), None)}
    for documents in sets.values():
        for document in documents:
            document.vectors[:, columns[part]] = 0.0


def draw_batch(sampler: Sampler, n_sents: int) -> list[Encoded]:
    batch, size = [], 0
    while size < n_sents:
        batch.append(sampler.draw())
        size += len(batch[-1].vectors)
    return batch


class Scorer:
    """Scores a set for `Validation` with a head."""

    def __init__(self, head: torch.nn.Module, sets: Sets):
        self.head = head
        self.sets = sets

    @torch.no_grad()
    def __call__(self, name: str, documents: list[Document]) -> list[numpy.ndarray]:
        self.head.eval()
        encoded = self.sets[name]
        logits: list = [None] * len(encoded)
        for group in batch_by_padded_size([len(one.vectors) for one in encoded], MAX_PADDED_SENTS):
            rows = self.head(*pad([encoded[i].vectors for i in group])).numpy()
            for i, row in zip(group, rows, strict=True):
                logits[i] = row[: len(encoded[i].vectors)]
        return logits


def main(
    work: Path = typer.Argument(..., exists=True, help="Holds prepared/ and vectors/"),
    head: str = typer.Option(DEFAULT, help="linear, transformer, recurrent or fine_grained"),
    start_from: Path = typer.Option(None, help="Weights (safetensors) to go on from"),
    save_as: str = typer.Option("head", help="Name of the files"),
    steps: int = 3_000,
    batch_sents: int = 1_200,
    rate: float = 5e-4,
    rouge_weight: float = typer.Option(1.0, help="Of relaxed ROUGE in the loss"),
    regret: float = typer.Option(0.0, help="Cost of ROUGE lost to LEAD, above ROUGE won"),
    average_decay: float = typer.Option(0.995, help="Of the mean of weights"),
    without: str = typer.Option("", help="vectors or features: leave these out"),
    without_language: str = typer.Option("", help="Leave these languages out of training"),
    only_sets: str = typer.Option("all", help="Train on these sets"),
    evaluate_every: int = 500,
    save_every: int = 500,
    seed: int = 0,
) -> None:
    seed_everything(seed)
    rng = random.Random(seed)
    val = load_encoded(work, "val")
    sets = select_sets(load_encoded(work, "train"), only_sets, without_language)
    if without:
        blank(sets, without)
        blank(val, without)
    documents = {name: [one.document for one in encoded] for name, encoded in sets.items()}
    get_loss = SummaryLoss(documents, rouge_weight, rng, regret)
    validation = Validation(
        {name: [one.document for one in val[name]] for name in val}, work / "val_bounds.json"
    )
    n_in = next(iter(val.values()))[0].vectors.shape[1]
    model = build_head(head, n_in, DROPOUT)
    if start_from is not None:
        model.load_state_dict(safetensors.torch.load_file(start_from))
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(average_decay))
    optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=WEIGHT_DECAY)
    sampler = Sampler(sets, rng)
    checkpoint, step = work / f"{save_as}.state.pt", 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=False)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
        rng.setstate(state["rng"])
    if start_from is not None and step == 0:
        print(f"before training: {validation.run(Scorer(model, val))}")
    losses: list[float] = []
    progress = tqdm(total=steps, initial=step, mininterval=10)
    while step < steps:
        factor = min(1.0, (step + 1) / WARMUP) * max(LAST_RATE, 1 - step / steps)
        for group in optimizer.param_groups:
            group["lr"] = rate * factor
        optimizer.zero_grad(set_to_none=True)
        model.train()
        losses.append(accumulate_gradients(model, get_loss, draw_batch(sampler, batch_sents)))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(model)
        step += 1
        progress.update()
        if step % evaluate_every == 0 or step == steps:
            standing = validation.run(Scorer(average.module, val))
            loss = float(numpy.mean(losses[-evaluate_every:]))
            progress.write(f"step {step} loss {loss:.4f} {standing}")
        if step % save_every == 0 or step == steps:
            save_checkpoint(
                checkpoint,
                model=model.state_dict(),
                average=average.state_dict(),
                optimizer=optimizer.state_dict(),
                step=step,
                rng=rng.getstate(),
            )
    standing = validation.run(Scorer(average.module, val))
    weights = average.module.state_dict()
    save_checkpoint(work / f"{save_as}.pt", name=head, head=weights, shares=standing.shares)


if __name__ == "__main__":
    typer.run(main)

"""A head trained from scratch on kept vectors."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy
import srsly
import torch
import typer
from torch import nn

from scripts.mini.common import seed_everything
from scripts.mini.documents import find_prepared
from scripts.mini.encoded import (
    Encoded,
    Scorer,
    accumulate_gradients,
    documents_of,
    load_encoded,
    width_of,
)
from scripts.mini.languages import Mover
from scripts.mini.layers import FINAL, build_head
from scripts.mini.loop import Training
from scripts.mini.losses import SummaryLoss
from scripts.mini.sampling import Sampler, draw_batch
from scripts.mini.validation import Standing, Validation

DROPOUT = 0.1
RATE = 5e-4
# With it, half as many sets are below LEAD, and what is won on the others stays.
REGRET = 1.0
BATCH_SENTS = 600
Sets = dict[str, list[Encoded]]


def load_sets(work: Path, vectors: str, split: str) -> tuple[Sets, Sets, Validation]:
    """Training documents, those of another split, and what scores these.

    vectors: The folder that `scripts.mini.vectors` has made.
    split: "val" or "test".

    RAISES: typer.BadParameter if there are no documents of that split.
    """
    train, held_out = (load_encoded(work, name, vectors) for name in ("train", split))
    if not held_out:
        raise typer.BadParameter(
            f"{work} has no {split} documents: run scripts.mini.prepare"
            f"{' with --test' if split == 'test' else ''}, then scripts.mini.vectors"
        )
    return train, held_out, Validation(documents_of(held_out), work / f"{split}_bounds.json")


def load_more(work: Path, vectors: str) -> Sets:
    """Training documents of another work folder.

    RAISES: typer.BadParameter if it has none, or not their vectors.
    """
    prepared = find_prepared(work, "train")
    if not prepared:
        raise typer.BadParameter(f"{work / 'prepared'} has no training documents: prepare some")
    names = [path.name for path in prepared.values()]
    missing = [name for name in names if not (work / vectors / name).exists()]
    if missing:
        raise typer.BadParameter(
            f"No {', '.join(missing)} in {work / vectors}: run scripts.mini.vectors with "
            f"{work} and --save-as {vectors} first"
        )
    return load_encoded(work, "train", vectors)


def fit_once(
    path: Path, sets: Sets, test: Sets, validation: Validation, **settings: Any
) -> Standing:
    """How far a head goes that `fit_head` trains, kept in a JSON file: if that is there, nothing is
    trained."""
    if not path.exists():
        checkpoint = path.with_suffix(".state.pt")
        standing, _ = fit_head(sets, test, validation, checkpoint, **settings)
        srsly.write_json(path, {name: share.tolist() for name, share in standing.shares.items()})
        checkpoint.unlink()
    shares = srsly.read_json(path)
    return Standing({name: numpy.array(share) for name, share in shares.items()})


def fit_head(
    sets: Sets,
    held_out: Sets,
    validation: Validation,
    checkpoint: Path,
    *,
    steps: int,
    head: str = FINAL,
    rate: float = RATE,
    rouge_weight: float = 1.0,
    regret: float = REGRET,
    lead_sets: Collection[str] = (),
    offsets: dict[str, torch.Tensor] | None = None,
    moved: float = 0.5,
    start_from: dict[str, torch.Tensor] | None = None,
    evaluate_every: int | None = None,
    seed: int = 0,
) -> tuple[Standing, nn.Module]:
    """Train a head, and go on with that if the checkpoint is there.

    validation: Of the documents in `held_out`.
    head: One of `scripts.mini.layers`.
    rate: Of learning, at its highest.
    rouge_weight, regret, lead_sets: See `scripts.mini.losses.SummaryLoss`.
    offsets, moved: See `scripts.mini.languages.Mover`. Without offsets no document is moved.
    start_from: Weights to go on from.
    evaluate_every: Steps; by default at the end alone.
    RETURNS: How far it goes on the sets held out, and the head: the mean of its weights.
    """
    rng = seed_everything(seed)
    model = build_head(head, width_of(sets), DROPOUT)
    if start_from is not None:
        model.load_state_dict(start_from)
    get_loss = SummaryLoss(documents_of(sets), rouge_weight, rng, regret, lead_sets)
    sampler = Sampler(sets, rng)
    move = Mover(offsets or {}, moved, rng)
    groups = [{"params": model.parameters(), "lr": rate}]
    training = Training(model, groups, rng, checkpoint, steps=steps)
    standing = training.run(
        lambda: accumulate_gradients(model, get_loss, move(draw_batch(sampler, BATCH_SENTS))),
        lambda average: validation.run(Scorer(average, held_out)),
        evaluate_every=evaluate_every or steps,
        save_every=100,
    )
    return standing, training.average.module

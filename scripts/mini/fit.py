"""A head trained from scratch on kept vectors, to be compared with others."""

from pathlib import Path
from typing import Any

import numpy
import srsly
import typer

from scripts.mini.common import seed_everything
from scripts.mini.encoded import (
    Encoded,
    Scorer,
    accumulate_gradients,
    documents_of,
    load_encoded,
    width_of,
)
from scripts.mini.layers import DEFAULT, build_head
from scripts.mini.loop import Training
from scripts.mini.losses import SummaryLoss
from scripts.mini.sampling import Sampler, draw_batch
from scripts.mini.validation import Standing, Validation

DROPOUT = 0.1
RATE = 5e-4
BATCH_SENTS = 600
Sets = dict[str, list[Encoded]]


def load_sets(work: Path) -> tuple[Sets, Sets, Validation]:
    """Training documents, test documents, and what scores these.

    RAISES: typer.BadParameter if there are no test documents.
    """
    train, test = load_encoded(work, "train"), load_encoded(work, "test")
    if not test:
        raise typer.BadParameter(
            f"{work} has no test documents: run scripts.mini.prepare with --test, then "
            "scripts.mini.vectors"
        )
    return train, test, Validation(documents_of(test), work / "test_bounds.json")


def fit_once(
    path: Path, sets: Sets, test: Sets, validation: Validation, **settings: Any
) -> Standing:
    """What `fit_head` returns, kept in a JSON file: if it is there, nothing is trained."""
    if not path.exists():
        checkpoint = path.with_suffix(".state.pt")
        standing = fit_head(sets, test, validation, checkpoint, **settings)
        srsly.write_json(path, {name: share.tolist() for name, share in standing.shares.items()})
        checkpoint.unlink()
    shares = srsly.read_json(path)
    return Standing({name: numpy.array(share) for name, share in shares.items()})


def fit_head(
    sets: Sets,
    test: Sets,
    validation: Validation,
    checkpoint: Path,
    *,
    steps: int,
    head: str = DEFAULT,
    rouge_weight: float = 1.0,
    regret: float = 0.0,
) -> Standing:
    """Train a head, and go on with that if the checkpoint is there.

    validation: Of the documents in `test`.
    head: "linear", "transformer", "recurrent" or "fine_grained".
    rouge_weight, regret: See `scripts.mini.losses.SummaryLoss`.
    RETURNS: How far it goes on the test sets.
    """
    rng = seed_everything(0)
    model = build_head(head, width_of(sets), DROPOUT)
    get_loss = SummaryLoss(documents_of(sets), rouge_weight, rng, regret)
    sampler = Sampler(sets, rng)
    groups = [{"params": model.parameters(), "lr": RATE}]
    training = Training(model, groups, rng, checkpoint, steps=steps)
    return training.run(
        lambda: accumulate_gradients(model, get_loss, draw_batch(sampler, BATCH_SENTS)),
        lambda average: validation.run(Scorer(average, test)),
        evaluate_every=steps,
        save_every=100,
    )

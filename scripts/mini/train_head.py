"""Step 9 of the embedded model: the head, on the vectors that `vectors.py` has kept.

The encoder is frozen, so a head is trained on whole documents in minutes, and can be compared with
others: `--head` names the layer, `--without` takes away vectors or features, `--without-language`
and `--only-sets` documents.
"""

import random
from pathlib import Path

import safetensors.torch
import typer

from scripts.mini.common import save_checkpoint, seed_everything
from scripts.mini.encoded import (
    Encoded,
    Scorer,
    accumulate_gradients,
    blank,
    documents_of,
    load_encoded,
    width_of,
)
from scripts.mini.layers import DEFAULT, build_head
from scripts.mini.loop import Training
from scripts.mini.losses import SummaryLoss
from scripts.mini.sampling import Sampler, draw_batch
from scripts.mini.validation import Validation

DROPOUT = 0.1
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
    validation = Validation(documents_of(val), work / "val_bounds.json")
    model = build_head(head, width_of(val), DROPOUT)
    if start_from is not None:
        model.load_state_dict(safetensors.torch.load_file(start_from))
    get_loss = SummaryLoss(documents_of(sets), rouge_weight, rng, regret)
    training = Training(
        model,
        [{"params": model.parameters(), "lr": rate}],
        rng,
        work / f"{save_as}.state.pt",
        steps=steps,
        average_decay=average_decay,
    )
    sampler = Sampler(sets, rng)
    if start_from is not None and training.step == 0:
        print(f"before training: {validation.run(Scorer(model, val))}")
    standing = training.run(
        lambda: accumulate_gradients(model, get_loss, draw_batch(sampler, batch_sents)),
        lambda average: validation.run(Scorer(average, val)),
        evaluate_every=evaluate_every,
        save_every=save_every,
    )
    weights = training.average.module.state_dict()
    save_checkpoint(work / f"{save_as}.pt", name=head, head=weights, shares=standing.shares)


if __name__ == "__main__":
    typer.run(main)

"""Step 12 of the embedded model: a head from scratch, on the vectors of the finished encoder.

The head that an encoder was trained with has seen other vectors than it ends with, and need not be
of the best kind. One that starts anew, on vectors that no longer change, is done in minutes.
"""

from pathlib import Path

import typer

from scripts.mini.common import save_checkpoint
from scripts.mini.fit import REGRET, fit_head, load_sets
from scripts.mini.layers import FINAL


def main(
    work: Path = typer.Argument(..., exists=True, help="Holds prepared/ and the vectors"),
    head: str = typer.Option(FINAL, help="A layer of scripts/mini/layers.py"),
    vectors: str = typer.Option("vectors", help="Folder of the vectors in WORK"),
    save_as: str = typer.Option("head", help="Name of the files"),
    steps: int = 2_000,
    rouge_weight: float = typer.Option(1.0, help="Of relaxed ROUGE in the loss"),
    regret: float = typer.Option(REGRET, help="Cost of ROUGE lost to LEAD, above ROUGE won"),
    evaluate_every: int = 400,
    seed: int = 0,
) -> None:
    standing, trained = fit_head(
        *load_sets(work, vectors, "val"),
        work / f"{save_as}.state.pt",
        steps=steps,
        head=head,
        rouge_weight=rouge_weight,
        regret=regret,
        evaluate_every=evaluate_every,
        seed=seed,
    )
    weights = trained.state_dict()
    save_checkpoint(work / f"{save_as}.pt", name=head, head=weights, shares=standing.shares)


if __name__ == "__main__":
    typer.run(main)

"""Step `head` of the embedded model: a head from scratch, on the vectors of the finished encoder.

The head that an encoder was trained with has seen other vectors than it ends with, and need not be
of the best kind. One that starts anew, on vectors that no longer change, is done in minutes.
"""

from pathlib import Path

import torch
import typer

from scripts.mini.common import save_checkpoint
from scripts.mini.fit import RATE, REGRET, Sets, fit_head, load_more, load_sets
from scripts.mini.languages import load_offsets
from scripts.mini.layers import FINAL
from scripts.mini.model_directory import read_head_weights
from scripts.names import read_names


def main(
    work: Path = typer.Argument(..., exists=True, help="Holds prepared/ and the vectors"),
    head: str = typer.Option(FINAL, help="A layer of scripts/mini/layers.py"),
    vectors: str = typer.Option("vectors", help="Folder of the vectors in WORK"),
    also: list[Path] = typer.Option(
        [], exists=True, help="Another WORK, with more training documents and their vectors"
    ),
    only: str = typer.Option(
        "", help="Sets to train on, of WORK and the others, with commas; all if none is named"
    ),
    languages: Path | None = typer.Option(
        None, help="What scripts.mini.languages has written: to move documents into other languages"
    ),
    moved: float = typer.Option(0.5, help="Share of documents to move"),
    start_from: Path | None = typer.Option(
        None, exists=True, help="A head to go on from: a checkpoint or a model directory"
    ),
    save_as: str = typer.Option("head", help="Name of the files"),
    steps: int = 2_000,
    rate: float = typer.Option(RATE, help="Of learning, at its highest"),
    rouge_weight: float = typer.Option(1.0, help="Of relaxed ROUGE in the loss"),
    regret: float = typer.Option(REGRET, help="Cost of ROUGE lost to LEAD, above ROUGE won"),
    lead: str = typer.Option(
        "", help="Sets whose documents teach to stay with the first sentences, with commas"
    ),
    evaluate_every: int = 400,
    seed: int = 0,
) -> None:
    # Those of WORK are many: what is missing beside them is told before they are read.
    more = {
        name: documents for path in also for name, documents in load_more(path, vectors).items()
    }
    sets, held_out, validation = load_sets(work, vectors, "val")
    sets |= more
    lead_sets = choose_sets(sets, lead) if lead else {}
    if only:
        sets = choose_sets(sets, only)
    standing, trained = fit_head(
        sets,
        held_out,
        validation,
        work / f"{save_as}.state.pt",
        steps=steps,
        head=head,
        rate=rate,
        rouge_weight=rouge_weight,
        regret=regret,
        lead_sets=lead_sets,
        offsets=None if languages is None else load_offsets(languages),
        moved=moved,
        start_from=None if start_from is None else _load_weights(start_from),
        evaluate_every=evaluate_every,
        seed=seed,
    )
    weights = trained.state_dict()
    save_checkpoint(work / f"{save_as}.pt", name=head, head=weights, shares=standing.shares)


def choose_sets(sets: Sets, wanted: str) -> Sets:
    """The sets of these names, with commas between them, in all their languages.

    RAISES: typer.BadParameter if there is none of a name.
    """
    names = read_names(wanted, sorted({name.partition(".")[0] for name in sets}))
    return {name: sets[name] for name in sets if name.partition(".")[0] in names}


def _load_weights(path: Path) -> dict[str, torch.Tensor]:
    if path.is_dir():
        return read_head_weights(path)
    return torch.load(path, map_location="cpu", weights_only=False)["head"]


if __name__ == "__main__":
    typer.run(main)

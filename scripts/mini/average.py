"""Step `average` of the embedded model: part of the way from one model directory to another.

Between a model and what further training made of it lies one that keeps most of what either knows
(Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").
"""

import shutil
from pathlib import Path

import safetensors.torch
import typer

WEIGHTS = ("head.safetensors", "encoder/model.safetensors")


def main(
    first: Path = typer.Argument(..., exists=True, file_okay=False, help="Model directory"),
    second: Path = typer.Argument(..., exists=True, file_okay=False, help="One of the same kind"),
    output: Path = typer.Argument(..., help="Model directory to write"),
    weight: float = typer.Option(0.5, min=0.0, max=1.0, help="Share of the second in the mean"),
) -> None:
    if (first / "config.cfg").read_bytes() != (second / "config.cfg").read_bytes():
        raise typer.BadParameter(f"{first} and {second} have different configs")
    shutil.copytree(first, output, dirs_exist_ok=True)
    for name in WEIGHTS:
        ours, theirs = (safetensors.torch.load_file(folder / name) for folder in (first, second))
        mean = {
            key: ((1 - weight) * ours[key].float() + weight * theirs[key].float()).half()
            for key in ours
        }
        safetensors.torch.save_file(mean, output / name, metadata={"format": "pt"})


if __name__ == "__main__":
    typer.run(main)

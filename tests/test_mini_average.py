"""Means of model directories."""

from pathlib import Path

import pytest
import torch
import typer
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from scripts.mini.average import WEIGHTS, main


def average(tmp_path: Path, *options: str) -> tuple[int, list[float]]:
    """The exit code, and the weights between 0 and 1 that were written."""
    for name, value in (("first", 0.0), ("second", 1.0)):
        for file_name in WEIGHTS:
            path = tmp_path / name / file_name
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file({"weight": torch.full((1,), value).half()}, path)
        (tmp_path / name / "config.cfg").touch()
    app = typer.Typer()
    app.command()(main)
    folders = [str(tmp_path / name) for name in ("first", "second", "mean")]
    code = CliRunner().invoke(app, [*folders, *options]).exit_code
    paths = [tmp_path / "mean" / file_name for file_name in WEIGHTS]
    return code, [load_file(path)["weight"].item() for path in paths if path.exists()]


def test_half_way(tmp_path: Path):
    assert average(tmp_path) == (0, [0.5, 0.5])


@pytest.mark.parametrize("weight", [0.0, 0.75, 1.0])
def test_part_of_the_way(tmp_path: Path, weight: float):
    assert average(tmp_path, "--weight", str(weight)) == (0, [weight, weight])


@pytest.mark.parametrize("weight", ["-0.1", "1.5"])
def test_not_beyond_either(tmp_path: Path, weight: str):
    assert average(tmp_path, "--weight", weight) == (2, [])

"""The loop that all training steps of the embedded model share."""

from itertools import product
from pathlib import Path

import pytest
import torch

from scripts.mini.common import seed_everything
from scripts.mini.loop import Training
from scripts.mini.processes import ALONE, Processes


class Line:
    """Learns y = 3x from random points; counts its evaluations."""

    def __init__(
        self,
        checkpoint: Path,
        steps: int,
        max_minutes: float = float("inf"),
        processes: Processes = ALONE,
        seed: int = 0,
    ):
        self.rng = seed_everything(seed, processes.rank)
        self.model = torch.nn.Linear(1, 1)
        groups = [{"params": self.model.parameters(), "lr": 0.05}]
        self.training = Training(
            self.model,
            groups,
            self.rng,
            checkpoint,
            steps=steps,
            max_minutes=max_minutes,
            warmup=5,
            average_decay=0.9,
            processes=processes,
        )
        self.evaluations = 0

    def accumulate(self) -> float:
        x = torch.tensor([[self.rng.random()]])
        loss = (self.model(x) - 3 * x).square().mean()
        loss.backward()
        return loss.item()

    def evaluate(self, average: torch.nn.Module) -> float:
        self.evaluations += 1
        return average(torch.ones(1, 1)).item()

    def run(self) -> float:
        return self.training.run(self.accumulate, self.evaluate, evaluate_every=100, save_every=10)


def test_learns(tmp_path: Path):
    line = Line(tmp_path / "line.pt", steps=400)
    assert abs(line.run() - 3) < 0.2
    assert line.evaluations == 4


def test_goes_on_where_it_was_stopped(tmp_path: Path):
    whole = Line(tmp_path / "whole.pt", steps=60).run()
    first = Line(tmp_path / "line.pt", steps=60)
    real = first.accumulate

    def stop_at_step_35() -> float:
        if first.training.step == 35:
            raise KeyboardInterrupt
        return real()

    first.accumulate = stop_at_step_35
    with pytest.raises(KeyboardInterrupt):
        first.run()
    second = Line(tmp_path / "line.pt", steps=60)
    assert second.training.step == 30
    assert second.run() == whole


def test_done_is_done(tmp_path: Path):
    result = Line(tmp_path / "line.pt", steps=20).run()
    again = Line(tmp_path / "line.pt", steps=20)
    assert again.run() == result
    assert again.evaluations == 1


def test_time_ends_training(tmp_path: Path):
    line = Line(tmp_path / "line.pt", steps=10**9, max_minutes=0.002)
    line.run()
    assert 0 < line.training.step < 10**9
    assert line.training.done >= 1


def test_only_the_first_process_evaluates_and_saves(tmp_path: Path):
    checkpoint = tmp_path / "line.pt"
    # As the second of two, but nobody to wait for.
    second = Line(checkpoint, steps=20, processes=Processes(rank=1))
    assert second.run() is None
    assert second.training.step == 20
    assert second.evaluations == 0
    assert not checkpoint.exists()
    Line(checkpoint, steps=20).run()
    done = Line(checkpoint, steps=20, processes=Processes(rank=1))
    assert done.run() is None
    assert done.evaluations == 0


def test_no_process_draws_as_another_after_a_stop(tmp_path: Path):
    Line(tmp_path / "line.pt", steps=20).run()
    drawn = [
        Line(tmp_path / name, steps=20, processes=Processes(rank), seed=seed).rng.random()
        for name, rank, seed in product(("none.pt", "line.pt"), (1, 2), (0, 1))
    ]
    assert len(set(drawn)) == len(drawn)

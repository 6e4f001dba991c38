"""What the training steps of the embedded model share."""

import os
import random
from pathlib import Path

import pytest
import torch

from scripts.mini.common import save_checkpoint, seed_everything


def test_every_seed_and_process_draws_otherwise_from_the_same_weights():
    streams, weights = set(), set()
    for seed in range(3):
        for rank in range(3):
            streams.add(seed_everything(seed, rank).random())
            weights.add(torch.rand(1).item())
    assert len(streams) == 9
    assert len(weights) == 3


def test_one_process_draws_as_ever():
    assert seed_everything(7).random() == random.Random(7).random()


def test_processes_that_write_one_checkpoint_do_not_meet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    written = []
    real = torch.save
    monkeypatch.setattr(torch, "save", lambda *args: written.append(args[1]) or real(*args))
    for pid in (1, 2):
        monkeypatch.setattr(os, "getpid", lambda pid=pid: pid)
        save_checkpoint(tmp_path / "joint.pt", step=pid)
    assert len(set(written)) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["joint.pt"]
    assert torch.load(tmp_path / "joint.pt") == {"step": 2}

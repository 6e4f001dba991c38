"""Training the encoder on parallel sentences."""

from pathlib import Path

import numpy
import pytest
import torch
from test_mini_whole import EMBEDDED
from transformers import AutoTokenizer

from scripts.mini.pretrain_encoder import main

WIDTH = 16


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A work directory after the step `embeddings`, with pairs of random pieces."""
    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED / "encoder")
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    rng = numpy.random.default_rng(0)
    numpy.save(tmp_path / "vectors.npy", rng.normal(size=(len(tokenizer), WIDTH)).astype("f"))
    pairs = [tuple(rng.integers(10, 1_000, (2, 6)).astype("u2")) for _ in range(20)]
    torch.save({"en-de": pairs, "en-fr": pairs}, tmp_path / "pairs.pt")
    return tmp_path


def pretrain(work: Path, steps: int, max_minutes: float) -> tuple[int, int]:
    """The steps that were taken, all in all, and when the encoder was written."""
    main(work, work, depth=1, n_heads=1, n_pairs=8, steps=steps, max_minutes=max_minutes)
    state = torch.load(work / "pretrain.pt", weights_only=False)
    return state["step"], (work / "encoder" / "model.safetensors").stat().st_mtime_ns


@pytest.mark.parametrize(("steps", "max_minutes"), [(2, 10.0), (10**9, 0.001)])
def test_done_is_done_by_steps_and_by_time(work: Path, steps: int, max_minutes: float):
    done = pretrain(work, steps, max_minutes)
    assert 0 < done[0] <= steps
    assert pretrain(work, steps, max_minutes) == done


def test_more_time_goes_on(work: Path):
    first, _ = pretrain(work, 10**9, 0.001)
    more, _ = pretrain(work, first + 1, 10.0)
    assert more == first + 1

"""What the training steps read from the directory of a model, see `export.py`."""

from pathlib import Path

import safetensors.torch
import torch
from thinc.api import Config

from scripts.mini.layers import find_head


def read_windows(model: Path) -> dict[str, int]:
    """How its encoder cuts documents into windows: max_length and overlap, in word pieces."""
    transformer = _read_config(model)["tok2vec"]["transformer"]
    return {key: transformer[key] for key in ("max_length", "overlap")}


def read_head(model: Path) -> str:
    """The name of its head, see `scripts.mini.layers`.

    RAISES: ValueError if it is none of these.
    """
    return find_head(_read_config(model)["head"])


def read_head_weights(model: Path) -> dict[str, torch.Tensor]:
    """Those of its head, in half precision."""
    return safetensors.torch.load_file(model / "head.safetensors")


def _read_config(model: Path) -> Config:
    return Config().from_disk(model / "config.cfg")["model"]

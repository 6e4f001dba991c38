"""The summarization layers that training compares, as modules and as a config names them."""

from typing import Any

import torch

from spacy_bertsum.layers import heads

_TOWER = {"width": 256, "depth": 2, "n_heads": 4, "n_hidden": 512}
# By name: class, settings, and architecture in the config.
_HEADS: dict[str, tuple[Any, dict[str, int], str]] = {
    "linear": (heads.LinearHead, {}, "LinearHead.v1"),
    "transformer": (heads.InterSentenceTransformer, _TOWER, "InterSentenceTransformer.v1"),
    "recurrent": (heads.RecurrentHead, {"width": 256, "depth": 1}, "RecurrentHead.v1"),
    "deep_recurrent": (heads.RecurrentHead, {"width": 256, "depth": 2}, "RecurrentHead.v1"),
    "fine_grained": (heads.FineGrained, _TOWER, "FineGrained.v1"),
}
# What the encoder is trained with, and what then takes its place.
DEFAULT, FINAL = "fine_grained", "deep_recurrent"


def build_head(name: str, n_in: int, dropout: float = 0.0) -> torch.nn.Module:
    """n_in: The width of a sentence's vector and features together."""
    head, settings, _ = _HEADS[name]
    return head(n_in, **settings) if name == "linear" else head(n_in, **settings, dropout=dropout)


def find_head(section: dict[str, Any]) -> str:
    """The name of the head that a section [model.head] describes.

    RAISES: ValueError if it is none of these.
    """
    for name in _HEADS:
        if head_config(name) == section:
            return name
    raise ValueError(f"No layer of {', '.join(_HEADS)} is {section}")


def head_config(name: str) -> dict[str, Any]:
    """The section [model.head]."""
    _, settings, architecture = _HEADS[name]
    return {"@architectures": f"spacy-bertsum.{architecture}", **settings}

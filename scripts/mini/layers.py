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
    "fine_grained": (heads.FineGrained, _TOWER, "FineGrained.v1"),
}
DEFAULT = "fine_grained"


def build_head(name: str, n_in: int, dropout: float = 0.0) -> torch.nn.Module:
    """n_in: The width of a sentence's vector and features together."""
    head, settings, _ = _HEADS[name]
    return head(n_in, **settings) if name == "linear" else head(n_in, **settings, dropout=dropout)


def head_config(name: str) -> dict[str, Any]:
    """The section [model.head]."""
    _, settings, architecture = _HEADS[name]
    return {"@architectures": f"spacy-bertsum.{architecture}", **settings}

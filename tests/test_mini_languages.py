"""Documents moved into other languages."""

import random
from dataclasses import replace

import pytest
import torch
from mini_documents import make_random

from scripts.mini.documents import FEATURES
from scripts.mini.encoded import Encoded
from scripts.mini.languages import Mover

WIDTH = 4
OFFSETS = {"en": torch.zeros(WIDTH), "de": torch.full((WIDTH,), 2.0)}


def make_encoded(lang: str, in_disguise: bool = False) -> Encoded:
    document = replace(make_random(3, 0), set=f"toy.{lang}")
    vectors = torch.ones(3, WIDTH + len(FEATURES), dtype=torch.float16)
    return Encoded(document, vectors, in_disguise)


@pytest.mark.parametrize(("lang", "moves"), [("en", {0.0, 2.0}), ("de", {0.0, -2.0})])
def test_moves_vectors_and_leaves_features(lang: str, moves: set[float]):
    batch = [make_encoded(lang) for _ in range(40)]
    moved = Mover(OFFSETS, 1.0, random.Random(0))(batch)
    found = set()
    for before, after in zip(batch, moved, strict=True):
        assert after.document is before.document
        change = after.vectors - before.vectors
        assert not change[:, WIDTH:].any()
        found.update(change[:, :WIDTH].flatten().tolist())
        assert (before.vectors == 1).all()
    assert found == moves


def test_moves_a_share():
    batch = [make_encoded("de") for _ in range(400)]
    moved = Mover({"de": OFFSETS["de"], "en": OFFSETS["en"]}, 0.5, random.Random(0))(batch)
    n_moved = sum(after is not before for before, after in zip(batch, moved, strict=True))
    assert 160 < n_moved < 240


def test_leaves_what_it_can_not_move():
    batch = [make_encoded("xh"), make_encoded("de", in_disguise=True)]
    assert Mover(OFFSETS, 1.0, random.Random(0))(batch) == batch
    assert Mover({}, 1.0, random.Random(0))([make_encoded("de")])[0].vectors.dtype == torch.float16

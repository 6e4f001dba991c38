"""The vectors of sentences, kept for heads to train on."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy
import pytest
import torch
import typer
from numpy.testing import assert_allclose
from test_mini_whole import EMBEDDED
from transformers import AutoTokenizer

from scripts.mini.documents import FEATURES
from scripts.mini.encoded import load_encoded
from scripts.mini.prepare import build_pipeline, prepare_document
from scripts.mini.vectors import main
from spacy_bertsum.surprisal import weigh_pieces

TEXT = "The boat left the harbour. The ice had closed it for weeks. Now the fishermen are glad."


@pytest.fixture
def keep(tmp_path: Path) -> Callable[[], None]:
    """Keeps the vectors of a set of one document."""
    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED / "encoder")
    record = {"id": 1, "text": TEXT, "references": ["The boat left."]}
    (tmp_path / "prepared").mkdir()
    weights = weigh_pieces(tokenizer)
    documents = [prepare_document(build_pipeline("en"), tokenizer, weights, record)]
    torch.save(documents, tmp_path / "prepared" / "toy.en.train.pt")
    return partial(
        main,
        *(tmp_path, EMBEDDED),
        disguised=1.0,
        max_sents=10,
        max_documents=10,
        max_val_sents=10,
        int8=False,
        save_as="vectors",
    )


def change(path: Path, **others: str) -> None:
    """Say that vectors are those of another encoder, or of nobody knows which."""
    state = torch.load(path)
    del state["encoder"]
    torch.save({**state, **others}, path)


def test_kept_once(keep: Callable[[], None], tmp_path: Path):
    keep()
    path = tmp_path / "vectors" / "toy.en.train.pt"
    written = path.stat().st_mtime_ns
    keep()
    assert path.stat().st_mtime_ns == written
    (own, disguised) = load_encoded(tmp_path, "train")["toy.en"]
    assert own.n_sents == disguised.n_sents == 3
    assert disguised.in_disguise
    # Its features are of the pieces that it has now.
    assert not numpy.array_equal(own.document.features, disguised.document.features)
    for one in (own, disguised):
        width = one.vectors.shape[1] - len(FEATURES)
        assert_allclose(one.vectors[:, width:], one.document.features, atol=1e-2)


def test_another_encoder_needs_another_folder(keep: Callable[[], None], tmp_path: Path):
    keep()
    change(tmp_path / "vectors" / "toy.en.train.pt", encoder="another")
    with pytest.raises(typer.BadParameter, match=r"another encoder: remove .*vectors or use"):
        keep()
    keep(save_as="vectors_2")
    assert (tmp_path / "vectors_2" / "toy.en.train.pt").exists()


def test_documents_of_another_version_are_refused(keep: Callable[[], None], tmp_path: Path):
    path = tmp_path / "prepared" / "toy.en.train.pt"
    (record,) = torch.load(path, weights_only=False)
    torch.save([{**record, "features": record["features"][:, 1:]}], path)
    with pytest.raises(typer.BadParameter, match="prepared by another version"):
        keep()


def test_older_vectors_do(keep: Callable[[], None], tmp_path: Path):
    keep()
    change(tmp_path / "vectors" / "toy.en.train.pt")
    keep()
    assert len(load_encoded(tmp_path, "train")["toy.en"]) == 2

"""Training the encoder on stretches of documents, and the head on all of them."""

import random
from itertools import pairwise
from pathlib import Path

import pytest
import torch
import typer
from mini_documents import make_random
from thinc.api import Config

import spacy_bertsum
from scripts.mini.documents import FEATURES
from scripts.mini.encoded import Encoded, substitute
from scripts.mini.encoder import Encoder
from scripts.mini.languages import Mover
from scripts.mini.layers import find_head, head_config
from scripts.mini.parallel import Alignment, read_pairs
from scripts.mini.train_whole import Summarizer, Trainer

EMBEDDED = Path(spacy_bertsum.__file__).parent / "models" / "xx_bertsum_mini"


@pytest.fixture(scope="module")
def model() -> Summarizer:
    torch.manual_seed(0)
    return Summarizer(EMBEDDED, n_layers=1).eval()


def first_is_best(logits: torch.Tensor, mask: torch.Tensor, documents: list) -> torch.Tensor:
    return -logits[:, 0].mean()


def train(
    model: Summarizer,
    batch: list[Encoded],
    anchor: float = 0.0,
    offsets: dict[str, torch.Tensor] | None = None,
    get_alignment: Alignment | None = None,
) -> dict[str, float]:
    """The size of the gradient of each weight that has one."""
    model.zero_grad()
    rng = random.Random(0)
    move = Mover(offsets or {}, 1.0, rng)
    trainer = Trainer(model, first_is_best, rng, 40, anchor, move, get_alignment)
    trainer.accumulate(batch)
    grads = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    return {name: float(grad.norm()) for name, grad in grads.items()}


def test_windows_are_those_of_the_model_directory(model: Summarizer):
    document = make_random(9, 1)
    (encoded,) = model.encode_documents([document])
    assert encoded.vectors.shape == (9, 256 + len(FEATURES))
    assert Config().from_disk(EMBEDDED / "config.cfg")["model"]["tok2vec"]["transformer"] == {
        "@architectures": "spacy-bertsum.BertSumTransformer.v1",
        "name": "encoder",
        **model.encoder.windows,
    }


def test_head_is_that_of_the_model_directory(model: Summarizer):
    section = Config().from_disk(EMBEDDED / "config.cfg")["model"]["head"]
    assert head_config(model.head_name) == section
    with pytest.raises(ValueError, match="No layer of linear, transformer"):
        find_head({**section, "width": 7})


def test_only_upper_layers_and_head_learn(model: Summarizer):
    batch = model.encode_documents([make_random(9, 1), make_random(4, 2)])
    trained = train(model, batch)
    encoder = {name for name in trained if not name.startswith("head.")}
    assert encoder
    assert all("encoder.layer.3." in name for name in encoder)
    assert len(encoder) < len(trained)


def test_documents_in_disguise_teach_the_head_alone(model: Summarizer):
    (own,) = model.encode_documents([make_random(9, 1)])
    batch = [Encoded(own.document, own.vectors, in_disguise=True)]
    trained = train(model, batch)
    assert trained
    assert all(name.startswith("head.") for name in trained)


def test_moving_costs_only_where_vectors_moved(model: Summarizer):
    batch = model.encode_documents([make_random(4, 1)])
    still = train(model, batch, anchor=0.0)
    anchored = train(model, batch, anchor=100.0)
    assert anchored == pytest.approx(still, rel=1e-3, abs=1e-5)
    moved = [Encoded(one.document, one.vectors + 1.0) for one in batch]
    pulled = train(model, moved, anchor=100.0)
    upper = next(name for name in pulled if not name.startswith("head."))
    assert pulled[upper] > 2 * train(model, moved, anchor=0.0)[upper]


def test_documents_moved_into_other_languages_teach_the_encoder_too(model: Summarizer):
    batch = model.encode_documents([make_random(9, seed) for seed in range(8)])
    still = train(model, batch)
    moved = train(model, batch, offsets={"en": torch.zeros(256), "de": torch.ones(256)})
    assert moved.keys() == still.keys()
    assert moved != still


def test_parallel_sentences_teach_the_encoder_alone(model: Summarizer):
    (own,) = model.encode_documents([make_random(9, 1)])
    batch = [Encoded(own.document, own.vectors, in_disguise=True)]
    sents = make_random(40, 2).pieces
    same, wrong = [(sent, sent) for sent in sents], list(pairwise(sents))
    align_same, align_wrong = (
        Alignment(model.encoder, {"en-de": pairs, "en-fr": pairs}, 32, random.Random(0))
        for pairs in (same, wrong)
    )
    alone, beside = train(model, batch), train(model, batch, get_alignment=align_wrong)
    assert {name: beside[name] for name in alone} == alone
    assert any("encoder.layer.3." in name for name in beside.keys() - alone.keys())
    (low, often), (high, rarely) = align_same(), align_wrong()
    assert low < high
    assert often > 0.5 > rarely


def test_no_parallel_sentences_are_an_error_that_says_what_makes_them(tmp_path: Path):
    with pytest.raises(
        typer.BadParameter, match=r"pairs\.pt is missing: scripts\.mini\.pretrain_encoder"
    ):
        read_pairs(tmp_path)


@torch.no_grad()
def test_vectors_in_int8_are_nearly_the_same(model: Summarizer):
    pieces = [make_random(9, 1).pieces]
    vectors = Encoder(EMBEDDED, int8=True)(pieces)
    assert torch.cosine_similarity(vectors, model.encoder(pieces)).min() > 0.99


def test_substitute():
    document = make_random(5, 1)
    encoded = Encoded(document, torch.zeros(5, 4).half())
    vectors = substitute(encoded, slice(1, 3), torch.ones(2, 3)).vectors
    assert vectors.tolist() == [[0] * 4, [1, 1, 1, 0], [1, 1, 1, 0], [0] * 4, [0] * 4]

from collections.abc import Callable

import numpy
import pytest
import torch
from numpy.testing import assert_allclose
from thinc.api import Adam, Model, set_dropout_rate
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence, pad_sequence

from spacy_bertsum.architectures import (
    build_fine_grained,
    build_inter_sentence_transformer,
    build_recurrent_head,
)
from spacy_bertsum.layers.head import head
from spacy_bertsum.layers.heads import (
    FineGrained,
    InterSentenceTransformer,
    LinearHead,
    RecurrentHead,
    SentenceTransformer,
)
from spacy_bertsum.layers.recurrent import PaddedLstm

WIDTH = 12
TOWERS = {"depth": 2, "n_heads": 2, "n_hidden": 24}
HEADS = {
    "linear": (LinearHead, {}),
    "transformer": (InterSentenceTransformer, {"width": None, **TOWERS}),
    "narrower transformer": (InterSentenceTransformer, {"width": 8, **TOWERS}),
    "recurrent": (RecurrentHead, {"width": 8, "depth": 2}),
    "fine-grained": (FineGrained, {"width": None, **TOWERS}),
    "odd fine-grained": (FineGrained, {"width": 9, **TOWERS, "n_heads": 3}),
}
ATTENDING = [name for name in HEADS if name != "linear"]


def make_head(name: str, **settings: object) -> Model:
    build, defaults = HEADS[name]
    torch.manual_seed(0)
    model = head(build, **{**defaults, **settings})
    model.initialize(X=[vectors(1)])
    return model


def vectors(n_sents: int, seed: int = 0) -> numpy.ndarray:
    return numpy.random.default_rng(seed).normal(size=(n_sents, WIDTH)).astype("f")


@pytest.fixture(params=HEADS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def test_a_logit_for_every_sentence(name: str):
    docs = [vectors(n) for n in (3, 0, 7, 1)]
    logits = make_head(name).predict(docs)
    assert [x.shape for x in logits] == [(3,), (0,), (7,), (1,)]
    assert [x.dtype for x in logits] == ["float32"] * 4
    assert len(set(logits[2])) == 7


@pytest.mark.parametrize("batch", [[], [0], [0, 0]])
def test_no_sentences_at_all(name: str, batch: list[int]):
    model = make_head(name)
    docs = [vectors(n) for n in batch]
    logits, backprop = model(docs, is_train=True)
    assert [x.shape for x in logits] == [(0,)] * len(batch)
    assert [d.shape for d in backprop(logits)] == [(0, WIDTH)] * len(batch)


@pytest.mark.parametrize("is_train", [True, False])
def test_logits_do_not_depend_on_the_rest_of_the_batch(
    name: str, is_train: bool, monkeypatch: pytest.MonkeyPatch
):
    model = make_head(name)
    docs = [vectors(n, seed=n) for n in (5, 1, 40, 0, 12, 5)]
    together, _ = model(docs, is_train)
    for doc, logits in zip(docs, together, strict=True):
        assert_allclose(model([doc], is_train)[0][0], logits, atol=1e-5)
    monkeypatch.setattr("spacy_bertsum.layers.head._MAX_BATCH_SENTS", 20)
    for logits, again in zip(together, model(docs, is_train)[0], strict=True):
        assert_allclose(again, logits, atol=1e-5)


def test_gradients_are_those_of_torch(name: str):
    model = make_head(name)
    module = model.shims[0]._model
    docs = [vectors(n, seed=n) for n in (4, 9, 0, 1, 9)]
    d_logits = [
        numpy.random.default_rng(n).normal(size=len(doc)).astype("f") for n, doc in enumerate(docs)
    ]
    logits, backprop = model(docs, is_train=True)
    d_docs = backprop(d_logits)
    d_params = {key: p.grad.clone() for key, p in module.named_parameters()}

    module.zero_grad()
    for doc, expected, d_doc, d in zip(docs, logits, d_docs, d_logits, strict=True):
        if len(doc) == 0:
            assert d_doc.shape == (0, WIDTH)
            continue
        x = torch.tensor(doc[None], requires_grad=True)
        y = module(x, torch.ones(1, len(doc), dtype=torch.bool))
        assert_allclose(y.detach()[0], expected, atol=1e-5)
        y.backward(torch.tensor(d[None]))
        assert_allclose(d_doc, x.grad[0], atol=1e-6)
    for key, parameter in module.named_parameters():
        assert_allclose(d_params[key], parameter.grad, atol=1e-5, err_msg=key)


def influence(score: Callable[[numpy.ndarray], numpy.ndarray], changed: int) -> list[bool]:
    """Which sentences' results change with the vector of one sentence."""
    doc = vectors(6)
    before = score(doc)
    doc[changed] = vectors(1, seed=9)[0]
    difference = abs(score(doc) - before).reshape(6, -1).max(axis=1)
    return (difference > 1e-6).tolist()


def test_linear_head_sees_each_sentence_by_itself():
    model = make_head("linear")
    assert influence(lambda doc: model.predict([doc])[0], 3) == [i == 3 for i in range(6)]


@pytest.mark.parametrize("name", ATTENDING)
@pytest.mark.parametrize("changed", [0, 5])
def test_other_heads_see_all_sentences(name: str, changed: int):
    model = make_head(name)
    assert all(influence(lambda doc: model.predict([doc])[0], changed))


@pytest.mark.parametrize("name", ATTENDING)
def test_order_of_sentences_matters(name: str):
    model = make_head(name)
    backwards = model.predict([vectors(6)[::-1]])[0][::-1]
    assert abs(backwards - model.predict([vectors(6)])[0]).max() > 1e-3


@pytest.mark.parametrize("is_train", [True, False])
def test_one_tower_reads_forward_and_the_other_both_ways(is_train: bool):
    model = make_head("fine-grained")
    module = model.shims[0]._model
    seen = {}
    for tower in ("bidirectional", "unidirectional"):
        module.get_submodule(tower).register_forward_hook(
            lambda _, args, output, tower=tower: seen.update({tower: output.numpy(force=True)})
        )

    def score(tower: str) -> Callable[[numpy.ndarray], numpy.ndarray]:
        def vectors_of_tower(doc: numpy.ndarray) -> numpy.ndarray:
            # A longer document goes first in the batch, and this one is padded.
            model([doc, vectors(9)], is_train)
            return seen[tower][1, :6]

        return vectors_of_tower

    assert influence(score("unidirectional"), 3) == [False, False, False, True, True, True]
    assert influence(score("bidirectional"), 3) == [True] * 6


def test_scores_survive_serialization(name: str):
    model = make_head(name)
    docs = [vectors(n) for n in (4, 9)]
    build, settings = HEADS[name]
    loaded = head(build, **settings).from_bytes(model.to_bytes())
    assert loaded.get_dim("nI") == WIDTH
    for before, after in zip(model.predict(docs), loaded.predict(docs), strict=True):
        numpy.testing.assert_array_equal(before, after)
    for before, after in zip(model.predict(docs), model.copy().predict(docs), strict=True):
        numpy.testing.assert_array_equal(before, after)


def test_saved_before_it_is_initialized(name: str):
    build, settings = HEADS[name]
    loaded = head(build, **settings).from_bytes(head(build, **settings).to_bytes())
    loaded.initialize(X=[vectors(1)])
    assert loaded.predict([vectors(3)])[0].shape == (3,)


def test_learns(name: str):
    model = make_head(name)
    optimizer = Adam(0.01)
    doc = vectors(8)
    gold = (doc[:, 0] > 0).astype("f")
    for _ in range(200):
        logits, backprop = model([doc, doc[:5]], is_train=True)
        backprop([model.ops.sigmoid(x) - gold[: len(x)] for x in logits])
        model.finish_update(optimizer)
    assert ((model.predict([doc])[0] > 0) == gold).all()


@pytest.mark.parametrize("name", ATTENDING)
def test_dropout_follows_the_training_loop(name: str):
    model = make_head(name)
    set_dropout_rate(model, 0.5)
    docs = [vectors(20)]

    def varies(is_train: bool) -> bool:
        first, second = (model(docs, is_train)[0][0] for _ in range(2))
        return bool(abs(first - second).max() > 1e-4)

    assert varies(is_train=True)
    assert not varies(is_train=False)
    set_dropout_rate(model, 0.0)
    assert not varies(is_train=True)
    assert_allclose(model(docs, True)[0][0], model.predict(docs)[0], atol=1e-5)
    set_dropout_rate(model, 0.3)
    assert varies(is_train=True)
    assert not varies(is_train=False)


@pytest.mark.parametrize("name", ["transformer", "fine-grained"])
def test_number_of_heads_must_divide_the_width(name: str):
    with pytest.raises(ValueError, match=r"n_heads = 5 .* 12"):
        make_head(name, n_heads=5)
    with pytest.raises(ValueError, match=r"n_heads = 2 .* 7"):
        make_head(name, width=7)


@pytest.mark.parametrize(
    "build", [build_inter_sentence_transformer, build_recurrent_head, build_fine_grained]
)
@pytest.mark.parametrize("size", ["width", "depth"])
def test_sizes_are_positive(build: Callable, size: str):
    with pytest.raises(ValueError, match=f"{size} must be at least 1, not 0"):
        build(**{size: 0})


@pytest.mark.parametrize("causal", [False, True])
@torch.no_grad()
def test_layers_equal_those_of_torch(causal: bool):
    ours = SentenceTransformer(WIDTH, depth=2, n_heads=3, n_hidden=24, dropout=0.5).eval()
    layer = torch.nn.TransformerEncoderLayer(
        WIDTH, 3, 24, 0.5, "gelu", batch_first=True, norm_first=True
    )
    norm = torch.nn.LayerNorm(WIDTH)
    theirs = torch.nn.TransformerEncoder(layer, 2, norm, enable_nested_tensor=False).eval()
    theirs.load_state_dict(ours.state_dict())
    hidden = torch.tensor(numpy.stack([vectors(7), vectors(7, seed=1)]))
    mask = torch.arange(7) < torch.tensor([[7], [4]])
    if causal:
        future = torch.ones(7, 7, dtype=torch.bool).triu(1)
        expected, found = theirs(hidden, mask=future), ours(hidden, None)
    else:
        expected, found = theirs(hidden, src_key_padding_mask=~mask), ours(hidden, mask)
    assert_allclose(found[mask], expected[mask], atol=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_recurrent_layer_equals_that_of_torch(training: bool):
    torch.manual_seed(0)
    ours = PaddedLstm(WIDTH, width=8, depth=2).train(training)
    theirs = torch.nn.LSTM(WIDTH, 8, 2, batch_first=True, bidirectional=True)
    theirs.load_state_dict(ours.state_dict())
    docs = [torch.tensor(vectors(n, seed=n)) for n in (7, 4, 1)]
    padded = pad_sequence(docs, batch_first=True)
    mask = torch.arange(7) < torch.tensor([[7], [4], [1]])
    found = ours(padded, mask)[mask]
    expected = pad_packed_sequence(theirs(pack_sequence(docs))[0], batch_first=True)[0][mask]
    assert_allclose(found.detach(), expected.detach(), atol=1e-6)
    for result in (found, expected):
        result.square().sum().backward()
    for weight, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_allclose(weight.grad, other.grad, atol=1e-5)


def test_long_document(name: str):
    model = make_head(name)
    doc = vectors(2000)
    logits = model.predict([vectors(3), doc])[1]
    assert logits.shape == (2000,)
    assert numpy.isfinite(logits).all()
    assert_allclose(logits, model.predict([doc])[0], atol=1e-5)

"""Pruned encoders: what is left computes what it did, and transformers reads it."""

from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
import spacy
import torch
from checkpoints import TEXTS
from compressed import cosines, encode, get_shim, make_example, make_pipeline, score, squeeze
from numpy.testing import assert_allclose
from spacy.language import Language
from transformers import AutoModel, AutoTokenizer

from spacy_bertsum.cli.pipelines import make_pipeline as make_embedded
from spacy_bertsum.compression.heads import drop_layers, measure_heads, prune_heads
from spacy_bertsum.compression.pipeline import Compression, measure
from spacy_bertsum.compression.windows import cut_windows, draw_windows, runner
from spacy_bertsum.layers.bert import Bert
from spacy_bertsum.layers.encoder_shim import EncoderShim

# Two of the six languages, and a text in another script.
KEPT = TEXTS[:2]
GONE = TEXTS[3]


@pytest.fixture(params=["bert", "xlmr"])
def pipeline(request: pytest.FixtureRequest, large_checkpoints: dict[str, Path]) -> Language:
    return make_pipeline(large_checkpoints[request.param])


@pytest.fixture
def shim(pipeline: Language) -> EncoderShim:
    return get_shim(pipeline)


@pytest.fixture
def encoder(shim: EncoderShim) -> Bert:
    return shim._model.encoder


@pytest.fixture
def run(shim: EncoderShim) -> Callable[[], None]:
    return runner(shim, draw_windows(shim))


def make_deep(shim: EncoderShim, depth: int = 4, n_heads: int = 4) -> Bert:
    """Put a larger encoder, drawn at random, into a shim."""
    torch.manual_seed(0)
    settings = {"num_hidden_layers": depth, "num_attention_heads": n_heads}
    encoder = Bert({**vars(shim.encoder.config), **settings})
    for parameter in encoder.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    shim.set(encoder, shim.tokenizer)
    return encoder


def silence_head(encoder: Bert, layer: int, head: int) -> None:
    """Let a head add nothing."""
    dense = encoder.encoder.layer[layer].attention.output.dense
    size = dense.in_features // encoder.encoder.layer[layer].n_heads
    with torch.no_grad():
        dense.weight[:, head * size : (head + 1) * size] = 0


def silence_layer(encoder: Bert, layer: int) -> None:
    """Let a layer pass on what it gets."""
    for output in (
        encoder.encoder.layer[layer].attention.output,
        encoder.encoder.layer[layer].output,
    ):
        torch.nn.init.zeros_(output.dense.weight)
        torch.nn.init.zeros_(output.dense.bias)


def assert_transformers_agrees(shim: EncoderShim, folder: Path) -> None:
    """Assert that transformers reads what is saved of an encoder, and computes the same with it."""
    folder.mkdir()
    shim.save(folder)
    inputs = AutoTokenizer.from_pretrained(folder)(TEXTS[0], return_tensors="pt")
    ids = inputs["input_ids"][0]
    model = AutoModel.from_pretrained(folder).eval()
    rows = torch.arange(len(ids))
    segments = torch.zeros_like(ids) if shim.n_segments() > 1 else None
    with torch.inference_mode():
        ours = shim._model.encoder.eval()(ids, segments, [len(ids)], rows, [len(ids)])
        theirs = model(input_ids=ids[None]).last_hidden_state[0]
    assert_allclose(ours, theirs, atol=1e-5)


def assert_loads_alike(nlp: Language, folder: Path) -> Language:
    """Assert that a pipeline gives the same scores when it is saved and loaded."""
    nlp.to_disk(folder)
    loaded = spacy.load(folder)
    for ours, theirs in zip(score(nlp, TEXTS), score(loaded, TEXTS), strict=True):
        assert_allclose(ours, theirs, atol=1e-6)
    assert measure(loaded) == measure(nlp)
    return loaded


def test_head_that_adds_nothing_goes_first(
    pipeline: Language, encoder: Bert, run: Callable[[], None]
):
    silence_head(encoder, 0, 1)
    before = encode(pipeline, TEXTS)
    assert measure_heads(encoder, run)[0][1] == 0
    assert prune_heads(encoder, 0.25, run) == [[1], []]
    assert [layer.n_heads for layer in encoder.encoder.layer] == [1, 2]
    assert_allclose(encode(pipeline, TEXTS), before, atol=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.74, 0.99])
def test_share_of_heads(pipeline: Language, shim: EncoderShim, share: float):
    encoder = make_deep(shim)
    [line] = squeeze(pipeline, heads=share) if share else ["0"]
    left = [layer.n_heads for layer in encoder.encoder.layer]
    # A layer keeps one of its four.
    assert sum(left) == max(16 - round(16 * share), 4)
    assert min(left) >= 1
    assert numpy.isfinite(encode(pipeline, TEXTS)).all()
    assert sum(map(int, line.rpartition(": ")[2].split(", "))) == 16 - sum(left)


def test_pruned_twice(pipeline: Language, shim: EncoderShim, tmp_path: Path):
    """Heads are numbered as the encoder began, whatever went before."""
    encoder = make_deep(shim)
    silence_head(encoder, 1, 0)
    run = runner(shim, draw_windows(shim))
    assert prune_heads(encoder, 1 / 16, run) == [[], [0], [], []]
    # The third of what were four.
    silence_head(encoder, 1, 1)
    assert prune_heads(encoder, 1 / 15, run) == [[], [1], [], []]
    assert encoder.config.pruned_heads == {"1": [0, 2]}
    assert_transformers_agrees(shim, tmp_path / "encoder")
    loaded = assert_loads_alike(pipeline, tmp_path / "pipeline")
    squeeze(loaded, heads=0.5)
    assert_transformers_agrees(get_shim(loaded), tmp_path / "more")


def test_layer_that_changes_nothing_goes_first(pipeline: Language, shim: EncoderShim):
    encoder = make_deep(shim)
    silence_layer(encoder, 2)
    before = encode(pipeline, TEXTS)
    assert squeeze(pipeline, layers=1) == ["Dropped layers 3"]
    assert len(encoder.encoder.layer) == encoder.config.num_hidden_layers == 3
    # Not quite the same: its layer norms are gone too.
    assert cosines(before, encode(pipeline, TEXTS)).min() > 0.99


def test_last_layer_stays(pipeline: Language, shim: EncoderShim):
    encoder = make_deep(shim)
    silence_layer(encoder, 3)
    last = encoder.encoder.layer[3]
    squeeze(pipeline, layers=3)
    assert list(encoder.encoder.layer) == [last]
    assert numpy.isfinite(encode(pipeline, TEXTS)).all()


@pytest.mark.parametrize("n", [2, 3, -1])
def test_too_many_layers(encoder: Bert, run: Callable[[], None], n: int):
    with pytest.raises(ValueError, match="from 0 to 1"):
        drop_layers(encoder, n, run)
    assert len(encoder.encoder.layer) == 2


def test_too_many_layers_change_nothing(pipeline: Language):
    before = score(pipeline, TEXTS)
    with pytest.raises(ValueError, match="from 0 to 1"):
        squeeze(pipeline, vocabulary=KEPT, layers=2)
    assert score(pipeline, TEXTS) == before


def test_heads_are_counted_by_the_layers_that_stay(
    pipeline: Language, shim: EncoderShim, tmp_path: Path
):
    encoder = make_deep(shim)
    silence_head(encoder, 0, 3)
    silence_head(encoder, 2, 1)
    prune_heads(encoder, 2 / 16, runner(shim, draw_windows(shim)))
    assert encoder.config.pruned_heads == {"0": [3], "2": [1]}
    silence_layer(encoder, 1)
    squeeze(pipeline, layers=1)
    assert encoder.config.pruned_heads == {"0": [3], "1": [1]}
    assert_transformers_agrees(shim, tmp_path / "encoder")


def test_pruned_pipeline_loads_and_is_trained_further(
    pipeline: Language, shim: EncoderShim, tmp_path: Path
):
    make_deep(shim)
    lines = squeeze(pipeline, vocabulary=TEXTS, layers=1, heads=0.5)
    assert [line.split()[0] for line in lines] == ["Kept", "Dropped", "Pruned"]
    assert_transformers_agrees(shim, tmp_path / "encoder")
    loaded = assert_loads_alike(pipeline, tmp_path / "pipeline")
    for nlp in (pipeline, loaded):
        weights = {n: p.detach().clone() for n, p in get_shim(nlp).encoder.named_parameters()}
        optimizer = nlp.resume_training()
        optimizer.learn_rate = 0.01
        losses: dict[str, float] = {}
        nlp.update([make_example(nlp)], sgd=optimizer, losses=losses, annotates=["sentencizer"])
        assert losses["bertsum"] > 0
        changed = get_shim(nlp).encoder.named_parameters()
        assert all((p != weights[n]).any() for n, p in changed if "key.bias" not in n)
    assert_loads_alike(pipeline, tmp_path / "trained")


def test_all_at_once_and_int8(pipeline: Language, shim: EncoderShim, tmp_path: Path):
    make_deep(shim)
    before = measure(pipeline)
    squeeze(pipeline, TEXTS, vocabulary=KEPT, layers=1, heads=0.5, int8=True)
    after = measure(pipeline)
    assert (after.n_layers, after.n_heads) == (3, 6)
    assert after.n_pieces < before.n_pieces
    assert after.n_bytes < before.n_bytes / 2
    pipeline.to_disk(tmp_path)
    assert score(spacy.load(tmp_path), TEXTS) == score(pipeline, TEXTS)


def get_pieces(nlp: Language, text: str) -> list[str]:
    tokenizer = get_shim(nlp).tokenizer
    return tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"])


def check_vocabulary(nlp: Language, folder: Path) -> None:
    """Keep some languages: nothing changes for them, and less is left of the others."""
    vectors, pieces = encode(nlp, KEPT), [get_pieces(nlp, text) for text in KEPT]
    n_gone, special, n_before = len(get_pieces(nlp, GONE)), get_special(nlp), measure(nlp).n_pieces
    [line] = squeeze(nlp, vocabulary=KEPT)
    n_after = measure(nlp).n_pieces
    assert line == f"Kept {n_after:,} of {n_before:,} word pieces"
    assert n_after < n_before
    for each in (nlp, assert_loads_alike(nlp, folder)):
        shim = get_shim(each)
        assert shim.encoder.config.vocab_size == len(shim.tokenizer) == n_after
        assert get_special(each) == special
        assert [get_pieces(each, text) for text in KEPT] == pieces
        assert_allclose(encode(each, KEPT), vectors, atol=1e-5)
        gone = get_pieces(each, GONE)
        assert shim.tokenizer.unk_token in gone or len(gone) > n_gone
        assert numpy.isfinite(encode(each, TEXTS)).all()


def get_special(nlp: Language) -> list[str]:
    """The special pieces by the ids that windows are packed with, and all by the tokenizer's."""
    shim = get_shim(nlp)
    ids = shim.special_ids()
    numbers = [ids.cls, ids.sep, ids.pad, ids.unk, *sorted(ids.reserved)]
    return shim.tokenizer.convert_ids_to_tokens(numbers)


def test_vocabulary(pipeline: Language, tmp_path: Path):
    check_vocabulary(pipeline, tmp_path / "pipeline")
    assert_transformers_agrees(get_shim(pipeline), tmp_path / "encoder")


def test_vocabulary_of_the_embedded_model(tmp_path: Path):
    nlp = make_embedded()
    check_vocabulary(nlp, tmp_path / "pipeline")
    assert measure(nlp).n_pieces < 2000


def test_characters_of_a_script_stay(pipeline: Language):
    """A word that was not among the texts can still be spelt."""
    squeeze(pipeline, vocabulary=["The town."])
    pieces = get_pieces(pipeline, "people")
    assert get_shim(pipeline).tokenizer.unk_token not in pieces
    assert len(pieces) > 3


def test_texts_that_spell_special_pieces(pipeline: Language):
    """They are no more than text, before and after."""
    text = "The [SEP] </s> town <s> [CLS] opens."
    before = encode(pipeline, [text])
    squeeze(pipeline, vocabulary=[text])
    assert_allclose(encode(pipeline, [text]), before, atol=1e-5)


def test_vocabulary_of_another_kind(large_checkpoints: dict[str, Path]):
    nlp = make_pipeline(large_checkpoints["modernbert"])
    for settings in ({"vocabulary": KEPT}, {"heads": 0.5}, {"layers": 1}):
        with pytest.raises(ValueError, match="nothing can be pruned"):
            squeeze(nlp, **settings)


@pytest.mark.parametrize("texts", [[], [""], ["", "\n"]])
def test_vocabulary_without_texts(pipeline: Language, texts: list[str]):
    before = score(pipeline, TEXTS)
    with pytest.raises(ValueError, match="--prune-vocab needs texts"):
        squeeze(pipeline, vocabulary=texts)
    assert score(pipeline, TEXTS) == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "Nothing to do"),
        ({"heads": 1.0}, "share of heads"),
        ({"heads": -0.1}, "share of heads"),
        ({"layers": -1}, "can't be negative"),
    ],
)
def test_settings_out_of_range(settings: dict, message: str):
    with pytest.raises(ValueError, match=message):
        Compression(**settings)


def test_pipeline_without_an_encoder():
    nlp = spacy.blank("xx")
    nlp.add_pipe("sentencizer")
    with pytest.raises(ValueError, match="no encoder"):
        squeeze(nlp, int8=True)


def test_windows_to_measure_on(shim: EncoderShim):
    """They hold what the encoder reads later: sentences between special pieces, no others."""
    special = shim.special_ids()
    for batches in (draw_windows(shim), cut_windows(shim, [["The town.", "It opens."], []])):
        ids = torch.cat([batch.ids for batch in batches])
        assert (ids == special.cls).sum() == (ids == special.sep).sum() > 1
        assert set(ids.tolist()) & special.reserved == {special.cls, special.sep}
        assert max(max(batch.lengths) for batch in batches) <= shim.max_length()
    drawn = torch.cat([batch.ids for batch in draw_windows(shim)])
    assert torch.equal(drawn, torch.cat([batch.ids for batch in draw_windows(shim)]))

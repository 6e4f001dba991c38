"""Encoders in 8-bit integers: close to those in float32, and kept exactly as they are."""

import copy
import pickle
from pathlib import Path

import numpy
import pytest
import spacy
import torch
from checkpoints import FAMILIES, TEXTS
from compressed import cosines, encode, get_shim, make_example, make_pipeline, score, squeeze
from numpy.testing import assert_allclose, assert_array_equal
from spacy.language import Language
from torch import nn
from torch.nn.functional import gelu

from spacy_bertsum.cli.pipelines import make_pipeline as make_embedded
from spacy_bertsum.compression.pipeline import measure
from spacy_bertsum.layers import int8, shim
from spacy_bertsum.layers.int8 import Int8Embedding, Int8Linear, Range, has_kernels, is_int8

LONG = [*TEXTS, " ".join(TEXTS) * 3]
needs_kernels = pytest.mark.skipif(
    not has_kernels(), reason="this processor does not multiply integers: nothing does so here"
)


@pytest.fixture(params=FAMILIES)
def pipeline(request: pytest.FixtureRequest, large_checkpoints: dict[str, Path]) -> Language:
    return make_pipeline(large_checkpoints[request.param])


@pytest.fixture(scope="module")
def embedded() -> Language:
    nlp = make_embedded()
    squeeze(nlp, int8=True)
    return nlp


@pytest.fixture
def without_kernels(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(int8, "has_kernels", lambda: False)


def test_vectors_are_close(pipeline: Language):
    before = encode(pipeline, LONG)
    assert squeeze(pipeline, int8=True) == ["Quantized to 8-bit integers"]
    after = encode(pipeline, LONG)
    assert cosines(before, after).min() > 0.99
    assert numpy.abs(before - after).max() > 1e-3


def test_vectors_of_the_embedded_model_are_close(embedded: Language):
    before = encode(make_embedded(), LONG)
    assert cosines(before, encode(embedded, LONG)).min() > 0.995


def test_embedded_model_shrinks(embedded: Language):
    before, after = measure(make_embedded()), measure(embedded)
    assert after.n_bytes < 15e6
    assert after.n_bytes < before.n_bytes / 2
    assert (after.n_layers, after.n_heads) == (before.n_layers, before.n_heads)


def test_calibration_on_texts(pipeline: Language):
    before = encode(pipeline, LONG)
    squeeze(pipeline, LONG, int8=True)
    assert cosines(before, encode(pipeline, LONG)).min() > 0.99


def test_results_without_kernels(
    large_checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """One who can't multiply integers gets what another has compressed."""
    for family in FAMILIES:
        nlp = make_pipeline(large_checkpoints[family])
        squeeze(nlp, int8=True)
        nlp.to_disk(tmp_path / family)
        with monkeypatch.context() as patch:
            patch.setattr(int8, "has_kernels", lambda: False)
            vectors = encode(spacy.load(tmp_path / family), LONG)
        assert cosines(vectors, encode(nlp, LONG)).min() > 0.995, family


def test_embedded_model_without_kernels(embedded: Language, without_kernels):
    nlp = make_embedded()
    before = encode(nlp, LONG)
    squeeze(nlp, int8=True)
    assert cosines(before, encode(nlp, LONG)).min() > 0.995


def test_float32_scores_hardly_depend_on_the_batch():
    check_batches(make_embedded())


def test_scores_hardly_depend_on_the_batch(embedded: Language):
    check_batches(embedded)


def test_scores_hardly_depend_on_the_batch_without_kernels(without_kernels):
    nlp = make_embedded()
    squeeze(nlp, int8=True)
    check_batches(nlp)


def check_batches(nlp: Language) -> None:
    for text, scores in zip(LONG, score(nlp, LONG), strict=True):
        assert_allclose(score(nlp, [text])[0], scores, atol=1e-5)


@needs_kernels
def test_vectors_do_not_depend_on_the_batch(embedded: Language):
    alone = [encode(embedded, [text]) for text in LONG]
    assert_array_equal(numpy.concatenate(alone), encode(embedded, LONG))


def test_saved_and_loaded(pipeline: Language, tmp_path: Path):
    squeeze(pipeline, int8=True)
    expected = score(pipeline, LONG)
    pipeline.to_disk(tmp_path / "first")
    loaded = spacy.load(tmp_path / "first")
    assert score(loaded, LONG) == expected
    assert measure(loaded) == measure(pipeline)
    loaded.to_disk(tmp_path / "second")
    model = Path("bertsum", "model")
    assert (tmp_path / "first" / model).read_bytes() == (tmp_path / "second" / model).read_bytes()


def test_embedded_model_saved_and_loaded(embedded: Language, tmp_path: Path):
    embedded.to_disk(tmp_path)
    assert score(spacy.load(tmp_path), LONG) == score(embedded, LONG)


def test_bytes(large_checkpoints: dict[str, Path], pipeline: Language):
    squeeze(pipeline, int8=True)
    # Its own encoder is in float32 until then.
    loaded = make_pipeline(large_checkpoints["bert"]).from_bytes(pipeline.to_bytes())
    assert score(loaded, LONG) == score(pipeline, LONG)


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))], ids=["copy", "pickle"]
)
def test_copies_of_an_encoder_in_use(pipeline: Language, duplicate):
    squeeze(pipeline, int8=True)
    expected = score(pipeline, LONG)
    encoder_shim = get_shim(pipeline)
    encoder_shim.set(duplicate(encoder_shim._model.encoder), encoder_shim.tokenizer)
    assert score(pipeline, LONG) == expected


@pytest.mark.slow
def test_several_processes(embedded: Language):
    expected = score(embedded, LONG)
    docs = embedded.pipe(LONG, n_process=2, batch_size=2)
    for doc, scores in zip(docs, expected, strict=True):
        assert_allclose(doc._.summary_scores, scores, atol=1e-5)


def test_in_mixed_precision(large_checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch):
    """What is not in integers is in bfloat16 then."""
    monkeypatch.setattr(shim, "has_bfloat16", lambda: True)
    before = encode(make_pipeline(large_checkpoints["bert"]), LONG)
    nlp = make_pipeline(large_checkpoints["bert"], mixed_precision=True)
    squeeze(nlp, int8=True)
    assert cosines(before, encode(nlp, LONG)).min() > 0.98


def test_training_says_what_to_do(pipeline: Language):
    squeeze(pipeline, int8=True)
    with pytest.raises(ValueError, match="int8 can't be trained"):
        pipeline.update([make_example(pipeline)], annotates=["sentencizer"])


def test_compressing_twice_says_what_to_do(pipeline: Language):
    squeeze(pipeline, int8=True)
    expected = score(pipeline, LONG)
    for settings in ({"int8": True}, {"heads": 0.5}, {"layers": 1}, {"vocabulary": TEXTS}):
        with pytest.raises(ValueError, match="in int8 already"):
            squeeze(pipeline, **settings)
    assert score(pipeline, LONG) == expected


@pytest.fixture
def layer() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(24, 16)


@pytest.fixture
def inputs() -> torch.Tensor:
    # Not centred at zero.
    return 3 * torch.randn(20, 24, generator=torch.Generator().manual_seed(0)) + 1


def range_of(values: torch.Tensor) -> Range:
    result = Range()
    result.widen(values)
    return result


def round_to_codes(layer: Int8Linear, x: torch.Tensor) -> torch.Tensor:
    """What is left of an input in 8 bits."""
    scale, zero = layer.input_scale, layer.input_zero
    return ((x / scale + zero).round().clamp(0, 255) - zero) * scale


@pytest.mark.parametrize("bias", [True, False])
def test_layer_computes_with_rounded_numbers(inputs: torch.Tensor, bias: bool):
    torch.manual_seed(0)
    layer = nn.Linear(24, 16, bias=bias)
    ours = Int8Linear.quantize(layer, range_of(inputs))
    weight = ours.weight.float() * ours.weight_scale[:, None]
    assert_allclose(weight, layer.weight.detach(), atol=float(ours.weight_scale.max()) / 2 + 1e-6)
    rounded = round_to_codes(ours, inputs) if has_kernels() else inputs
    assert_allclose(ours(inputs), nn.functional.linear(rounded, weight, ours.bias), atol=1e-4)
    assert_allclose(ours(inputs), layer(inputs).detach(), atol=0.15)


def test_gelu_between_two_layers(layer: nn.Linear, inputs: torch.Tensor):
    second = nn.Linear(16, 8)
    between = gelu(layer(inputs)).detach()
    ours = Int8Linear.quantize(layer, range_of(inputs))
    following = Int8Linear.quantize(second, range_of(between))
    ours.fuse_gelu(following)
    assert_allclose(following(ours(inputs)), second(between).detach(), atol=0.15)


@needs_kernels
def test_values_beyond_the_range_take_its_ends(layer: nn.Linear):
    ours = Int8Linear.quantize(layer, Range(-2.0, 6.0))
    codes = ours.prepare(torch.tensor([[-1e6, -2.0, 0.0, 6.0, 1e6]]))
    assert codes.tolist() == [[0, 0, 64, 255, 255]]


def test_layer_that_gets_nothing_but_zeros(layer: nn.Linear):
    """No scale is zero."""
    zeros = torch.zeros(3, 24)
    nn.init.zeros_(layer.weight)
    ours = Int8Linear.quantize(layer, range_of(zeros))
    assert_allclose(ours(zeros), layer(zeros).detach(), atol=1e-6)


def test_word_vectors():
    torch.manual_seed(0)
    words = nn.Embedding(50, 16)
    with torch.no_grad():
        words.weight[7] *= 100
        words.weight[9] = 0
    ours = Int8Embedding.quantize(words)
    ids = torch.tensor([[0, 7], [9, 49]])
    expected = words(ids).detach()
    # A large vector takes nothing from the precision of the others.
    largest = expected.abs().amax(dim=-1, keepdim=True)
    assert ((ours(ids) - expected).abs() <= largest / 254 + 1e-6).all()


def test_only_what_is_quantized_is_int8(pipeline: Language):
    encoder = get_shim(pipeline)._model
    assert not is_int8(encoder)
    squeeze(pipeline, int8=True)
    assert is_int8(encoder)
    assert not any(isinstance(module, nn.Linear) for module in encoder.modules())

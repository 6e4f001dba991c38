"""Encoders without padding: equal to transformers' own, in whatever form a checkpoint comes."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import torch
from checkpoints import WEIGHTS
from numpy.testing import assert_allclose
from safetensors.torch import load_file, save_file
from spacy.language import Language
from spacy.tokens import Doc
from torch import Tensor
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer, PreTrainedModel

from spacy_bertsum.architectures import build_bertsum_transformer, build_sentence_encoder
from spacy_bertsum.layers.bert import Bert, _attend_padded, attend
from spacy_bertsum.layers.checkpoints import load_checkpoint, save_checkpoint, to_transformers
from spacy_bertsum.layers.encoder_shim import Batch
from spacy_bertsum.layers.padded import PaddedEncoder
from spacy_bertsum.layers.transformer import pieces_of

# The lengths of windows, and the positions whose vectors are wanted in each; None for all.
BATCHES = {
    "equal lengths": ([9, 9, 9], None),
    "different lengths": ([12, 5, 5, 7], None),
    "rows of some windows": ([12, 5, 5, 7], [[0, 6], [], [2], [0, 1, 3]]),
    "as many rows of each window": ([8, 8, 8], [[0, 3], [1, 7], [0, 2]]),
    "rows of the last window": ([6, 6, 3], [[], [], [1]]),
    "one row": ([10], [[4]]),
}
every_batch = pytest.mark.parametrize(("lengths", "wanted"), BATCHES.values(), ids=list(BATCHES))


@pytest.fixture(params=["bert", "xlmr"])
def checkpoint(request: pytest.FixtureRequest, large_checkpoints: dict[str, Path]) -> Path:
    return large_checkpoints[request.param]


def load(folder: Path) -> Bert:
    encoder, _ = load_checkpoint(folder)
    assert isinstance(encoder, Bert)
    return encoder.eval()


def load_plainly(folder: Path) -> PreTrainedModel:
    return AutoModel.from_pretrained(folder, attn_implementation="eager").eval()


def edit_config(folder: Path, **settings) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**config, **settings}), encoding="utf-8")


def make_batch(
    encoder: Bert | PaddedEncoder, lengths: list[int], wanted: list[list[int]] | None = None
) -> Batch:
    """Windows of pieces drawn at random, always the same."""
    wanted = wanted or [list(range(length)) for length in lengths]
    generator = torch.Generator().manual_seed(0)
    total, config = sum(lengths), encoder.config
    ids = torch.randint(5, config.vocab_size, (total,), generator=generator)
    segments = torch.randint(2, (total,), generator=generator)
    starts = numpy.cumsum([0, *lengths[:-1]])
    rows = [start + i for start, places in zip(starts, wanted, strict=True) for i in places]
    return Batch(
        ids,
        segments if getattr(config, "type_vocab_size", 1) > 1 else None,
        lengths,
        torch.tensor(rows),
        [len(places) for places in wanted],
        torch.arange(len(rows)),
    )


def encode(encoder: Bert | PaddedEncoder, batch: Batch) -> Tensor:
    return encoder(*batch[:-1])


def encode_plainly(model: PreTrainedModel, batch: Batch) -> Tensor:
    """The rows of a batch by transformers, each window by itself."""
    hidden = []
    for i, ids in enumerate(batch.ids.split(batch.lengths)):
        inputs = {"input_ids": ids[None]}
        if batch.segments is not None:
            inputs["token_type_ids"] = batch.segments.split(batch.lengths)[i][None]
        hidden.append(model(**inputs).last_hidden_state[0])
    return torch.cat(hidden)[batch.rows]


def assert_agree(encoder: Bert | PaddedEncoder, model: PreTrainedModel) -> None:
    """Assert that two encoders give the same vectors."""
    batch = make_batch(encoder, [12, 5, 5, 7])
    with torch.inference_mode():
        assert_allclose(encode(encoder, batch), encode_plainly(model, batch), atol=1e-5)


@every_batch
def test_equals_transformers(checkpoint: Path, lengths: list[int], wanted: list[list[int]] | None):
    encoder, model = load(checkpoint), load_plainly(checkpoint)
    batch = make_batch(encoder, lengths, wanted)
    with torch.inference_mode():
        vectors, expected = encode(encoder, batch), encode_plainly(model, batch)
    assert len(vectors) == sum(batch.row_lengths)
    assert_allclose(vectors, expected, atol=1e-5)


@every_batch
def test_gradients_equal_transformers(
    checkpoint: Path, lengths: list[int], wanted: list[list[int]] | None
):
    encoder, model = load(checkpoint).train(), load_plainly(checkpoint).train()
    batch = make_batch(encoder, lengths, wanted)
    vectors, expected = encode(encoder, batch), encode_plainly(model, batch)
    gradient = torch.randn(vectors.shape, generator=torch.Generator().manual_seed(1))
    vectors.backward(gradient)
    expected.backward(gradient)
    theirs = dict(model.named_parameters())
    for name, parameter in encoder.named_parameters():
        scale = float(theirs[name].grad.abs().max())
        assert_allclose(
            parameter.grad, theirs[name].grad, rtol=1e-3, atol=1e-4 * (1 + scale), err_msg=name
        )


@every_batch
def test_attention_for_gpus_is_the_same(lengths: list[int], wanted: list[list[int]] | None):
    row_lengths = lengths if wanted is None else [len(places) for places in wanted]
    generator = torch.Generator().manual_seed(0)
    sizes = (sum(row_lengths), sum(lengths), sum(lengths))
    query, key, value = (3 * torch.randn(size, 12, generator=generator) for size in sizes)
    ours = attend(query, key, value, lengths, row_lengths, n_heads=3)
    padded = _attend_padded(query, key, value, lengths, row_lengths, 3, 0.0)
    assert ours.shape == padded.shape == query.shape
    assert_allclose(ours, padded, atol=1e-5)


def test_window_that_no_sentence_is_taken_from(checkpoints: dict[str, Path], nlp: Language):
    """Where windows share nearly all they have, some hold no sentence that the others don't show
    more of."""
    words = [["a"] * n for n in (2, 3, 8, 8, 3, 1)]
    doc = Doc(
        nlp.vocab,
        words=[word for sent in words for word in sent],
        sent_starts=[i == 0 for sent in words for i in range(len(sent))],
    )

    def encode_doc(**settings) -> numpy.ndarray:
        transformer = build_bertsum_transformer(
            str(checkpoints["bert"]), max_length=32, overlap=28, **settings
        )
        layer = build_sentence_encoder(transformer)
        layer.initialize(X=[doc])
        packed = pieces_of(transformer, [doc]).packed
        assert len({window for window, _ in packed.cls_rows}) < len(packed.input_ids)
        return layer.predict([doc])[0]

    # Alone in its batch, and among others.
    assert_allclose(encode_doc(max_batch_tokens=1), encode_doc(), atol=1e-5)


@pytest.mark.parametrize("kind", ["hidden_dropout_prob", "attention_probs_dropout_prob"])
def test_dropout_is_for_training_alone(checkpoint: Path, tmp_path: Path, docs: list[Doc], kind):
    without = build_sentence_encoder(build_bertsum_transformer(str(checkpoint), overlap=16))
    folder = shutil.copytree(checkpoint, tmp_path / "with")
    edit_config(folder, **{kind: 0.5})
    layer = build_sentence_encoder(build_bertsum_transformer(str(folder), overlap=16))
    for each in (without, layer):
        each.initialize(X=docs)
    torch.manual_seed(0)
    (first,), _ = layer.begin_update(docs[1:2])
    (second,), _ = layer.begin_update(docs[1:2])
    assert numpy.abs(first - second).max() > 0.1
    assert_allclose(layer.predict(docs[1:2])[0], without.predict(docs[1:2])[0], atol=1e-6)


def test_dropped_attention_is_made_up_for():
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(10, 8, generator=generator) for _ in range(3))

    def run(dropout: float) -> Tensor:
        return attend(query, key, value, [6, 4], [6, 4], n_heads=2, dropout=dropout)

    torch.manual_seed(0)
    mean = torch.stack([run(0.5) for _ in range(2000)]).mean(dim=0)
    assert_allclose(mean, run(0.0), atol=0.1)


def test_checkpoint_with_more_than_the_encoder(checkpoint: Path, tmp_path: Path):
    """Its weights are named "bert.encoder…" there, or "roberta.encoder…"."""
    folder = shutil.copytree(checkpoint, tmp_path / "masked")
    masked = AutoModelForMaskedLM.from_pretrained(checkpoint)
    masked.save_pretrained(folder)
    assert any("lm_head" in n or "cls." in n for n in load_file(folder / WEIGHTS))
    assert_agree(load(folder), load_plainly(checkpoint))


def test_checkpoint_in_the_form_before_safetensors(checkpoint: Path, tmp_path: Path):
    folder = shutil.copytree(checkpoint, tmp_path / "old")
    (folder / WEIGHTS).unlink()
    load_plainly(checkpoint).save_pretrained(folder, safe_serialization=False)
    assert not list(folder.glob("*.safetensors"))
    assert_agree(load(folder), load_plainly(checkpoint))


def test_checkpoint_with_tensorflow_names(checkpoint: Path, tmp_path: Path):
    """bert-base-multilingual-cased on the hub still has these."""
    folder = shutil.copytree(checkpoint, tmp_path / "old")
    state = load_file(folder / WEIGHTS)
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    for now, before in old.items():
        state = {name.replace(now, before): tensor for name, tensor in state.items()}
    save_file(state, folder / WEIGHTS, {"format": "pt"})
    assert_agree(load(folder), load_plainly(checkpoint))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_checkpoint_in_half_precision(checkpoint: Path, tmp_path: Path, dtype: torch.dtype):
    folder = shutil.copytree(checkpoint, tmp_path / "half")
    load_plainly(checkpoint).to(dtype).save_pretrained(folder)
    encoder = load(folder)
    assert {p.dtype for p in encoder.parameters()} == {torch.float32}
    assert_agree(encoder, load_plainly(folder).float())


def test_checkpoint_in_several_files(checkpoint: Path, tmp_path: Path):
    folder = shutil.copytree(checkpoint, tmp_path / "shards")
    (folder / WEIGHTS).unlink()
    load_plainly(checkpoint).save_pretrained(folder, max_shard_size="40KB")
    assert len(list(folder.glob("model-*.safetensors"))) > 1
    assert_agree(load(folder), load_plainly(checkpoint))


def test_checkpoint_with_pruned_heads(checkpoint: Path, tmp_path: Path):
    folder = shutil.copytree(checkpoint, tmp_path / "pruned")
    model = load_plainly(checkpoint)
    model.prune_heads({0: [1]})
    model.save_pretrained(folder)
    encoder = load(folder)
    assert [layer.n_heads for layer in encoder.encoder.layer] == [1, 2]
    assert_agree(encoder, model)
    assert_agree(encoder, to_transformers(encoder).eval())


def test_saved_checkpoint_is_an_ordinary_one(checkpoint: Path, tmp_path: Path):
    encoder, tokenizer = load_checkpoint(checkpoint)
    save_checkpoint(encoder, tokenizer, tmp_path)
    assert_agree(encoder.eval(), load_plainly(tmp_path))
    text = "Many people came to see the library."
    assert AutoTokenizer.from_pretrained(tmp_path)(text) == tokenizer(text)


def test_as_a_model_of_transformers(checkpoint: Path):
    encoder = load(checkpoint)
    assert_agree(encoder, to_transformers(encoder).eval())


def test_another_architecture_as_a_model_of_transformers(checkpoints: dict[str, Path]):
    encoder, _ = load_checkpoint(checkpoints["modernbert"])
    assert isinstance(encoder, PaddedEncoder)
    assert_agree(encoder.eval(), to_transformers(encoder).eval())


@pytest.mark.parametrize(
    "settings",
    [
        {"position_embedding_type": "relative_key"},
        {"is_decoder": True},
        {"hidden_act": "gelu_new"},
    ],
    ids=["relative positions", "decoder", "another activation"],
)
def test_unusual_bert_is_left_to_transformers(
    large_checkpoints: dict[str, Path], tmp_path: Path, settings: dict
):
    folder = shutil.copytree(large_checkpoints["bert"], tmp_path / "unusual")
    edit_config(folder, **settings)
    load_plainly(folder).save_pretrained(folder)
    encoder, _ = load_checkpoint(folder)
    assert isinstance(encoder, PaddedEncoder)
    assert_agree(encoder.eval(), load_plainly(folder))


# Each of these takes longer to import than it takes to summarize a text.
HEAVY = ("spacy_transformers", "torch._dynamo", "transformers.modeling_utils")
START = """
import sys
import spacy_bertsum.layers.transformer, spacy_bertsum.architectures
from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab
from spacy_bertsum.pretrained import build_pretrained
{use}
print(*sys.modules)
"""
USE = """
words = ["It", "rained", ".", "Nobody", "came", "."]
doc = Doc(Vocab(), words=words, sent_starts=[True, False, False, True, False, False])
[scores] = build_pretrained("xx_bertsum_mini").predict([doc])
assert len(scores) == 2
"""


@pytest.mark.slow
@pytest.mark.parametrize("use", ["", USE], ids=["import", "use"])
def test_starts_without_what_is_slow_to_import(use: str):
    command = [sys.executable, "-c", START.format(use=use)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert set(HEAVY) & set(done.stdout.split()) == set()

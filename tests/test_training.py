"""One update is what plain torch computes, in full and in mixed precision, and errors say what to
do."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
import spacy
import torch
from checkpoints import MAX_POSITIONS, WIDTH
from numpy.testing import assert_allclose
from spacy.language import Language
from spacy.training import Example
from test_component import CNN, load_model_config, make_examples
from thinc.api import Adam, Model, Optimizer, PyTorchGradScaler
from torch import nn
from transformers import AutoModel, AutoTokenizer

from spacy_bertsum.layers import shim as shim_module
from spacy_bertsum.layers.precision import has_bfloat16

HEAD = {"width": WIDTH, "depth": 2, "n_heads": 4, "n_hidden": 48}
# Documents of one sentence and of most of a window; the third one has no gold summary.
DOCUMENTS = [
    (["The room is open."], [0]),
    (["Many people came to see it.", "They read.", "Beaucoup de gens sont venus."], [1]),
    (["Nobody knows.", "The library opens a new room on Monday."], None),
    ([f"Viele Leute kamen am {day} in die Bücherei." for day in range(4)], [0, 3]),
    (["Пришло много людей.", "The town library opens.", "Nothing else."], []),
]


def make_pipeline(checkpoint: Path, **transformer_settings) -> Language:
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    transformer = {
        "@architectures": "spacy-bertsum.BertSumTransformer.v1",
        "name": str(checkpoint),
        "overlap": 16,
        **transformer_settings,
    }
    head = {"@architectures": "spacy-bertsum.InterSentenceTransformer.v1", **HEAD}
    model = {
        "@architectures": "spacy-bertsum.BertSum.v1",
        "tok2vec": {
            "@architectures": "spacy-bertsum.SentenceEncoder.v1",
            "transformer": transformer,
        },
        "head": head,
    }
    nlp.add_pipe("bertsum", config={"model": model, "n_sents": 1})
    nlp.initialize(lambda: make_documents(nlp))
    return nlp


def make_documents(nlp: Language) -> list[Example]:
    examples = []
    for sentences, gold in DOCUMENTS:
        doc = nlp.get_pipe("sentencizer")(nlp.make_doc(" ".join(sentences)))
        assert [sent.text for sent in doc.sents] == sentences
        if gold is not None:
            doc.spans["summary"] = [list(doc.sents)[i] for i in gold]
        examples.append(Example(nlp.make_doc(doc.text), doc))
    return examples


def update(nlp: Language, sgd: Optimizer | bool) -> float:
    """One update on DOCUMENTS; with False for the optimizer, the gradients stay in place."""
    losses = nlp.update(make_documents(nlp), sgd=sgd, annotates=["sentencizer"])
    return losses["bertsum"]


def get_layer(nlp: Language, name: str) -> Model:
    return next(layer for layer in nlp.get_pipe("bertsum").model.walk() if layer.name == name)


def get_modules(nlp: Language) -> tuple[nn.Module, nn.Module]:
    """The encoder and the head of a pipeline."""
    encoder = get_layer(nlp, "window_encoder").shims[0].encoder
    return encoder, get_layer(nlp, "summarization_head").shims[0]._model


def get_parameters(nlp: Language) -> dict[str, nn.Parameter]:
    encoder, head = get_modules(nlp)
    return {
        **{f"encoder.{name}": p for name, p in encoder.named_parameters()},
        **{f"head.{name}": p for name, p in head.named_parameters()},
    }


class PlainBertSum(nn.Module):
    """BERTSUM with two layers between sentences, from parts of torch and transformers alone."""

    def __init__(self, checkpoint: Path):
        super().__init__()
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.encoder = AutoModel.from_pretrained(checkpoint, add_pooling_layer=False)
        layer = nn.TransformerEncoderLayer(
            WIDTH,
            HEAD["n_heads"],
            HEAD["n_hidden"],
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.head = nn.Module()
        self.head.transformer = nn.TransformerEncoder(
            layer, HEAD["depth"], norm=nn.LayerNorm(WIDTH), enable_nested_tensor=False
        )
        self.head.output = nn.Linear(WIDTH, 1)

    def forward(self, sentences: list[str]) -> torch.Tensor:
        """The logits of a document's sentences."""
        ids, segments, starts = [], [], []
        for i, sentence in enumerate(sentences):
            pieces = self.tokenizer(sentence, add_special_tokens=False)["input_ids"]
            starts.append(len(ids))
            ids += [self.tokenizer.cls_token_id, *pieces, self.tokenizer.sep_token_id]
            segments += [i % 2] * (len(pieces) + 2)
        assert len(ids) <= MAX_POSITIONS
        inputs = {"input_ids": torch.tensor([ids])}
        if self.encoder.config.type_vocab_size == 2:
            inputs["token_type_ids"] = torch.tensor([segments])
        vectors = self.encoder(**inputs).last_hidden_state[:, starts]
        positions = torch.zeros(len(sentences), WIDTH)
        for i in range(0, WIDTH, 2):
            angles = torch.arange(len(sentences)) / 10_000 ** (i / WIDTH)
            positions[:, i], positions[:, i + 1] = angles.sin(), angles.cos()
        return self.head.output(self.head.transformer(vectors + positions)).flatten()

    def loss(self) -> torch.Tensor:
        labelled = [(sentences, gold) for sentences, gold in DOCUMENTS if gold is not None]
        logits = torch.cat([self(sentences) for sentences, _ in labelled])
        labels = [float(i in gold) for sents, gold in labelled for i in range(len(sents))]
        return nn.BCEWithLogitsLoss()(logits, torch.tensor(labels))


def make_plain(checkpoint: Path, nlp: Language) -> tuple[PlainBertSum, dict[str, nn.Parameter]]:
    plain = PlainBertSum(checkpoint)
    plain.head.load_state_dict(get_modules(nlp)[1].state_dict())
    return plain, dict(plain.named_parameters())


@pytest.mark.parametrize("family", ["bert", "xlmr"])
def test_loss_and_gradients_equal_plain_torch(family: str, checkpoints: dict[str, Path]):
    nlp = make_pipeline(checkpoints[family])
    plain, expected = make_plain(checkpoints[family], nlp)
    loss = plain.loss()
    loss.backward()
    assert update(nlp, sgd=False) == pytest.approx(loss.item(), rel=1e-5)
    ours = get_parameters(nlp)
    assert set(ours) == set(expected)
    for name, parameter in ours.items():
        assert_allclose(parameter.grad, expected[name].grad, atol=1e-6, rtol=1e-4, err_msg=name)
    assert sum(bool(parameter.grad.any()) for parameter in ours.values()) > 0.9 * len(ours)


# With averages thinc's own code takes the step, without them torch's.
@pytest.mark.parametrize("use_averages", [False, True])
def test_a_step_equals_plain_torch(use_averages: bool, checkpoints: dict[str, Path]):
    """Where the definitions agree: thinc clips tensor by tensor, so clipping is off here, and adds
    eps to the root of the second moment before, torch after its correction."""
    nlp = make_pipeline(checkpoints["bert"])
    plain, expected = make_plain(checkpoints["bert"], nlp)
    eps = 1e-6
    adamw = torch.optim.AdamW(
        plain.parameters(), lr=1e-3, weight_decay=0.01, eps=eps / (1 - 0.999) ** 0.5
    )
    plain.loss().backward()
    adamw.step()
    update(nlp, Adam(1e-3, L2=0.01, eps=eps, grad_clip=0.0, use_averages=use_averages))
    for name, parameter in get_parameters(nlp).items():
        assert_allclose(
            parameter.detach(), expected[name].detach(), atol=2e-6, rtol=0, err_msg=name
        )
        assert parameter.grad is None


def test_fused_steps_equal_those_of_thinc(checkpoints: dict[str, Path]):
    """Over several steps, with clipping, and with the optimizer's state in the usual place."""
    pipelines = [make_pipeline(checkpoints["bert"]) for _ in range(2)]
    optimizers = [
        Adam(1e-3, L2=0.01, grad_clip=0.01, use_averages=averages) for averages in (False, True)
    ]
    for nlp, optimizer in zip(pipelines, optimizers, strict=True):
        generator = torch.Generator().manual_seed(0)
        for _ in range(5):
            for parameter in get_parameters(nlp).values():
                parameter.grad = torch.randn(parameter.shape, generator=generator) / 1000
            nlp.get_pipe("bertsum").finish_update(optimizer)
    ours, theirs = map(get_parameters, pipelines)
    for name in ours:
        assert_allclose(ours[name].detach(), theirs[name].detach(), atol=1e-6, err_msg=name)
    fused, plain = optimizers
    assert list(fused.nr_update.values()) == list(plain.nr_update.values())
    for moments, expected in ((fused.mom1, plain.mom1), (fused.mom2, plain.mom2)):
        assert len(moments) == len(ours)
        for moment, wanted in zip(moments.values(), expected.values(), strict=True):
            assert moment.shape == wanted.shape
            assert_allclose(moment, wanted, rtol=1e-5, atol=1e-9)


@pytest.fixture
def bfloat16(monkeypatch: pytest.MonkeyPatch):
    """A processor with bfloat16; torch computes in it on any, if slowly."""
    monkeypatch.setattr(shim_module, "has_bfloat16", lambda: True)


@pytest.mark.usefixtures("bfloat16")
@pytest.mark.parametrize("family", ["bert", "xlmr"])
def test_mixed_precision_is_close_to_float32(family: str, checkpoints: dict[str, Path]):
    full = make_pipeline(checkpoints[family])
    mixed = make_pipeline(checkpoints[family], mixed_precision=True)
    texts = [" ".join(sentences) for sentences, _ in DOCUMENTS]
    differences = []
    for ours, theirs in zip(mixed.pipe(texts), full.pipe(texts), strict=True):
        assert ours._.summary_scores.dtype == numpy.float32
        assert_allclose(ours._.summary_scores, theirs._.summary_scores, atol=0.02)
        differences.append(numpy.abs(ours._.summary_scores - theirs._.summary_scores).max())
    assert max(differences) > 0
    assert update(mixed, sgd=False) == pytest.approx(update(full, sgd=False), rel=0.02)
    expected = get_parameters(full)
    for name, parameter in get_parameters(mixed).items():
        assert parameter.dtype == parameter.grad.dtype == torch.float32
        assert parameter.grad.isfinite().all()
        difference = (parameter.grad - expected[name].grad).norm()
        # The biases of keys have no gradient but for rounding.
        assert difference <= 0.1 * expected[name].grad.norm() + 1e-3, name


@pytest.mark.usefixtures("bfloat16")
def test_learns_in_mixed_precision(checkpoints: dict[str, Path]):
    nlp = make_pipeline(checkpoints["bert"], mixed_precision=True)
    optimizer = Adam(3e-3, use_averages=False)
    losses = [update(nlp, optimizer) for _ in range(40)]
    assert losses[-1] < 0.2 * losses[0]


class ScalerOnTheCpu(PyTorchGradScaler):
    """thinc's scaler, which refuses to scale what is not on a GPU."""

    def _scale_tensor(self, tensor, scale_per_device, inplace):
        return tensor * self._scale


def test_scaled_gradients_accumulate(checkpoints: dict[str, Path]):
    """Two batches before a step count alike, whatever the scale."""
    plain, scaled = (make_pipeline(checkpoints["bert"]) for _ in range(2))
    shim = get_layer(scaled, "window_encoder").shims[0]
    shim._grad_scaler = ScalerOnTheCpu(enabled=True, init_scale=1024.0)
    shim._mixed_precision = True
    for _ in range(2):
        update(plain, sgd=False)
        with warnings.catch_warnings():
            # Without a GPU, torch leaves out the float16 that goes with the scale.
            warnings.simplefilter("ignore")
            update(scaled, sgd=False)
    expected = get_parameters(plain)
    for name, parameter in get_parameters(scaled).items():
        assert_allclose(parameter.grad, expected[name].grad, atol=1e-5, rtol=1e-3, err_msg=name)


def test_processor_without_bfloat16_stays_in_float32(
    checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True}, raising=False)
    assert not has_bfloat16()
    text = " ".join(DOCUMENTS[1][0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nlp = make_pipeline(checkpoints["bert"], mixed_precision=True)
        assert update(nlp, Adam(1e-3)) > 0
        mixed = make_pipeline(checkpoints["bert"], mixed_precision=True)(text)
    full = make_pipeline(checkpoints["bert"])(text)
    assert mixed._.summary_scores.tolist() == full._.summary_scores.tolist()


def test_torch_that_does_not_know_the_processor(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not has_bfloat16()


@pytest.mark.parametrize("kind", ["amx_bf16", "avx512_bf16", "bf16"])
def test_processor_with_bfloat16(kind: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {kind: True}, raising=False)
    assert has_bfloat16()


@pytest.mark.parametrize("value", [numpy.nan, numpy.inf, -numpy.inf])
@pytest.mark.parametrize("model", ["cnn", "bert"])
def test_weights_that_have_diverged(model: str, value: float, checkpoints: dict[str, Path]):
    """The advice comes first, without numpy's warnings."""
    if model == "cnn":
        nlp = spacy.blank("en")
        nlp.add_pipe("sentencizer")
        nlp.add_pipe("bertsum", config={"model": load_model_config(CNN)})
        examples = make_examples(nlp)
        nlp.initialize(lambda: examples)
    else:
        nlp = make_pipeline(checkpoints[model])
        examples = make_documents(nlp)
    head = get_layer(nlp, "summarization_head").shims[0]._model
    with torch.no_grad():
        head.output.bias.fill_(value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=r"loss of 'bertsum' is not finite.*learn_rate"):
            nlp.update(examples, sgd=Adam(1e-3), annotates=["sentencizer"])
        with pytest.raises(ValueError, match=r"output of 'bertsum' is not finite.*learn_rate"):
            nlp(examples[0].reference.text)


def test_gradient_that_is_not_finite_changes_no_weights(checkpoints: dict[str, Path]):
    nlp = make_pipeline(checkpoints["bert"])
    weight = get_modules(nlp)[0].embeddings.word_embeddings.weight
    before = weight.detach().clone()
    weight.register_hook(lambda gradient: gradient * numpy.nan)
    with pytest.raises(ValueError, match=r"gradient of 'bertsum' is not finite.*learn_rate"):
        update(nlp, Adam(1e-3))
    assert torch.equal(weight, before)


OUT_OF_MEMORY = [
    torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 99 bytes."),
    MemoryError(),
]


def raise_in_encoder(nlp: Language, error: Exception) -> None:
    def fail(*args, **kwargs):
        raise error

    get_modules(nlp)[0].forward = fail


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda error: str(error)[-30:])
@pytest.mark.parametrize("run", [lambda nlp: nlp("One. Two."), lambda nlp: update(nlp, False)])
def test_out_of_memory_says_what_to_lower(
    run: Callable[[Language], object], error: Exception, checkpoints: dict[str, Path]
):
    nlp = make_pipeline(checkpoints["bert"])
    raise_in_encoder(nlp, error)
    settings = "'bertsum'.*batcher.*accumulate_gradient.*max_length.*max_batch_tokens"
    with pytest.raises(MemoryError, match=settings) as caught:
        run(nlp)
    assert caught.value.__cause__ is error


def test_other_errors_pass_as_they_are(checkpoints: dict[str, Path]):
    nlp = make_pipeline(checkpoints["bert"])
    raise_in_encoder(nlp, RuntimeError("shapes differ"))
    with pytest.raises(RuntimeError, match=r"^shapes differ$"):
        nlp("One. Two.")

"""The paper's encoder: equal to plain transformers, shared through the stock transformer pipe."""

from pathlib import Path

import numpy
import pytest
import spacy
import torch
from checkpoints import MAX_POSITIONS, WIDTH
from numpy.testing import assert_allclose
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from transformers import AutoModel, AutoTokenizer

from spacy_bertsum.architectures import build_bertsum_transformer, build_sentence_encoder
from spacy_bertsum.layers.transformer import get_shim, pieces_of


def make_transformer(checkpoint: Path, **settings):
    transformer = build_bertsum_transformer(str(checkpoint), **{"overlap": 16, **settings})
    transformer.initialize()
    return transformer


def encode_plainly(checkpoint: Path, doc: Doc) -> torch.Tensor:
    """The [CLS] vectors of a document that fits one window, by transformers alone."""
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    encoder = AutoModel.from_pretrained(checkpoint).eval()
    cls_id = tokenizer.cls_token_id
    sep_id = tokenizer.sep_token_id
    ids, segments, cls = [], [], []
    for i, sent in enumerate(doc.sents):
        cls.append(len(ids))
        pieces = tokenizer(sent.text, add_special_tokens=False)["input_ids"]
        ids += [cls_id, *pieces, sep_id]
        segments += [i % 2] * (len(pieces) + 2)
    inputs = {"input_ids": torch.tensor([ids])}
    if getattr(encoder.config, "type_vocab_size", 0) == 2:
        inputs["token_type_ids"] = torch.tensor([segments])
    return encoder, encoder(**inputs).last_hidden_state[0, cls]


def test_forward_equals_plain_transformers(checkpoint: Path, docs: list[Doc]):
    encoder = build_sentence_encoder(make_transformer(checkpoint))
    encoder.initialize(X=docs)
    for doc, vectors in zip(docs[:2], encoder.predict(docs), strict=False):
        _, expected = encode_plainly(checkpoint, doc)
        assert_allclose(vectors, expected.detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("max_length", [None, 100])
def test_windows_of_a_small_encoder_share_at_most_half(checkpoint: Path, max_length: int | None):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    doc = nlp("The pool has opened again today. " * 60)
    transformer = build_bertsum_transformer(str(checkpoint), max_length=max_length)
    transformer.initialize()
    size = min(get_shim(transformer).max_length(), 512)
    pieces = pieces_of(transformer, [doc])
    windows = pieces.packed.windows[0]
    read = sum(len(window) for window in windows)
    assert size < 256
    assert read <= 2 * 60 + len(windows)


def test_overlap_of_a_whole_window_is_refused(checkpoints: dict[str, Path], docs: list[Doc]):
    transformer = make_transformer(checkpoints["bert"], overlap=MAX_POSITIONS + 72)
    transformer.initialize()
    with pytest.raises(ValueError, match="overlap must be from 0 to 127"):
        transformer.predict(docs)
    with pytest.raises(ValueError, match="overlap must be from 0 to 99"):
        build_bertsum_transformer("any", max_length=100, overlap=100)


def test_gradients_equal_plain_torch(checkpoint: Path, docs: list[Doc]):
    doc = docs[1]
    layer = build_sentence_encoder(make_transformer(checkpoint))
    layer.initialize(X=docs)
    (vectors,), backprop = layer.begin_update([doc])
    gradient = numpy.random.default_rng(0).normal(size=vectors.shape).astype("f")
    backprop([gradient])
    encoder, expected = encode_plainly(checkpoint, doc)
    expected.backward(torch.from_numpy(gradient))
    ours = dict(get_shim(layer.layers[0]).encoder.named_parameters())
    n_compared = 0
    for name, parameter in encoder.named_parameters():
        if name in ours and parameter.grad is not None:
            assert_allclose(ours[name].grad, parameter.grad, rtol=1e-5, atol=1e-5, err_msg=name)
            n_compared += 1
    assert n_compared > 10


def test_mean_pooling_takes_all_pieces_of_a_sentence(checkpoint: Path, docs: list[Doc]):
    transformer = make_transformer(checkpoint)
    layer = build_sentence_encoder(transformer, pooling="mean")
    layer.initialize(X=docs)
    vectors, backprop = layer.begin_update(docs[:2])
    batch = transformer.predict(docs[:2])
    for data, doc_vectors in zip(batch.doc_data, vectors, strict=True):
        hidden = data.model_output.last_hidden_state.reshape(-1, WIDTH)
        ends = [*data.cls_rows[1:], sum(data.wordpieces.lengths)]
        for vector, start, end in zip(doc_vectors, data.cls_rows, ends, strict=True):
            # The [SEP] at the end of the sentence does not count.
            assert_allclose(vector, hidden[start : end - 1].mean(axis=0), atol=1e-5)
    backprop([numpy.eye(*v.shape, dtype="f") for v in vectors])
    embeddings = get_shim(transformer).encoder.embeddings
    assert all(p.grad.abs().sum() > 1e-3 for p in embeddings.parameters() if p.grad is not None)


def test_unknown_pooling(checkpoints: dict[str, Path]):
    with pytest.raises(ValueError, match="pooling"):
        build_sentence_encoder(make_transformer(checkpoints["bert"]), pooling="max")


def test_grad_factor_scales_gradients(checkpoints: dict[str, Path], docs: list[Doc]):
    norms = []
    for factor in (1.0, 0.5, 0.0):
        layer = build_sentence_encoder(make_transformer(checkpoints["bert"]), grad_factor=factor)
        layer.initialize(X=docs)
        vectors, backprop = layer.begin_update(docs)
        rng = numpy.random.default_rng(0)
        backprop([rng.normal(size=v.shape).astype("f") for v in vectors])
        weight = get_shim(layer.layers[0]).encoder.embeddings.word_embeddings.weight
        norms.append(float(weight.grad.norm()))
    assert norms[0] > 0
    assert norms[1] == pytest.approx(norms[0] / 2, rel=1e-4)
    assert norms[2] == 0


def test_batch_agrees_with_sentence_encoder(checkpoint: Path, docs: list[Doc]):
    transformer = make_transformer(checkpoint)
    layer = build_sentence_encoder(transformer)
    layer.initialize(X=docs)
    batch = transformer.predict(docs)
    for data, vectors in zip(batch.doc_data, layer.predict(docs), strict=True):
        hidden = data.model_output.last_hidden_state.reshape(-1, WIDTH)
        assert_allclose(hidden[data.cls_rows], vectors, atol=1e-6)


def test_small_batches_change_nothing(checkpoint: Path, docs: list[Doc]):
    wide = build_sentence_encoder(make_transformer(checkpoint))
    narrow = build_sentence_encoder(make_transformer(checkpoint, max_batch_tokens=1))
    for layer in (wide, narrow):
        layer.initialize(X=docs)
    for ours, theirs in zip(wide.predict(docs), narrow.predict(docs), strict=True):
        assert_allclose(ours, theirs, atol=1e-5)


def test_every_token_is_aligned(checkpoint: Path, docs: list[Doc]):
    batch = make_transformer(checkpoint).predict(docs)
    for doc, data in zip(docs, batch.doc_data, strict=True):
        assert len(data.align.lengths) == len(doc)
        assert (data.align.lengths > 0).all()
        strings = [s for row in data.wordpieces.strings for s in row]
        for token in doc:
            aligned = data.align[token.i].dataXd.ravel()
            pieces = [strings[i].strip("▁#Ġ").lower() for i in aligned]
            assert any(p in token.lower_ or "unk" in p for p in pieces), (token, pieces)


def test_literal_special_tokens_stay_text(checkpoint: Path, nlp: Language):
    plain = nlp("The word is here. Another follows.")
    tricky = nlp("The [CLS] <s> </s> [SEP] <pad> [MASK] word is here. Another follows.")
    transformer = make_transformer(checkpoint)
    special = get_shim(transformer).special_ids()
    for doc in (plain, tricky):
        (ids,) = pieces_of(transformer, [doc]).packed.input_ids
        assert (ids == special.cls).sum() == 2
        if special.sep != special.cls:
            assert (ids == special.sep).sum() == 2


def test_long_sentence_is_divided_not_cut(checkpoint: Path, nlp: Language):
    doc = nlp("library " * 500)
    transformer = make_transformer(checkpoint)
    packed = pieces_of(transformer, [doc]).packed
    assert packed.cls_lengths.tolist() == [len(packed.input_ids)]
    assert max(map(len, packed.input_ids)) <= MAX_POSITIONS
    n_pieces = sum(len(ids) - 2 for ids in packed.input_ids)
    tokenizer = get_shim(transformer).tokenizer
    assert n_pieces == len(tokenizer(doc.text.strip(), add_special_tokens=False)["input_ids"])


def test_xlmr_knows_its_usable_positions(checkpoints: dict[str, Path]):
    shim = get_shim(make_transformer(checkpoints["xlmr"]))
    assert shim.encoder.config.max_position_embeddings == MAX_POSITIONS + 2
    assert shim.max_length() == MAX_POSITIONS
    assert shim.n_segments() == 1


@pytest.mark.parametrize(
    "settings", [{"overlap": -1}, {"overlap": 512}, {"max_batch_tokens": 0}, {"max_length": 2}]
)
def test_settings_out_of_range(settings: dict):
    with pytest.raises(ValueError, match=next(iter(settings))):
        build_bertsum_transformer("any", **settings)


def test_window_longer_than_encoder(checkpoints: dict[str, Path], docs: list[Doc]):
    transformer = make_transformer(checkpoints["bert"], max_length=MAX_POSITIONS + 1)
    with pytest.raises(ValueError, match="Lower it to 128"):
        transformer.predict(docs)


def test_unknown_checkpoint_says_so(tmp_path: Path):
    with pytest.raises(ValueError, match="neither the directory of a checkpoint"):
        build_bertsum_transformer(str(tmp_path / "nowhere")).initialize()


def test_use_before_initialization(docs: list[Doc]):
    with pytest.raises(ValueError, match=r"nlp\.initialize"):
        build_bertsum_transformer("bert-base-multilingual-cased").predict(docs)


def test_bytes_carry_encoder_and_tokenizer(checkpoint: Path, docs: list[Doc]):
    layer = build_sentence_encoder(make_transformer(checkpoint))
    layer.initialize(X=docs)
    data = layer.to_bytes()
    # The checkpoint's own directory is not needed any more.
    loaded = build_sentence_encoder(build_bertsum_transformer("gone", overlap=16))
    loaded.from_bytes(data)
    for ours, theirs in zip(layer.predict(docs), loaded.predict(docs), strict=True):
        assert_allclose(ours, theirs, atol=1e-6)
    assert loaded.to_bytes() == data


SHARED = """
[nlp]
lang = "en"
pipeline = ["sentencizer","transformer","tagger","bertsum"]

[components]

[components.sentencizer]
factory = "sentencizer"

[components.transformer]
factory = "transformer"

[components.transformer.model]
@architectures = "spacy-bertsum.BertSumTransformer.v1"
overlap = 16

[components.tagger]
factory = "tagger"

[components.tagger.model]
@architectures = "spacy.Tagger.v2"

[components.tagger.model.tok2vec]
@architectures = "spacy-transformers.TransformerListener.v1"

[components.tagger.model.tok2vec.pooling]
@layers = "reduce_mean.v1"

[components.bertsum]
factory = "bertsum"
n_sents = 1

[components.bertsum.model]
@architectures = "spacy-bertsum.BertSum.v1"

[components.bertsum.model.tok2vec]
@architectures = "spacy-bertsum.SentenceListener.v1"

[components.bertsum.model.head]
@architectures = "spacy-bertsum.LinearHead.v1"

[components.bertsum.model.salience]
@architectures = "spacy-bertsum.Salience.v1"
"""


def make_shared(checkpoint: Path) -> tuple[Language, list[Example]]:
    spacy.util.fix_random_seed(0)
    config = spacy.util.load_config_from_str(SHARED)
    config["components"]["transformer"]["model"]["name"] = str(checkpoint)
    nlp = spacy.util.load_model_from_config(config, auto_fill=True)
    examples = []
    for text in ("The library opens. People came to read.", "Nobody knows. The room is new today."):
        gold = nlp.make_doc(text)
        for token in gold:
            token.tag_ = "UP" if token.text[0].isupper() else "LOW"
        second = [token.text for token in gold].index(".") + 1
        gold.spans["summary"] = [gold[second:]]
        examples.append(Example(nlp.make_doc(text), gold))
    nlp.initialize(lambda: examples)
    return nlp, examples


def train(nlp: Language, examples: list[Example], steps: int) -> dict[str, float]:
    optimizer = nlp.create_optimizer()
    optimizer.learn_rate = 5e-3
    for _ in range(steps):
        losses: dict[str, float] = {}
        nlp.update(examples, sgd=optimizer, losses=losses, annotates=["sentencizer"])
    return losses


def test_shared_transformer_serves_tagger_and_bertsum(checkpoint: Path, tmp_path: Path):
    nlp, examples = make_shared(checkpoint)
    train(nlp, examples, 40)
    texts = [eg.reference.text for eg in examples]
    for doc, example in zip(nlp.pipe(texts), examples, strict=True):
        assert [t.tag_ for t in doc] == [t.tag_ for t in example.reference]
        assert doc._.summary == example.reference.spans["summary"][0].text
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    for ours, theirs in zip(nlp.pipe(texts), loaded.pipe(texts), strict=True):
        assert_allclose(ours._.summary_scores, theirs._.summary_scores, atol=1e-6)
        assert [t.tag_ for t in ours] == [t.tag_ for t in theirs]


def test_empty_documents_among_others_in_a_shared_batch(checkpoint: Path):
    nlp, examples = make_shared(checkpoint)
    empty = nlp.make_doc("")
    empty.spans["summary"] = []
    examples.insert(1, Example(nlp.make_doc(""), empty))
    losses = train(nlp, examples, 2)
    assert losses["bertsum"] > 0
    assert [len(doc._.summary_scores) for doc in nlp.pipe(["", "One. Two."])] == [0, 2]


def test_both_listeners_send_gradients(checkpoint: Path):
    """The shared encoder's gradient is the sum of its listeners'."""
    gradients = {}
    for frozen in ((), ("tagger",), ("bertsum",)):
        nlp, examples = make_shared(checkpoint)
        names = [n for n in ("tagger", "bertsum") if n not in frozen]
        transformer = nlp.get_pipe("transformer")
        for name in frozen:
            transformer.listener_map.pop(name)
        for example in examples:
            nlp.get_pipe("sentencizer")(example.predicted)
        transformer.update(examples)
        for name in names:
            nlp.get_pipe(name).update(examples)
        encoder = get_shim(transformer.model).encoder
        gradients[frozen] = {
            name: p.grad.clone() for name, p in encoder.named_parameters() if p.grad is not None
        }
    for name, both in gradients[()].items():
        apart = gradients["tagger",][name] + gradients["bertsum",][name]
        assert_allclose(both, apart, atol=1e-5, err_msg=name)


def test_replace_listeners(checkpoint: Path, tmp_path: Path):
    nlp, examples = make_shared(checkpoint)
    train(nlp, examples, 3)
    text = examples[0].reference.text
    before = nlp(text)
    for name in ("tagger", "bertsum"):
        nlp.replace_listeners("transformer", name, ["model.tok2vec"])
    nlp.remove_pipe("transformer")
    after = nlp(text)
    assert_allclose(before._.summary_scores, after._.summary_scores, atol=1e-6)
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")(text)
    assert_allclose(before._.summary_scores, loaded._.summary_scores, atol=1e-6)
    assert [t.tag_ for t in before] == [t.tag_ for t in loaded]


def test_listener_on_a_stock_transformer_says_what_to_do(checkpoint: Path):
    from spacy_transformers.data_classes import TransformerData

    nlp, examples = make_shared(checkpoint)
    doc = nlp(examples[0].reference.text)
    doc._.trf_data = TransformerData.zeros(len(doc), WIDTH)
    with pytest.raises(ValueError, match=r"BertSumTransformer\.v1"):
        nlp.get_pipe("bertsum")(doc)

"""The component in a pipeline: settings, training, saving, odd documents."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import spacy
from checkpoints import FAMILIES
from numpy.testing import assert_allclose
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.vocab import Vocab
from thinc.api import NumpyOps

from spacy_bertsum.component import DEFAULT_CONFIG, BertSum
from spacy_bertsum.selection import Selection

CNN = """
[model]
@architectures = "spacy-bertsum.BertSum.v1"

[model.tok2vec]
@architectures = "spacy-bertsum.SentencePooling.v1"

[model.tok2vec.tok2vec]
@architectures = "spacy.HashEmbedCNN.v2"
pretrained_vectors = null
width = 32
depth = 2
embed_size = 500
window_size = 1
maxout_pieces = 2
subword_features = true

[model.head]
@architectures = "spacy-bertsum.FineGrained.v1"
width = 32
depth = 1
n_heads = 2
n_hidden = 32
"""

ENCODER = """
[model]
@architectures = "spacy-bertsum.BertSum.v1"

[model.tok2vec]
@architectures = "spacy-bertsum.SentenceEncoder.v1"

[model.tok2vec.transformer]
@architectures = "spacy-bertsum.BertSumTransformer.v1"
overlap = 16

[model.head]
@architectures = "spacy-bertsum.InterSentenceTransformer.v1"
width = 32
depth = 1
n_heads = 2
n_hidden = 32

[model.salience]
@architectures = "spacy-bertsum.Salience.v1"
"""

# What matters is said in the sentences with a number; the model must find that out.
TEXTS = [
    "We met in the garden. The budget grew by 40 percent. It rained a little. Nobody sang.",
    "The council voted with 12 voices. A dog barked outside. The coffee was cold.",
    "Someone opened a window. The choir was late. Visitors rose to 900 in May.",
    "It was warm. The lamp was green. They sold 75 boats. She smiled. He slept.",
]


def load_model_config(text: str, checkpoint: Path | str = "nowhere") -> dict:
    config = spacy.util.load_config_from_str(text)["model"]
    if "transformer" in config["tok2vec"]:
        config["tok2vec"]["transformer"]["name"] = str(checkpoint)
    return config


def make_examples(nlp: Language) -> list[Example]:
    sentencizer = spacy.blank("en")
    sentencizer.add_pipe("sentencizer")
    examples = []
    for text in TEXTS:
        gold = sentencizer(text)
        gold.spans["summary"] = [s for s in gold.sents if any(t.like_num for t in s)]
        examples.append(Example(nlp.make_doc(text), gold))
    return examples


def make_trained(config: dict, steps: int = 60, **settings) -> Language:
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("bertsum", config={"model": config, "n_sents": 1, **settings})
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 3e-3
    for _ in range(steps):
        nlp.update(examples, sgd=optimizer, annotates=["sentencizer"])
    return nlp


@pytest.fixture(scope="module")
def trained() -> Language:
    return make_trained(load_model_config(CNN))


@pytest.mark.parametrize("family", ["cnn", *FAMILIES])
def test_overfits_saves_and_loads(family: str, checkpoints: dict[str, Path], tmp_path: Path):
    if family == "cnn":
        nlp = make_trained(load_model_config(CNN))
    else:
        nlp = make_trained(load_model_config(ENCODER, checkpoints[family]))
    expected = [e.reference.spans["summary"][0].text for e in make_examples(nlp)]
    docs = list(nlp.pipe(TEXTS))
    assert [doc._.summary for doc in docs] == expected
    nlp.to_disk(tmp_path / "model")
    config = (tmp_path / "model" / "config.cfg").read_text(encoding="utf8")
    if family != "cnn":
        # A trained pipeline must not need the checkpoint that it was trained from.
        gone = config.replace(str(checkpoints[family]), "/nowhere")
        (tmp_path / "model" / "config.cfg").write_text(gone, encoding="utf8")
    from_disk = spacy.load(tmp_path / "model")
    from_bytes = make_untrained(load_model_config(CNN if family == "cnn" else ENCODER))
    from_bytes.from_bytes(nlp.to_bytes())
    for loaded in (from_disk, from_bytes):
        for doc, text in zip(docs, TEXTS, strict=True):
            again = loaded(text)
            assert again._.summary == doc._.summary
            assert_allclose(again._.summary_scores, doc._.summary_scores, atol=1e-5)


def make_untrained(config: dict, **settings) -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("bertsum", config={"model": config, **settings})
    return nlp


def test_annotations(trained: Language):
    doc = trained(TEXTS[0])
    sents = list(doc.sents)
    assert doc._.summary_scores.shape == (len(sents),)
    assert doc._.summary_scores.dtype == numpy.float32
    assert ((doc._.summary_scores > 0) & (doc._.summary_scores < 1)).all()
    (span,) = doc.spans["summary"]
    assert (span.label_, span.text) == ("SUMMARY", doc._.summary)
    best = int(doc._.summary_scores.argmax())
    assert span.text == sents[best].text
    assert_allclose(doc.spans["summary"].attrs["scores"], [doc._.summary_scores[best]])


def test_names_come_from_config():
    nlp = make_trained(
        load_model_config(CNN),
        steps=1,
        spans_key="summary",
        summary_attr="gist",
        scores_attr="gist_scores",
        summarize_attr="find_gist",
    )
    doc = nlp(TEXTS[0])
    assert doc._.gist == doc.spans["summary"][0].text
    assert len(doc._.gist_scores) == 4
    assert doc._.find_gist(n_sents=4) == doc.text


def test_two_components_share_the_method():
    """`summarize` is registered once in a process, yet serves documents of either component."""
    nlp = make_trained(load_model_config(CNN), scores_attr="other_scores", spans_key="summary")
    doc = nlp(TEXTS[0])
    assert doc._.summarize() == doc._.summary


def test_summarize_again_without_the_model(trained: Language):
    doc = trained(TEXTS[3])
    calls = []
    component = trained.get_pipe("bertsum")
    predict = component.predict
    component.predict = lambda docs: calls.append(docs) or predict(docs)
    try:
        assert doc._.summarize(ratio=1.0) == doc.text
        assert len(doc._.summarize(n_sents=2, as_spans=True)) == 2
        assert len(doc._.summarize(max_chars=20)) <= 20
        assert not calls
    finally:
        component.predict = predict


def test_pipe_equals_call(trained: Language):
    texts = [*TEXTS, "", " \n ", "One."] * 5
    for doc, text in zip(trained.pipe(texts, batch_size=4), texts, strict=True):
        assert_allclose(doc._.summary_scores, trained(text)._.summary_scores, atol=1e-6)


@pytest.mark.slow
def test_two_processes_after_use_in_this_one():
    """Forked processes used to wait for ever for threads that torch had started in the parent."""
    code = (
        "import spacy, torch; torch.set_num_threads(2); nlp = spacy.blank('en');"
        "nlp.add_pipe('sentencizer'); nlp.add_pipe('bertsum');"
        "texts = ['The council met on Monday. It rained. Nobody came to the river. ' * 20] * 4;"
        "before = [doc._.summary for doc in nlp.pipe(texts)];"
        "assert before == [doc._.summary for doc in nlp.pipe(texts, n_process=2, batch_size=2)]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.slow
def test_two_processes(trained: Language):
    expected = [trained(text)._.summary for text in TEXTS]
    docs = list(trained.pipe(TEXTS * 3, n_process=2, batch_size=2))
    assert [doc._.summary for doc in docs] == expected * 3
    assert [doc.spans["summary"][0].text for doc in docs] == expected * 3


def test_documents_survive_serialization(trained: Language):
    doc = trained(TEXTS[0])
    copies = [
        pickle.loads(pickle.dumps(doc)),
        Doc(Vocab()).from_bytes(doc.to_bytes()),
        next(
            DocBin(store_user_data=True, docs=[doc]).get_docs(trained.vocab),
        ),
        doc.copy(),
    ]
    for copy in copies:
        assert copy._.summary == doc._.summary
        assert_allclose(copy._.summary_scores, doc._.summary_scores)
        assert [s.text for s in copy.spans["summary"]] == [doc._.summary]
        scores = copy.spans["summary"].attrs["scores"]
        assert_allclose(scores, doc.spans["summary"].attrs["scores"])
        assert copy._.summarize(n_sents=2) == doc._.summarize(n_sents=2)


def test_pipeline_pickles(trained: Language):
    copy = pickle.loads(pickle.dumps(trained))
    assert copy(TEXTS[1])._.summary == trained(TEXTS[1])._.summary


@pytest.mark.parametrize(
    ("text", "n_chosen"),
    [
        ("", 0),
        ("   \n\t  ", 0),
        ("One sentence only", 1),
        ("😀😀 👍🏽! \u200f\u202bمرحبا بالعالم\u202c. abc\x00\x07 def.", 1),
        ("!!! ??? ...", 0),
        ("x" * 50_000, 1),
        ("word " * 10_000, 1),
    ],
)
def test_odd_documents(text: str, n_chosen: int, trained: Language, checkpoints: dict[str, Path]):
    encoder = make_trained(load_model_config(ENCODER, checkpoints["xlmr"]), steps=1)
    for nlp in (trained, encoder):
        doc = nlp(text)
        assert doc.text == text
        assert len(doc.spans["summary"]) == n_chosen
        assert len(doc._.summary_scores) == len(list(doc.sents))
        assert numpy.isfinite(doc._.summary_scores).all()
        assert isinstance(doc._.summary, str)


@pytest.mark.slow
def test_two_thousand_sentences(checkpoints: dict[str, Path]):
    nlp = make_trained(load_model_config(ENCODER, checkpoints["bert"]), steps=2, n_sents=7)
    doc = nlp(" ".join(f"The library bought {i} books. It rained." for i in range(1000)))
    assert len(doc._.summary_scores) == 2000
    assert len(doc.spans["summary"]) == 7


def test_no_sentence_boundaries_names_a_component(trained: Language):
    nlp = spacy.blank("en")
    nlp.add_pipe("bertsum", source=trained)
    with pytest.raises(ValueError, match="multilingual_sentencizer"):
        nlp("No sentences here. None.")
    problems = nlp.analyze_pipes()["problems"]["bertsum"]
    assert "doc.sents" in problems


def test_training_without_boundaries_names_annotating_components():
    nlp = make_untrained(load_model_config(CNN))
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    with pytest.raises(ValueError, match="annotating_components"):
        nlp.update(examples, sgd=optimizer)


@pytest.mark.parametrize(
    "setting",
    [{"n_sents": 0}, {"ratio": 1.5}, {"threshold": -1}, {"max_chars": 0}, {"order": "random"}],
)
def test_settings_out_of_range(setting: dict):
    (name,) = setting
    with pytest.raises(ValueError, match=name):
        make_untrained(load_model_config(CNN), **setting)


def test_initialize_needs_gold_sentences():
    nlp = make_untrained(load_model_config(CNN))
    example = Example(nlp.make_doc("A b."), nlp.make_doc("A b."))
    with pytest.raises(ValueError, match=r'doc\.spans\["summary"\]'):
        nlp.initialize(lambda: [example])


def test_use_before_initialization():
    with pytest.raises(ValueError, match=r"nlp\.initialize"):
        make_untrained(load_model_config(ENCODER))("One. Two.")


def test_settings_survive_loading(trained: Language, tmp_path: Path):
    nlp = make_untrained(load_model_config(CNN), max_chars=30, order="score", block_ngrams=3)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    nlp.to_disk(tmp_path)
    selection = spacy.load(tmp_path).get_pipe("bertsum").selection
    assert selection == Selection(max_chars=30, order="score", block_ngrams=3)


def test_loss_and_gradient():
    """Binary cross-entropy by hand, with an example that has no gold summary among them."""
    nlp = make_trained(load_model_config(CNN), steps=0)
    component: BertSum = nlp.get_pipe("bertsum")
    examples = make_examples(nlp)
    del examples[1].reference.spans["summary"]
    for example in examples:
        nlp.get_pipe("sentencizer")(example.predicted)
    logits = [numpy.linspace(-2, 2, n).astype("f") for n in (4, 3, 3, 5)]
    loss, gradient = component.get_loss(examples, logits)
    gold = [[0, 1, 0, 0], None, [0, 0, 1], [0, 0, 1, 0, 0]]
    expected = 0.0
    for z, y, d in zip(logits, gold, gradient, strict=True):
        if y is None:
            assert not d.any()
            continue
        p = 1 / (1 + numpy.exp(-z))
        expected -= float(numpy.log(numpy.where(y, p, 1 - p)).sum()) / 12
        assert_allclose(d, (p - y) / 12, atol=1e-6)
    assert loss == pytest.approx(expected, rel=1e-5)


def test_loss_that_is_not_finite_says_what_to_lower():
    nlp = make_trained(load_model_config(CNN), steps=0)
    examples = make_examples(nlp)[:1]
    nlp.get_pipe("sentencizer")(examples[0].predicted)
    with pytest.raises(ValueError, match="learn"):
        nlp.get_pipe("bertsum").get_loss(examples, [numpy.full(4, numpy.nan, "f")])


def test_training_lowers_the_loss_and_evaluates(trained: Language):
    scores = trained.evaluate([e for e in make_examples(trained)])
    assert scores["summary_f"] == 1.0
    assert scores["rouge_1"] == 1.0
    assert scores["rouge_2"] == 1.0


def test_empty_documents_do_not_stop_training():
    nlp = make_trained(load_model_config(CNN), steps=0)
    empty = nlp.make_doc("")
    empty.spans["summary"] = []
    examples = [*make_examples(nlp), Example(nlp.make_doc(""), empty)]
    losses = nlp.update(examples, sgd=nlp.create_optimizer(), annotates=["sentencizer"])
    assert losses["bertsum"] > 0
    assert nlp.update(examples[-1:], annotates=["sentencizer"])["bertsum"] == 0


def test_default_config_is_complete():
    nlp = make_untrained(load_model_config(CNN))
    config = nlp.config["components"]["bertsum"]
    assert set(config) == {"factory", *DEFAULT_CONFIG}
    weights = nlp.config["training"]["score_weights"]
    assert {name for name, weight in weights.items() if weight} == {
        "rouge_1",
        "rouge_2",
        "sents_f",
    }


def test_scores_are_numpy_arrays(trained: Language):
    doc = trained.get_pipe("sentencizer")(trained.make_doc(TEXTS[0]))
    (scores,) = trained.get_pipe("bertsum").predict([doc])
    assert isinstance(scores, NumpyOps.xp.ndarray)
    assert doc._.summary is None

"""The embedded model, and models by path."""

import shutil
import time
from pathlib import Path

import numpy
import pytest
import spacy
import srsly
from numpy.testing import assert_allclose
from spacy.language import Language
from spacy.training import Example
from test_component import CNN, TEXTS, load_model_config, make_examples, make_trained
from thinc.api import Model

from spacy_bertsum.layers import shim
from spacy_bertsum.layers.transformer import pieces_of
from spacy_bertsum.packing import deepest_placements
from spacy_bertsum.pretrained import MODELS, build_pretrained

SAMPLES = Path(__file__).parent.parent / "assets" / "sample"
TOKENIZER = {"@tokenizers": "spacy-bertsum.MultilingualTokenizer.v1"}


@pytest.fixture(scope="module")
def multilingual() -> Language:
    nlp = spacy.blank("xx", config={"nlp": {"tokenizer": TOKENIZER}})
    nlp.add_pipe("multilingual_sentencizer")
    nlp.add_pipe("bertsum")
    return nlp


def read_samples() -> list[dict]:
    return [record for path in sorted(SAMPLES.glob("*.jsonl")) for record in srsly.read_jsonl(path)]


def test_works_at_once_in_many_languages(multilingual: Language):
    records = read_samples()
    assert len({record.get("lang") for record in records}) > 10
    for doc in multilingual.pipe(record["text"] for record in records):
        assert len(doc.spans["summary"]) == 3
        assert len(list(doc.sents)) > 9
        assert doc._.summary
        assert "\n" not in doc._.summary
        assert numpy.ptp(doc._.summary_scores) > 0.01


@pytest.mark.parametrize("lang", ["en", "de", "fr", "es", "ru", "ar", "hi", "zh"])
def test_works_in_pipelines_of_one_language(lang: str):
    nlp = spacy.blank(lang)
    nlp.add_pipe("multilingual_sentencizer")
    nlp.add_pipe("bertsum", config={"ratio": 0.2})
    record = next(srsly.read_jsonl(SAMPLES / f"{lang}.jsonl"))
    doc = nlp(record["text"])
    assert len(doc.spans["summary"]) == int(len(list(doc.sents)) * 0.2 + 0.5)


def test_chinese_is_joined_without_spaces(multilingual: Language):
    doc = multilingual(
        "今天早上下了雨。\n市长宣布图书馆将在五月重新开放。工程费用为三百万元。很多人感到高兴。"
    )
    assert doc._.summarize(n_sents=4) == doc.text.replace("\n", "")


@pytest.mark.slow
def test_scores_do_not_jump_at_window_borders(multilingual: Language):
    """Where one window takes over from another, neighbouring scores are no further apart than
    anywhere else: for the same sentence over and over, any difference comes from the windows."""
    doc = multilingual("The committee discussed the plan for the harbour and we listened. " * 400)
    model = multilingual.get_pipe("bertsum").model
    transformer = next(layer for layer in model.walk() if layer.name == "bertsum_transformer")
    (windows,) = pieces_of(transformer, [doc]).packed.windows
    window_of = numpy.array([placed[0][0] for placed in deepest_placements(windows)])
    is_border = numpy.diff(window_of) > 0
    assert is_border.sum() > 5
    steps = numpy.abs(numpy.diff(doc._.summary_scores))
    assert steps[is_border].mean() < 2 * steps[~is_border].mean()
    assert steps[is_border].max() < 0.2


def test_loads_within_seconds():
    start = time.process_time()
    build_pretrained("xx_bertsum_mini")
    assert time.process_time() - start < 5


def test_files_are_few_and_small():
    folder = MODELS / "xx_bertsum_mini"
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 40e6
    assert {path.suffix for path in files} <= {".cfg", ".json", ".safetensors", ".md"}


def test_unknown_name_says_what_there_is(multilingual: Language):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    architecture = "spacy-bertsum.Pretrained.v1"
    config = {"model": {"@architectures": architecture, "name": "xx_bertsum_giant"}}
    nlp.add_pipe("bertsum", config=config)
    with pytest.raises(ValueError, match=r"xx_bertsum_giant.*xx_bertsum_mini"):
        nlp("One. Two.")


@pytest.mark.slow
def test_fine_tunes_saves_and_loads_without_the_original(tmp_path: Path, monkeypatch):
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("bertsum", config={"n_sents": 1})
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 1e-3
    before = nlp(TEXTS[0])._.summary_scores
    for _ in range(25):
        nlp.update(examples, sgd=optimizer, annotates=["sentencizer"])
    expected = [e.reference.spans["summary"][0].text for e in examples]
    assert [doc._.summary for doc in nlp.pipe(TEXTS)] == expected
    assert numpy.abs(nlp(TEXTS[0])._.summary_scores - before).max() > 0.05
    nlp.to_disk(tmp_path / "model")
    # The package may come with another model, or none of that name, by the time it is loaded.
    monkeypatch.setattr("spacy_bertsum.pretrained.MODELS", tmp_path / "nothing")
    loaded = spacy.load(tmp_path / "model")
    for ours, theirs in zip(nlp.pipe(TEXTS), loaded.pipe(TEXTS), strict=True):
        assert_allclose(ours._.summary_scores, theirs._.summary_scores, atol=1e-5)


def test_model_of_a_saved_pipeline(tmp_path: Path):
    trained = make_trained(load_model_config(CNN))
    trained.to_disk(tmp_path / "trained")
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    name = str(tmp_path / "trained")
    config = {"model": {"@architectures": "spacy-bertsum.Pretrained.v1", "name": name}}
    nlp.add_pipe("bertsum", config=config)
    for text in TEXTS:
        assert_allclose(nlp(text)._.summary_scores, trained(text)._.summary_scores, atol=1e-6)


def precision_of(model: Model) -> bool:
    """Whether the encoder of a model computes in bfloat16."""
    encoder = next(layer for layer in model.walk() if layer.name == "window_encoder")
    return encoder.shims[0]._bfloat16


def test_mixed_precision_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shim, "has_bfloat16", lambda: True)
    assert not precision_of(build_pretrained("xx_bertsum_mini"))
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    config = {"@architectures": "spacy-bertsum.Pretrained.v1", "name": "xx_bertsum_mini"}
    nlp.add_pipe("bertsum", config={"model": {**config, "mixed_precision": True}})
    assert precision_of(nlp.get_pipe("bertsum").model)
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    assert precision_of(loaded.get_pipe("bertsum").model)
    assert loaded(TEXTS[0])._.summary_scores.tolist() == nlp(TEXTS[0])._.summary_scores.tolist()
    # The setting of whoever takes a model counts, not that of the pipeline it is taken from.
    assert not precision_of(build_pretrained(str(tmp_path / "model")))


def test_pipeline_saved_before_the_setting_was_there(tmp_path: Path, multilingual: Language):
    multilingual.to_disk(tmp_path / "model")
    path = tmp_path / "model" / "config.cfg"
    text = path.read_text(encoding="utf8")
    assert "mixed_precision" in text
    path.write_text(text.replace("mixed_precision = false\n", ""), encoding="utf8")
    loaded = spacy.load(tmp_path / "model")
    assert loaded(TEXTS[0])._.summary == multilingual(TEXTS[0])._.summary


def test_model_of_a_pipeline_that_was_fine_tuned_itself(tmp_path: Path):
    """A saved pipeline does not depend on what the one before it was built from."""
    first = make_trained(load_model_config(CNN))
    first.to_disk(tmp_path / "first")
    expected = [doc._.summary_scores for doc in first.pipe(TEXTS)]
    for before, after in (("first", "second"), ("second", "third")):
        nlp = spacy.blank("en")
        nlp.add_pipe("sentencizer")
        name = str(tmp_path / before)
        config = {"@architectures": "spacy-bertsum.Pretrained.v1", "name": name}
        nlp.add_pipe("bertsum", config={"model": config})
        nlp.to_disk(tmp_path / after)
    for gone in ("first", "second"):
        shutil.rmtree(tmp_path / gone)
    loaded = spacy.load(tmp_path / "third")
    for doc, scores in zip(loaded.pipe(TEXTS), expected, strict=True):
        assert_allclose(doc._.summary_scores, scores, atol=1e-6)


def test_pipeline_saved_where_its_model_came_from(tmp_path: Path):
    trained = make_trained(load_model_config(CNN))
    path = tmp_path / "model"
    trained.to_disk(path)
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    config = {"@architectures": "spacy-bertsum.Pretrained.v1", "name": str(path)}
    nlp.add_pipe("bertsum", config={"model": config})
    nlp.to_disk(path)
    expected = trained(TEXTS[0])._.summary_scores
    assert_allclose(spacy.load(path)(TEXTS[0])._.summary_scores, expected, atol=1e-6)
    again = build_pretrained(str(path))
    assert_allclose(again.predict([nlp(TEXTS[0])])[0], numpy.log(expected / (1 - expected)), 1e-3)


def test_a_directory_does_not_stand_for_the_embedded_model(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spacy.blank("en").to_disk("xx_bertsum_mini")
    assert build_pretrained("xx_bertsum_mini").layers


def test_pipeline_without_bertsum_as_model(tmp_path: Path):
    spacy.blank("en").to_disk(tmp_path / "blank")
    with pytest.raises(ValueError, match="no bertsum component"):
        build_pretrained(str(tmp_path / "blank"))


def test_evaluates_with_reference_texts(multilingual: Language):
    examples = []
    for record in read_samples()[:4]:
        gold = multilingual.make_doc(record["text"])
        gold._.summary = record["summary"]
        examples.append(Example(multilingual.make_doc(record["text"]), gold))
    scores = multilingual.evaluate(examples)
    assert 0.05 < scores["rouge_1"] < 1
    assert scores["summary_f"] is None

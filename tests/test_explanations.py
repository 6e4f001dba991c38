"""Explanations: what LIME and SHAP say of models whose reasons are known."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
import spacy
from click.testing import Result
from spacy.cli import app
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from test_component import CNN, TEXTS, load_model_config, make_examples, make_trained
from typer.testing import CliRunner

import spacy_bertsum.cli  # noqa: F401
from benchmarks.explanations import (
    format_deletion,
    format_features,
    measure_deletion,
    measure_features,
)
from spacy_bertsum import surprisal
from spacy_bertsum.cli.pipelines import make_pipeline as make_embedded
from spacy_bertsum.explanations import Explanation, explain
from spacy_bertsum.explanations import explain as explain_module
from spacy_bertsum.explanations.methods import lime_weights, shap_weights
from spacy_bertsum.explanations.variants import GROUPS
from spacy_bertsum.layers.salience import FEATURES

METHODS = ["shap", "lime"]
WORDS = ["ship", "tree", "lamp", "road", "moon", "salt", "gate", "bird", "rain", "door", "fish"]
TEXT = (
    "The old mill burned down on Tuesday. Nobody was hurt.\n"
    "Firemen from four villages fought the flames for nine hours. The miller wants to rebuild it. "
    "It smells of smoke."
)


@pytest.fixture(scope="module")
def trained() -> Language:
    return make_trained(load_model_config(CNN))


@pytest.fixture(scope="module")
def counting() -> Language:
    """A model that has learnt to choose the sentence with a number: nothing else tells it apart."""
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    rng = random.Random(0)
    examples = []
    for _ in range(60):
        sents = [rng.sample(WORDS, 5) for _ in range(4)]
        gold = rng.randrange(4)
        sents[gold][rng.randrange(5)] = str(rng.randrange(10, 99))
        doc = nlp(" ".join(" ".join(sent) + "." for sent in sents))
        doc.spans["summary"] = [list(doc.sents)[gold]]
        examples.append(Example(nlp.make_doc(doc.text), doc))
    nlp.add_pipe("bertsum", config={"model": load_model_config(CNN), "n_sents": 1})
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 3e-3
    for _ in range(30):
        nlp.update(examples, sgd=optimizer, annotates=["sentencizer"])
    return nlp


@pytest.fixture(scope="module")
def embedded() -> Language:
    return make_embedded(lang="en")


def total(explanation: Explanation) -> float:
    return explanation.base + sum(part.weight for part in explanation.parts)


@pytest.mark.parametrize("method", [shap_weights, lime_weights])
def test_finds_the_weights_of_a_sum(method: Callable):
    weights = numpy.random.default_rng(0).normal(size=20)
    base, found, _ = method(lambda present: present @ weights + 3.0, 20, 500, seed=0)
    assert base == pytest.approx(3.0, abs=0.2)
    # LIME's regression is regularized.
    assert found == pytest.approx(weights, abs=1e-6 if method is shap_weights else 0.2)


@pytest.mark.parametrize("n_parts", [1, 2])
@pytest.mark.parametrize("method", [shap_weights, lime_weights])
def test_few_parts(method: Callable, n_parts: int):
    _, found, _ = method(lambda present: present.sum(axis=1) * 2.0, n_parts, 50, seed=0)
    assert found == pytest.approx(numpy.full(n_parts, 2.0), abs=0.3)


def test_shap_divides_what_parts_do_together_in_equal_shares():
    def score(present: numpy.ndarray) -> numpy.ndarray:
        return (present[:, 0] & present[:, 2]).astype("f8") * 6

    base, found, _ = shap_weights(score, 3, 100, seed=0)
    assert base == 0
    assert found == pytest.approx([3, 0, 3])


@pytest.mark.parametrize("method", METHODS)
def test_the_number_is_why(counting: Language, method: str):
    doc = counting("ship tree lamp road. moon 42 salt gate bird. rain door fish.")
    [sent] = doc.spans["summary"]
    explanation = explain(counting, doc, sent, method=method)
    [best] = explanation.top(1)
    assert best.text == best.span.text == "42"
    assert best.weight > 2 * max(part.weight for part in explanation.parts if part is not best)
    assert explanation.sentence.text == sent.text == "moon 42 salt gate bird."


@pytest.mark.parametrize("of", ["words", "sentences", "features"])
@pytest.mark.parametrize("method", METHODS)
def test_weights_make_up_the_logit(embedded: Language, of: str, method: str):
    doc = embedded(TEXT)
    n_sents = len(list(doc.sents))
    for index in (0, n_sents - 1):
        explanation = explain(embedded, doc, index, of=of, method=method)
        score = doc._.summary_scores[index]
        assert explanation.logit == pytest.approx(numpy.log(score / (1 - score)), abs=1e-3)
        if method == "shap":
            assert total(explanation) == pytest.approx(explanation.logit, abs=1e-3)
            assert explanation.fit is None
        else:
            assert 0 < explanation.fit <= 1


def test_every_feature_of_a_sentence_has_a_group():
    grouped = sorted(name for group in GROUPS.values() for name in group)
    features = surprisal.FEATURES + FEATURES
    assert grouped == sorted(name for name in features if not name.startswith("document_"))


def test_words_are_those_of_the_sentence(embedded: Language):
    doc = embedded(TEXT)
    explanation = explain(embedded, doc, 1, n_samples=20)
    assert [part.text for part in explanation.parts] == ["Nobody", "was", "hurt"]
    assert [doc[part.span.start].text for part in explanation.parts] == ["Nobody", "was", "hurt"]


def test_base_is_the_document_without_the_parts(trained: Language):
    doc = trained(TEXTS[1])
    sents = list(doc.sents)
    explanation = explain(trained, doc, 0, of="sentences")
    [alone] = trained.get_pipe("bertsum").model.predict([sents[0].as_doc()])
    assert explanation.base == pytest.approx(float(alone[0]), abs=1e-4)
    assert [part.text for part in explanation.parts] == [sent.text for sent in sents[1:]]


def test_a_sentence_of_nothing_but_words(trained: Language):
    doc = Doc(trained.vocab, ["Rain", "It", "rained", "."], sent_starts=[True, True, False, False])
    explanation = explain(trained, doc, 0)
    [part] = explanation.parts
    assert part.text == "Rain"
    hidden = Doc(trained.vocab, ["…", "It", "rained", "."], sent_starts=[True, True, False, False])
    [logits] = trained.get_pipe("bertsum").model.predict([hidden])
    assert explanation.base == pytest.approx(float(logits[0]), abs=1e-4)
    assert doc[0].text == "Rain"


def test_position_counts_for_a_model_that_knows_nothing_else(embedded: Language):
    """A head that reads `is_first` alone."""
    nlp = make_embedded(lang="en")
    model = nlp.get_pipe("bertsum").model
    head = next(layer for layer in model.walk() if layer.name == "summarization_head")
    width = head.get_dim("nI") - 40
    head._func = lambda layer, rows, is_train: ([row[:, width] for row in rows], lambda d: d)
    doc = nlp(TEXT)
    explanation = explain(nlp, doc, 0, of="features")
    weights = {part.text: part.weight for part in explanation.parts}
    assert weights.pop("position") == pytest.approx(1 - 1 / len(list(doc.sents)))
    assert list(weights.values()) == pytest.approx([0.0] * len(weights))


@pytest.mark.parametrize("method", METHODS)
def test_same_seed_same_weights(trained: Language, method: str):
    doc = trained(TEXTS[0])
    first, again, other = (
        [p.weight for p in explain(trained, doc, 1, method=method, n_samples=9, seed=seed).parts]
        for seed in (1, 1, 2)
    )
    assert first == again
    if method == "lime":
        assert first != other


def test_a_model_that_listens(checkpoints: dict[str, Path]):
    config = spacy.util.load_config("configs/shared_transformer.cfg", interpolate=False)
    config["components"]["transformer"]["model"]["name"] = str(checkpoints["bert"])
    nlp = spacy.util.load_model_from_config(config, auto_fill=True)
    nlp.remove_pipe("ner")
    nlp.initialize(lambda: make_examples(nlp))
    doc = nlp(TEXT)
    explanation = explain(nlp, doc, 0, n_samples=20)
    score = doc._.summary_scores[0]
    assert explanation.logit == pytest.approx(numpy.log(score / (1 - score)), abs=1e-3)
    assert any(part.weight for part in explanation.parts)


def test_errors_say_what_to_do(
    trained: Language, embedded: Language, monkeypatch: pytest.MonkeyPatch
):
    doc = trained(TEXTS[0])
    for settings, message in [
        ({"of": "letters"}, "words, sentences, features"),
        ({"method": "guess"}, "shap, lime"),
        ({"n_samples": 1}, "2 or more"),
        ({"of": "features"}, "Salience.v1"),
        ({"name": "sentencizer"}, "no component of the factory bertsum"),
    ]:
        with pytest.raises(ValueError, match=message):
            explain(trained, doc, 0, **settings)
    with pytest.raises(ValueError, match="There is no sentence 9: the document has 4"):
        explain(trained, doc, 9)
    first = next(trained(TEXTS[0]).sents)
    for sentence in (doc[1:3], doc[0:2], first):
        with pytest.raises(ValueError, match="none of the document's sentences"):
            explain(trained, doc, sentence)
    with pytest.raises(ValueError, match="none of the document's sentences"):
        explain(trained, trained(""), first)
    with pytest.raises(ValueError, match="multilingual_sentencizer"):
        explain(trained, trained.make_doc("No borders. Here."), 0)
    with pytest.raises(ValueError, match="no other sentences"):
        explain(trained, trained("Alone."), 0, of="sentences")
    with pytest.raises(ValueError, match="no words"):
        explain(embedded, Doc(embedded.vocab, ["Yes", "?!"], sent_starts=[True, True]), 1)
    monkeypatch.setitem(explain_module.__globals__, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'spacy-bertsum\[explain\]'"):
        explain(trained, doc, 0)


def test_benchmark_tells_good_explanations_from_chance(counting: Language):
    doc = counting("ship tree lamp road. moon 42 salt gate bird. rain door fish.")
    row = measure_deletion(counting, doc, 1, "words", 40)
    for method in METHODS:
        assert row[method] > 2 * row["chance"] > row[f"{method} lowest"]
    assert "| words of the sentence | 1 |" in format_deletion({"words": [row]})


def test_benchmark_divides_features(embedded: Language):
    found = measure_features(embedded, embedded(TEXT))
    assert {len(weights) for weights in found.values()} == {len(list(embedded(TEXT).sents))}
    table = format_features([found])
    shares = [float(line.split("|")[3]) for line in table.splitlines()[2:]]
    assert sum(shares) == pytest.approx(1.0, abs=0.03)
    assert shares == sorted(shares, reverse=True)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command in a directory of its own."""
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    return lambda *args: runner.invoke(app, ["bertsum", "explain", *map(str, args)])


def test_command_prints_words_and_their_weights(run: Callable, tmp_path: Path):
    (tmp_path / "mill.txt").write_text(TEXT, encoding="utf-8")
    result = run("mill.txt", "--n-sents", 1, "--n-samples", 40)
    assert result.exit_code == 0, result.output
    sentence = make_embedded(lang="en")(TEXT)._.summarize(n_sents=1)
    lines = result.stdout.splitlines()
    assert lines[:2] == ["mill.txt", sentence]
    printed = {
        line.split(maxsplit=1)[1]: float(line.split()[0]) for line in lines if line[:1] == " "
    }
    assert set(sentence.rstrip(".").split()) & set(printed)
    logit = printed.pop("= its logit")
    assert sum(printed.values()) == pytest.approx(logit, abs=0.05)


def test_command_writes_jsonl_and_goes_on(run: Callable, tmp_path: Path):
    records = [{"id": i, "text": text, "lang": "en"} for i, text in enumerate([TEXT, TEXTS[0]])]
    path = tmp_path / "docs.jsonl"
    path.write_text(json.dumps(records[0]) + "\n", encoding="utf-8")
    command = ("docs.jsonl", "--of", "features", "-n", 2, "--output", "out.jsonl")
    assert run(*command).exit_code == 0
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(records[1]) + "\n{broken\n")
    result = run(*command)
    assert result.exit_code == 1
    assert "docs.jsonl:3" in result.output
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    first, second = map(json.loads, lines)
    assert [first["id"], second["id"]] == [0, 1]
    for record, text in ((first, TEXT), (second, TEXTS[0])):
        assert len(record["explanations"]) == 2
        for found in record["explanations"]:
            sentence = found["sentence"]
            assert text[sentence["start"] : sentence["end"]] == sentence["text"]
            weights = [part["weight"] for part in found["parts"]]
            assert found["base"] + sum(weights) == pytest.approx(found["logit"], abs=1e-3)


def test_command_does_changed_documents_again_and_refuses_other_settings(
    run: Callable, tmp_path: Path
):
    command = ("mill.txt", "--of", "features", "-n", 1, "-o", "out.jsonl")
    for text in (TEXT, TEXTS[0]):
        (tmp_path / "mill.txt").write_text(text, encoding="utf-8")
        assert run(*command).exit_code == 0
    [record] = map(json.loads, (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines())
    assert record["explanations"][0]["sentence"]["text"] in TEXTS[0]
    result = run(*command, "--seed", 1)
    assert (result.exit_code, "--overwrite" in result.output) == (2, True)


def test_command_refuses_bad_settings_before_it_starts(run: Callable, tmp_path: Path):
    (tmp_path / "mill.txt").write_text(TEXT, encoding="utf-8")
    for settings, message in [
        (("--of", "letters"), "words, sentences, features"),
        (("--method", "guess"), "shap, lime"),
        (("--output", "mill.txt"), "among the inputs"),
        (("--model", "nowhere"), "nowhere"),
    ]:
        result = run("mill.txt", *settings)
        assert result.exit_code == 2
        assert message in result.output

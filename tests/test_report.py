"""The report, on a pipeline that takes the longest sentences and scores that are done by hand."""

import json
from pathlib import Path

import pytest
import spacy
from matplotlib.image import imread
from spacy.util import registry
from thinc.api import Model
from typer import Typer
from typer.testing import CliRunner, Result

from scripts.evaluation import Result as Scored
from scripts.evaluation import average, compare
from scripts.report.__main__ import main
from scripts.report.numbers import count_positions
from scripts.report.training import read_log

app = Typer()
app.command()(main)

BRIDGE = {
    "id": "bridge",
    "lang": "en",
    "set": "news.en",
    "text": "It rained. The bridge opens on Monday after repairs. Cats sleep.",
    "summary": "The bridge opens on Monday.",
}
RAIN = {
    "id": "rain",
    "lang": "en",
    "set": "news.en",
    "text": "Rain fell. Rain fell again and nobody in the valley came.",
    "summary": "Rain fell.",
}
PONT = {
    "id": "pont",
    "lang": "fr",
    "set": "news.fr",
    "text": "Le pont ouvre lundi. Il a plu.",
    "summary": "Le pont ouvre lundi.",
}
# Tokens 7 and 5 with 5 in common, bigrams 6 and 4 with 4 in common.
MODEL_BRIDGE = 100 * (2 * 5 / 12 + 2 * 4 / 10 + 2 * 5 / 12) / 3
# Tokens 9 and 2 with 2 in common, bigrams 8 and 1 with 1 in common.
MODEL_RAIN = 100 * (2 * 2 / 11 + 2 * 1 / 9 + 2 * 2 / 11) / 3


@registry.architectures("test_report.Length.v1")
def build_length():
    def forward(model, docs, is_train):
        return [model.ops.asarray1f([len(s.text) / 50 for s in doc.sents]) for doc in docs], None

    return Model("length", forward)


def save_pipeline(path: Path, trained: bool = False, **settings: object) -> Path:
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    model = {"@architectures": "test_report.Length.v1"}
    config = {"model": model, "summary_attr": "gist", "scores_attr": "gist_scores", **settings}
    nlp.add_pipe("bertsum", name="gist", config=config)
    if trained:
        nlp.meta["performance"] = {"rouge_1": 0.5}
    nlp.to_disk(path)
    return path


@pytest.fixture
def run(tmp_path: Path):
    """Write a report on documents: run([BRIDGE, RAIN], "--trained-on", "en")."""

    def run(documents: list[dict], *arguments: object, **settings: object) -> Result:
        test = tmp_path / "test.jsonl"
        test.write_text("\n".join(map(json.dumps, documents)), encoding="utf-8")
        model = save_pipeline(tmp_path / "model", **settings)
        command = [model, test, tmp_path / "report", *arguments]
        return CliRunner().invoke(app, [str(argument) for argument in command])

    return run


def read_report(tmp_path: Path) -> tuple[dict, str]:
    folder = tmp_path / "report"
    numbers = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return numbers, (folder / "report.md").read_text(encoding="utf-8")


def has_drawing(path: Path) -> bool:
    """Whether an image is of some size and has ink of several colors on it."""
    pixels = imread(path)[:, :, :3]
    inked = pixels[(pixels < 0.95).any(axis=2)]
    saturated = inked.max(axis=1) - inked.min(axis=1) > 0.3
    return pixels.shape[1] > 1000 and len(inked) > 3000 and saturated.sum() > 200


def test_numbers(run, tmp_path: Path):
    result = run([BRIDGE, PONT, RAIN], "--trained-on", "en", "--title", "Bridges")
    assert result.exit_code == 0, result.output
    numbers, page = read_report(tmp_path)
    english, french = numbers["languages"]
    scores = english["sentences"]
    assert english["name"] == "en"
    assert english["documents"] == 2
    assert english["n_sents"] == 1
    assert scores["lead"]["mean"] == pytest.approx((0 + 100) / 2)
    assert scores["model"]["mean"] == pytest.approx((MODEL_BRIDGE + MODEL_RAIN) / 2)
    assert scores["model"]["rouge_2"] == pytest.approx(100 * (8 / 10 + 2 / 9) / 2)
    assert scores["oracle"]["mean"] == pytest.approx((MODEL_BRIDGE + 100) / 2)
    difference = (MODEL_BRIDGE + MODEL_RAIN) / 2 - 50
    assert scores["difference"]["mean"] == pytest.approx(difference)
    assert scores["closed"] == pytest.approx(difference / ((MODEL_BRIDGE + 100) / 2 - 50))
    # The model chooses one right and one wrong sentence.
    assert english["sents"]["model"] == pytest.approx({"p": 0.5, "r": 0.5, "f": 0.5})
    [mean] = numbers["means"]
    assert mean["sentences"]["lead"]["mean"] == pytest.approx((50 + 100) / 2)
    assert mean["documents"] == 3
    assert french["zero_shot"] and not english["zero_shot"]

    assert page.startswith("# Bridges\n")
    assert "| fr (zero-shot) | 1 | 1 | 100.0 (100.0–100.0) | 100.0 (100.0–100.0) |" in page
    assert "| en | 2 | 1 | 50.0 (0.0–100.0) | 56.9 (31.6–82.2) |" in page
    assert "**Few documents.** Fewer than 30 in en (2), fr (1)." in page
    assert "**Zero-shot**: fr" in page
    assert "the mean of the references in the language" in page
    assert "By language, it can't be told apart from LEAD in en, fr." in page
    assert numbers["documents"][0]["id"] == "bridge"
    assert numbers["documents"][0]["chosen"] == {"lead": [0], "model": [1], "oracle": [1]}


def test_same_number_of_characters(run, tmp_path: Path):
    run([BRIDGE])
    scores = read_report(tmp_path)[0]["languages"][0]["characters"]
    # 27 characters: "The bridge opens on Monday ", and for LEAD "It rained. The bridge opens".
    assert scores["model"]["mean"] == pytest.approx(100)
    assert scores["lead"]["rouge_1"] == pytest.approx(100 * 2 * 3 / (5 + 5))


def test_intervals_contain_the_means(run, tmp_path: Path):
    run([BRIDGE, RAIN, PONT, {**PONT, "summary": "Il a plu."}])
    numbers, _ = read_report(tmp_path)
    for row in [*numbers["languages"], *numbers["means"]]:
        for way in ("sentences", "characters"):
            for cell in ("lead", "model", "oracle", "difference"):
                interval = row[way][cell]
                assert interval["low"] <= interval["mean"] + 1e-9
                assert interval["mean"] <= interval["high"] + 1e-9


def make_result(lead: float, model: float, oracle: float = 100.0) -> Scored:
    scores = {
        system: dict.fromkeys(("rouge_1", "rouge_2", "rouge_l"), score)
        for system, score in {"lead": lead, "model": model, "oracle": oracle}.items()
    }
    return Scored("", "en", 10, {}, [], {"sentences": scores})


def test_interval_of_the_difference_is_paired():
    # Documents differ far more from one another than the systems do on each.
    results = [make_result(score, score + 1) for score in (5, 20, 35, 50, 65, 80)]
    scores = compare(results, "sentences")
    assert scores.difference == pytest.approx(1)
    assert scores.difference_interval == pytest.approx((1, 1))
    low, high = scores.intervals[0]
    assert high - low > 20


def test_interval_covers_what_it_says():
    """The interval of the mean of 100 documents is that of the normal distribution."""
    results = [make_result(score, 0) for score in range(100)]
    low, high = compare(results, "sentences").intervals[0]
    half = 1.96 * 28.9 / 10
    assert low == pytest.approx(49.5 - half, abs=1)
    assert high == pytest.approx(49.5 + half, abs=1)


def test_one_document_decides_nothing():
    results = [make_result(20, 20) for _ in range(99)] + [make_result(20, 60)]
    assert compare(results, "sentences").difference_interval[0] == 0


def test_mean_over_groups_is_surer_than_each():
    groups = [[make_result(score, 0) for score in range(0, 100, 10)] for _ in range(4)]
    scores = [compare(group, "sentences", group=str(i)) for i, group in enumerate(groups)]
    (low, high), (mean_low, mean_high) = scores[0].intervals[0], average(scores).intervals[0]
    assert mean_high - mean_low == pytest.approx((high - low) / 2, rel=0.2)


def test_number_of_sentences_is_that_of_the_pipeline(run, tmp_path: Path):
    run([BRIDGE], n_sents=2)
    numbers, page = read_report(tmp_path)
    assert numbers["languages"][0]["n_sents"] == 2
    assert numbers["documents"][0]["chosen"]["model"] == [1, 2]
    assert "the pipeline's own setting `n_sents`" in page
    assert "| `components.gist.n_sents` | `2` |" in page


def test_settings_of_the_training(run, tmp_path: Path):
    run([BRIDGE])
    assert "`training.dropout`" not in read_report(tmp_path)[1]
    run([BRIDGE], trained=True)
    page = read_report(tmp_path)[1]
    assert "| `training.dropout` | `0.1` |" in page
    assert "| `training.seed` | `0` |" in page


def test_other_settings_of_the_pipeline_hold(run, tmp_path: Path):
    text = "Rain fell on the old town. Rain fell on the old mill too. Cats sleep."
    run([{**RAIN, "text": text}], n_sents=2, block_ngrams=3)
    # Both of the longest would share trigrams.
    assert read_report(tmp_path)[0]["documents"][0]["chosen"]["model"] == [1, 2]


def test_labels_are_the_gold_sentences(run, tmp_path: Path):
    labelled = {**BRIDGE, "sents": ["It rained.", BRIDGE["text"][11:]], "labels": [1, 0]}
    only_labels = {key: value for key, value in labelled.items() if key != "summary"}
    nothing = {**only_labels, "labels": [0, 0]}
    run([labelled, only_labels, nothing])
    numbers, page = read_report(tmp_path)
    assert [doc["gold"] for doc in numbers["documents"]] == [[0], [0]]
    assert numbers["languages"][0]["sents"]["lead"]["f"] == 1
    assert numbers["languages"][0]["sents"]["model"]["f"] == 0
    # The gold sentence is the reference where there is no other.
    assert numbers["documents"][1]["scores"]["sentences"]["lead"]["rouge_1"] == 100
    assert "1 more had no reference" in page


def test_plots(run, tmp_path: Path):
    log = write_log(tmp_path)
    run([BRIDGE, PONT], "--train-log", log)
    _, page = read_report(tmp_path)
    for name in ("training.png", "languages.png", "positions.png"):
        assert f"({name})" in page
        assert has_drawing(tmp_path / "report" / name)
    assert "the model kept is that of step 20" in page


def write_log(folder: Path) -> Path:
    rows = [(0, 0.7, 20.0), (10, 6.0, 30.0), (20, 9.0, 31.0), (20, 5.0, 35.0), (30, 4.0, 33.0)]
    lines = [
        {
            "epoch": step // 20,
            "step": step,
            "losses": {"gist": loss, "tagger": 99.0},
            "scores": {"rouge_1": score, "rouge_2": score / 2},
            "score": score / 100,
        }
        for step, loss, score in rows
    ]
    path = folder / "log.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return path


def test_log_of_a_resumed_training(tmp_path: Path):
    rows = read_log(write_log(tmp_path), "gist", accumulate=2)
    assert [row["step"] for row in rows] == [0, 10, 20, 30]
    assert [row["loss"] for row in rows] == pytest.approx([0.35, 0.3, 0.25, 0.2])
    assert rows[2]["scores"]["rouge_1"] == 35
    assert rows[2]["score"] == pytest.approx(35)


def test_without_a_log(run, tmp_path: Path):
    run([BRIDGE], "--train-log", write_log(tmp_path))
    assert run([BRIDGE], "--train-log", tmp_path / "gone.jsonl").exit_code == 0
    _, page = read_report(tmp_path)
    assert "training.png" not in page
    assert "No training curve: there is no" in page
    assert not (tmp_path / "report" / "training.png").exists()
    run([BRIDGE])
    assert "no log was given (`--train-log`)" in read_report(tmp_path)[1]


def test_sets_are_shown_where_they_are_not_the_languages(run, tmp_path: Path):
    run([BRIDGE, PONT])
    assert "ROUGE by set" not in read_report(tmp_path)[1]
    run([BRIDGE, {**RAIN, "set": "forum.en"}, PONT])
    numbers, page = read_report(tmp_path)
    assert [row["name"] for row in numbers["sets"]] == ["forum.en", "news.en", "news.fr"]
    assert numbers["sets"][1]["sentences"]["model"]["mean"] == pytest.approx(MODEL_BRIDGE)
    assert "| forum.en | 1 |" in page


def test_language_is_found_where_it_is_not_given(run, tmp_path: Path):
    run([{key: value for key, value in BRIDGE.items() if key in ("text", "summary")}])
    assert [row["name"] for row in read_report(tmp_path)[0]["languages"]] == ["en"]


def test_metrics_of_spacy_evaluate(run, tmp_path: Path):
    scores = {"rouge_1": 0.5, "rouge_2": 0.25, "rouge_l": 0.4, "summary_f": None}
    metrics = tmp_path / "metrics.json"
    metrics.write_text(json.dumps({**scores, "summary_per_lang": {"en": scores}, "speed": 9.0}))
    run([BRIDGE], "--metrics", metrics)
    page = read_report(tmp_path)[1]
    assert "| **all** | 50.0 | 25.0 | 40.0 |  |  |  |" in page
    assert "| en | 50.0 | 25.0 | 40.0 |" in page


def test_positions_leave_no_gaps():
    def make(n_sents: int, **chosen: list[int]) -> Scored:
        return Scored("", "en", n_sents, {"lead": [0], "model": [0], **chosen}, [], {})

    shares = count_positions([make(3, oracle=[0, 1, 2]), make(100, oracle=[99])])
    assert sum(shares["oracle"]) == pytest.approx(1)
    assert shares["oracle"][0] == pytest.approx(0.3 / 4)
    assert shares["oracle"][9] == pytest.approx((0.3 + 1) / 4)
    # A third of a document is three tenths and a third of the fourth.
    assert shares["lead"] == pytest.approx([(0.3 + 1) / 2, 0.15, 0.15, 0.05, *[0] * 6])


def test_errors(run, tmp_path: Path):
    result = run([BRIDGE, {"text": "It rained."}])
    assert result.exit_code == 1
    assert "line 2: Expected a summary in the field 'summary'" in " ".join(result.output.split())
    log = tmp_path / "log.jsonl"
    log.write_text('{"loss": 1}', encoding="utf-8")
    result = run([BRIDGE], "--train-log", log)
    assert result.exit_code == 1
    assert "is no training log of a pipeline with 'gist'" in " ".join(result.output.split())
    result = run([])
    assert result.exit_code == 1
    assert "has no document with a summary" in " ".join(result.output.split())

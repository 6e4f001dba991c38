"""scripts/download.py, with rows in place of the hub."""

from pathlib import Path

import datasets
import pytest
import srsly
from typer.testing import CliRunner

from scripts import download

ROWS = [
    {"id": "a", "title": "One", "text": "It rains. We stay.", "summary": "Rain.", "url": "x"},
    {"id": "b", "title": "Two", "text": " ", "summary": "Nothing to read.", "url": "y"},
    {"id": "c", "title": "Three", "text": "Cats sleep.", "summary": "Cats.", "url": "z"},
]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    app = download.typer.Typer()
    app.command()(download.main)

    def run(*arguments: str):
        return CliRunner().invoke(app, [arguments[0], str(tmp_path), *arguments[1:]])

    monkeypatch.setattr(download, "open_split", lambda source, lang, split: iter(ROWS))
    return run


def test_writes_records_that_training_reads(run, tmp_path: Path):
    result = run("mlsum", "--languages", "tr")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"mlsum.tr.{split}.jsonl" for split in ("dev", "test", "train")
    ]
    records = list(srsly.read_jsonl(tmp_path / "mlsum.tr.train.jsonl"))
    assert [record["id"] for record in records] == ["mlsum-a", "mlsum-c"]
    assert records[0]["lang"] == "tr"
    assert records[0]["summary"] == "Rain."


def test_a_second_run_fetches_what_is_missing(run, tmp_path: Path, monkeypatch):
    asked = []
    (tmp_path / "xlsum.fr.train.jsonl").write_text("kept\n")

    def open_split(source, lang, split):
        asked.append(split)
        return iter(ROWS)

    monkeypatch.setattr(download, "open_split", open_split)
    assert run("xlsum", "--languages", "fr", "--limit", "1").exit_code == 0
    assert asked == ["dev", "test"]
    assert (tmp_path / "xlsum.fr.train.jsonl").read_text() == "kept\n"
    assert len(list(srsly.read_jsonl(tmp_path / "xlsum.fr.dev.jsonl"))) == 1


def test_no_network_is_a_message_and_no_half_file(run, tmp_path: Path, monkeypatch):
    def break_off(source, lang, split):
        yield ROWS[0]
        raise ConnectionError("unreachable")

    monkeypatch.setattr(download, "open_split", break_off)
    result = run("xlsum", "--languages", "fr")
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert not list(tmp_path.glob("*.jsonl"))


@pytest.mark.parametrize(
    "arguments", [("cnn_dailymail",), ("mlsum", "--languages", "de,xx")], ids=["corpus", "language"]
)
def test_unknown_names(run, arguments):
    result = run(*arguments)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)


def test_the_hub_is_asked_for_the_split_in_its_own_terms(monkeypatch):
    asked = {}
    monkeypatch.setattr(
        datasets, "load_dataset", lambda *args, **kwargs: asked.update(args=args, **kwargs)
    )
    download.open_split(download.SOURCES["xlsum"], "zh", "dev")
    assert asked["args"] == ("csebuetnlp/xlsum", "chinese_simplified")
    assert asked["split"] == "validation"

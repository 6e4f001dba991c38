"""From a data directory to a table of summaries in other languages."""

from pathlib import Path

import pytest
import spacy
import srsly
import typer
from typer.testing import CliRunner

from benchmarks.crosslingual import format_table, measure
from scripts.crosslingual import main

RUN = CliRunner()
TEXT = "The pool at Lake 7 reopens. It was shut for 4 years. Nobody swam there."
GERMAN = "Das Freibad am See 7 öffnet wieder. Es war 4 Jahre zu."


@pytest.fixture
def data(tmp_path: Path) -> Path:
    sets = tmp_path / "data" / "summarization"
    sets.mkdir(parents=True)
    for split in ("train", "val", "test"):
        record = {"id": "1", "text": TEXT, "meta": {"summary_en": "The pool reopens."}}
        for lang, summary in (("de", "Das Freibad öffnet wieder."), ("fr", "La piscine.")):
            path = sets / f"papers.en-{lang}.{split}.jsonl"
            srsly.write_jsonl(path, [{**record, "summary": summary}])
        page = {"id": "2", "text": GERMAN, "summary": "Freibad offen."}
        page["meta"] = {"summaries": {"en": "Pool 7 open.", "ko": "…"}}
        srsly.write_jsonl(sets / f"pages.de.{split}.jsonl", [page])
    pairs = tmp_path / "data" / "text" / "parallel"
    pairs.mkdir(parents=True)
    rows = "a\tThe pool is open.\tDas Bad ist offen.\na\tPool\tBad\na\tbroken line of text\n"
    (pairs / "en-de.tsv").write_text(rows, encoding="utf-8")
    (pairs / "en-ko.tsv").write_text("a\tThe pool is open.\t…\n", encoding="utf-8")
    return tmp_path / "data"


def prepare(data: Path, output: Path, *arguments: str):
    app = typer.Typer()
    app.command()(main)
    return RUN.invoke(app, [str(data), str(output), "--languages", "de,en", *arguments])


def test_documents_with_their_summaries(data: Path, tmp_path: Path):
    assert prepare(data, tmp_path / "out").exit_code == 0
    test = sorted(srsly.read_jsonl(tmp_path / "out" / "test.jsonl"), key=lambda r: r["set"])
    assert test == [
        {
            "set": "pages",
            "lang": "de",
            "text": GERMAN,
            "summaries": {"en": "Pool 7 open.", "de": "Freibad offen."},
        },
        {
            "set": "papers",
            "lang": "en",
            "text": TEXT,
            "summaries": {"de": "Das Freibad öffnet wieder.", "en": "The pool reopens."},
        },
    ]
    train = list(srsly.read_jsonl(tmp_path / "out" / "train.jsonl"))
    sentences = [(r["text"], r["summaries"]) for r in train if r["set"] == "parallel"]
    assert sorted(sentences, key=str) == [
        ("Das Bad ist offen.", {"en": "The pool is open."}),
        ("The pool is open.", {"de": "Das Bad ist offen."}),
    ]
    assert sum(r["set"] != "parallel" for r in train) == 4, "each twice"


def test_no_documents(data: Path, tmp_path: Path):
    for path in (data / "summarization").glob("*.test.jsonl"):
        path.unlink()
    result = prepare(data, tmp_path / "out")
    assert result.exit_code != 0
    assert "no cross-lingual documents for test" in result.output


def test_table_of_systems(data: Path, tmp_path: Path, checkpoints: dict[str, Path]):
    prepare(data, tmp_path / "out")
    records = list(srsly.read_jsonl(tmp_path / "out" / "test.jsonl"))
    nlp = spacy.blank("xx")
    nlp.add_pipe("multilingual_sentencizer")
    nlp.add_pipe("bertsum", config={"n_sents": 1})
    model = {
        "@architectures": "spacy-bertsum.EncoderDecoder.v1",
        "encoder": str(checkpoints["xlmr"]),
        "langs": ["de", "en"],
        "n_layers": 1,
        "n_heads": 2,
        "n_hidden": 32,
    }
    config = {"target_lang": "de", "model": model, "max_length": 8, "min_support": None}
    nlp.add_pipe("bertsum_abs", config=config)
    scores = measure(nlp, records)
    assert set(scores) == {("papers", "de"), ("pages", "en")}
    # "7" is in the lead, and in the reference of another language.
    assert scores["pages", "en"]["lead"][0] > 0
    assert scores["papers", "de"]["lead"] == [0.0]
    assert all(set(row) == {"lead", "extract", "oracle", "model"} for row in scores.values())
    lines = format_table(scores).splitlines()
    assert lines[0] == "| set | written | documents | lead | extract | oracle | model |"
    assert lines[2].startswith("| pages | en | 1 | ")

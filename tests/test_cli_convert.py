import json
import os
import signal
import subprocess
import sys
import time

import pytest
import spacy
from spacy.cli import app
from spacy.tokens import DocBin
from spacy.training import Corpus
from typer.testing import CliRunner

import spacy_bertsum.cli  # noqa: F401
from spacy_bertsum.cli import convert as convert_module
from spacy_bertsum.cli import parts as parts_module
from spacy_bertsum.cli.convert import Settings, convert
from spacy_bertsum.language import get_lang

HARBOR = (
    "The harbor froze over in January. Crews worked for nine days with two icebreakers. A cat was "
    "found on the ice. Ships have sailed again since Sunday."
)


def record(i):
    return {
        "text": f"Report {i} begins here. It has {i * i} pages and a map. Few people read it.",
        "summary": f"It has {i * i} pages.",
        "lang": "en" if i % 3 else "fi",
    }


def write(path, records):
    lines = [r if isinstance(r, str) else json.dumps(r, ensure_ascii=False) for r in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read(path):
    """The documents of a file or a directory, as training gets them."""
    nlp = spacy.blank("xx")
    return [example.reference for example in Corpus(path)(nlp)]


def content(path):
    if path.is_file():
        return path.read_bytes()
    return {file.name: file.read_bytes() for file in path.iterdir()}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command in an empty directory, in one process unless it says otherwise."""
    monkeypatch.chdir(tmp_path)

    def invoke(*args):
        return CliRunner().invoke(app, ["bertsum", "convert", "-n", "1", *map(str, args)])

    return invoke


@pytest.fixture
def small(monkeypatch):
    """Parts of four documents, of which two parts are merged at most."""
    monkeypatch.setattr(convert_module, "BLOCK_ROWS", 4)
    monkeypatch.setattr(parts_module, "MAX_MERGED", 8)


def test_documents(run, tmp_path):
    references = ["Ships have sailed again.", "Two icebreakers worked for nine days."]
    sents = ["The harbor froze over in January.", "Ships have sailed again since Sunday."]
    records = [
        {"text": HARBOR, "summary": references, "lang": "en"},
        {"text": HARBOR, "sents": sents, "labels": [1, 0]},
        {"text": "港口结冰了。船只周日重新航行。", "summary": "船只重新航行。"},
    ]
    write(tmp_path / "in.jsonl", records)
    result = run("in.jsonl", "new/out.spacy")
    assert result.exit_code == 0, result.output
    first, second, third = read(tmp_path / "new" / "out.spacy")
    assert len(list(first.sents)) == 4
    assert [span.text for span in first.spans["summary"]] == [sents[1]]
    assert list(first._.summary) == references
    assert [span.text for span in second.spans["summary"]] == [sents[0]]
    assert [span.text for span in third.spans["summary"]] == ["船只周日重新航行。"]
    assert [get_lang(doc) for doc in (first, second, third)] == ["en", "en", "zh"]
    assert "Documents: 3" in result.stderr
    assert "Languages: en 2, zh 1" in result.stderr
    assert os.listdir(tmp_path / "new") == ["out.spacy"]


def test_tokens_are_those_of_the_training_configs(run, tmp_path):
    text = "东京的港口 opened at 9 a.m. on the 3rd…Dr. Who?!她说。"
    write(tmp_path / "in.jsonl", [{"text": text, "summary": "港口"}])
    run("in.jsonl", "out.spacy", "--lang", "en")
    tokenizer = {"@tokenizers": "spacy-bertsum.MultilingualTokenizer.v1"}
    nlp = spacy.blank("xx", config={"nlp": {"tokenizer": tokenizer}})
    [example] = Corpus(tmp_path / "out.spacy")(nlp)
    assert [t.text for t in example.predicted] == [t.text for t in example.reference]


def test_language_of_the_record_goes_before_the_option(run, tmp_path):
    write(tmp_path / "in.jsonl", [{"text": HARBOR, "summary": "Ice.", "lang": "sco"}, record(1)])
    write(tmp_path / "more.jsonl", [{"text": HARBOR, "summary": "Ice."}])
    run("in.jsonl", "in.spacy", "--lang", "fr")
    run("more.jsonl", "more.spacy", "--lang", "fr")
    assert [get_lang(doc) for doc in read(tmp_path / "in.spacy")] == ["sco", "en"]
    assert [get_lang(doc) for doc in read(tmp_path / "more.spacy")] == ["fr"]


def test_fields_limit_and_max_sents(run, tmp_path):
    summary = "Crews worked nine days with icebreakers, and ships sailed again since Sunday."
    write(tmp_path / "in.jsonl", [{"body": HARBOR, "gist": summary}] * 5)
    options = ["--text-field", "body", "--summary-field", "gist", "--limit", "2"]
    run("in.jsonl", "all.spacy", *options)
    run("in.jsonl", "one.spacy", *options, "--max-sents", "1")
    n_gold = [
        [len(doc.spans["summary"]) for doc in read(tmp_path / f"{name}.spacy")]
        for name in ("all", "one")
    ]
    assert n_gold == [[2, 2], [1, 1]]


def test_csv_and_parquet_give_what_jsonl_gives(run, tmp_path):
    import pandas

    write(tmp_path / "in.jsonl", map(record, range(5)))
    table = pandas.DataFrame(map(record, range(5)))
    table.to_csv(tmp_path / "in.csv", index=False)
    table.to_parquet(tmp_path / "in.parquet")
    for suffix in ("jsonl", "csv", "parquet"):
        assert run(f"in.{suffix}", f"{suffix}.spacy").exit_code == 0
    expected = content(tmp_path / "jsonl.spacy")
    assert content(tmp_path / "csv.spacy") == content(tmp_path / "parquet.spacy") == expected


def test_bad_records_are_reported_and_passed_over(run, tmp_path):
    lines = [record(0), "{", "", {"text": "A."}, {"text": " ", "summary": "B."}, record(1)]
    write(tmp_path / "in.jsonl", lines)
    result = run("in.jsonl", "out.spacy")
    assert result.exit_code == 1
    assert "in.jsonl:2: Not JSON" in result.stderr
    assert "in.jsonl:4: Expected a summary" in result.stderr
    assert "in.jsonl:5: 'text' is empty" in result.stderr
    assert "Bad records passed over: 3" in result.stderr
    assert [doc.text for doc in read(tmp_path / "out.spacy")] == [
        record(0)["text"],
        record(1)["text"],
    ]


def test_stop_at_the_first_bad_record(run, tmp_path, small):
    write(tmp_path / "in.jsonl", [*map(record, range(6)), "{", "}"])
    result = run("in.jsonl", "out.spacy", "--on-error", "fail")
    assert result.exit_code == 1
    assert "in.jsonl:7: Not JSON" in result.stderr
    assert "in.jsonl:8" not in result.stderr
    assert "--on-error report" in result.stderr
    assert not (tmp_path / "out.spacy").exists()


def test_text_that_is_too_long(run, tmp_path, monkeypatch):
    monkeypatch.setattr(convert_module._make_nlp(), "max_length", 100)
    write(tmp_path / "in.jsonl", [{"text": HARBOR, "summary": "Ice."}, record(1)])
    result = run("in.jsonl", "out.spacy")
    assert "in.jsonl:1: ValueError: The text has" in result.stderr
    assert len(read(tmp_path / "out.spacy")) == 1


def test_unrelated_summaries_are_counted(run, tmp_path):
    write(tmp_path / "in.jsonl", [record(1), {"text": HARBOR, "summary": "Völlig anders"}])
    result = run("in.jsonl", "out.spacy")
    assert result.exit_code == 0
    assert "learns nothing: 1." in result.stderr
    assert ["summary" in doc.spans for doc in read(tmp_path / "out.spacy")] == [True, False]


def test_nothing_to_convert(run, tmp_path):
    write(tmp_path / "in.jsonl", ["{}", "{}"])
    result = run("in.jsonl", "out.spacy")
    assert (result.exit_code, "no record that can be used" in result.stderr) == (2, True)
    assert os.listdir(tmp_path) == ["in.jsonl"]


@pytest.mark.parametrize(
    "args, reason",
    [
        (["in.jsonl", "out.json"], "must end in .spacy"),
        (["no.jsonl", "out.spacy"], "does not exist"),
        (["in.txt", "out.spacy"], "must end in .jsonl"),
        (["in.csv", "out.spacy"], "has no column 'text'"),
        (["in.jsonl", "other.spacy"], "with other files"),
    ],
)
def test_bad_arguments(run, tmp_path, args, reason):
    write(tmp_path / "in.jsonl", [record(1)])
    (tmp_path / "in.txt").write_text("A.")
    (tmp_path / "in.csv").write_text("a,b\n1,2\n")
    (tmp_path / "other.spacy").mkdir()
    (tmp_path / "other.spacy" / "thesis.doc").touch()
    before = sorted(os.listdir(tmp_path))
    result = run(*args, "--overwrite")
    assert result.exit_code == 2
    assert reason in " ".join(result.stderr.split())
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.slow
@pytest.mark.parametrize("n_docs", [7, 20])
def test_output_is_the_same_whatever_the_number_of_processes(tmp_path, small, n_docs):
    source = write(tmp_path / "in.jsonl", [*map(record, range(n_docs)), "bad"])
    outputs = [tmp_path / f"{n}.spacy" for n in (1, 2)]
    counts = [convert(source, path, n_process=n) for n, path in enumerate(outputs, start=1)]
    assert counts[0] == counts[1]
    assert counts[0]["bad"] == 1
    assert content(outputs[0]) == content(outputs[1])
    assert outputs[0].is_dir() == (n_docs == 20)


def test_many_documents_become_a_directory_that_spacy_reads(run, tmp_path, small):
    write(tmp_path / "in.jsonl", map(record, range(10)))
    result = run("in.jsonl", "out.spacy")
    assert "a directory of 3 files" in result.stderr
    assert sorted(content(tmp_path / "out.spacy")) == [f"{i:06}.spacy" for i in range(3)]
    assert [doc.text for doc in read(tmp_path / "out.spacy")] == [
        record(i)["text"] for i in range(10)
    ]
    assert sorted(os.listdir(tmp_path)) == ["in.jsonl", "out.spacy"]


def test_output_that_exists_is_replaced_only_on_demand(run, tmp_path, small):
    for n_docs in (10, 3, 12):  # a directory, a file, a directory
        write(tmp_path / "in.jsonl", map(record, range(n_docs)))
        if n_docs != 10:
            result = run("in.jsonl", "out.spacy")
            assert (result.exit_code, "--overwrite replaces it" in result.stderr) == (2, True)
        assert run("in.jsonl", "out.spacy", "--overwrite").exit_code == 0
        assert len(read(tmp_path / "out.spacy")) == n_docs


@pytest.fixture
def stopped(tmp_path, monkeypatch, small):
    """A conversion that was stopped in its third part: its input, its output."""
    source = write(
        tmp_path / "in.jsonl", [*map(record, range(5)), "bad", *map(record, range(6, 14))]
    )
    output = tmp_path / "out.spacy"
    make_doc = convert_module._make_gold_doc

    def stop(nlp, row, settings):
        if row.number == 10:
            raise KeyboardInterrupt
        return make_doc(nlp, row, settings)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(convert_module, "_make_gold_doc", stop)
        convert(source, output)
    assert not output.exists()
    return source, output


def test_second_run_goes_on(stopped, tmp_path, monkeypatch, capsys):
    source, output = stopped
    whole = convert(source, tmp_path / "whole.spacy")
    capsys.readouterr()
    make_doc = convert_module._make_gold_doc
    made = []
    monkeypatch.setattr(
        convert_module,
        "_make_gold_doc",
        lambda nlp, row, settings: made.append(row.number) or make_doc(nlp, row, settings),
    )
    assert convert(source, output) == whole
    assert made == list(range(9, 15))
    assert content(output) == content(tmp_path / "whole.spacy")
    assert "in.jsonl:6: Not JSON" in capsys.readouterr().err
    assert not output.with_name("out.spacy.parts").exists()


def test_second_run_with_another_input_or_other_settings(stopped):
    source, output = stopped
    with pytest.raises(ValueError, match=r"other settings .* --overwrite starts afresh"):
        convert(source, output, Settings(max_sents=1))
    write(source, map(record, range(3)))
    with pytest.raises(ValueError, match="an input that has changed"):
        convert(source, output)
    assert convert(source, output, overwrite=True)["documents"] == 3
    assert len(read(output)) == 3


@pytest.mark.slow
def test_killed_command_goes_on(tmp_path):
    source = write(tmp_path / "in.jsonl", map(record, range(1200)))
    output, parts = tmp_path / "out.spacy", tmp_path / "out.spacy.parts"
    command = [sys.executable, "-m", "spacy", "bertsum", "convert", str(source)]
    with subprocess.Popen([*command, str(output), "-n", "2"], stderr=subprocess.PIPE) as process:
        while not list(parts.glob("00*.json")):
            assert process.poll() is None
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.stderr.read()  # ends when the last worker has gone, too
    assert not output.exists()
    assert 0 < len(list(parts.glob("*.json"))) - 1 < 3
    subprocess.run([*command, str(output), "-n", "2"], check=True, stderr=subprocess.PIPE)
    convert(source, tmp_path / "whole.spacy")
    assert content(output) == content(tmp_path / "whole.spacy")
    assert len(DocBin().from_disk(output)) == 1200

import io
import json
import re
import shutil
import subprocess
import sys

import pytest
import spacy
from spacy.cli import app
from spacy.util import registry
from thinc.api import Model
from typer.testing import CliRunner

import spacy_bertsum.cli  # noqa: F401
from spacy_bertsum.cli import summarize as summarize_module
from spacy_bertsum.cli.pipelines import make_doc
from spacy_bertsum.cli.results import Results

GARDEN = (
    "The garden opened in June. Volunteers planted ninety fruit trees along the old canal wall "
    "and dug two ponds. It rained. The city pays for the water during the first three summers. "
    "Nobody complained."
)
PLANTED = (
    "Volunteers planted ninety fruit trees along the old canal wall and dug two ponds. "
    "The city pays for the water during the first three summers."
)


@registry.architectures("test_cli_summarize.Length.v1")
def build_length():
    """The longer a sentence, the more important."""

    def forward(model, docs, is_train):
        if any("unspeakable" in doc.text for doc in docs):
            raise RuntimeError("something unspeakable")
        return [model.ops.asarray1f([len(s.text) / 50 for s in doc.sents]) for doc in docs], None

    return Model("length", forward)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A pipeline whose component has a name and attributes of its own."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    config = {
        "model": {"@architectures": "test_cli_summarize.Length.v1"},
        "n_sents": 2,
        "spans_key": "gist",
        "summary_attr": "gist",
        "scores_attr": "gist_scores",
    }
    nlp.add_pipe("bertsum", name="gist", config=config)
    path = tmp_path_factory.mktemp("pipeline")
    nlp.to_disk(path)
    return path


@pytest.fixture
def run(model, tmp_path, monkeypatch):
    """Run the command in an empty directory: run("a.txt", "-n", 3), by default with `model`."""
    monkeypatch.chdir(tmp_path)

    def invoke(*args, use_model=model, stdin=None, charset="utf-8"):
        args = ["bertsum", "summarize", *map(str, args)]
        if use_model is not None:
            args += ["--model", str(use_model)]
        return CliRunner(charset=charset).invoke(app, args, input=stdin)

    return invoke


def write(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_command_is_plugged_into_spacy():
    command = [sys.executable, "-m", "spacy", "bertsum"]
    listing = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    assert "summarize" in listing.stdout
    code = "import sys, spacy_bertsum.cli; sys.exit('transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_screen_that_lacks_characters(run, tmp_path):
    (tmp_path / "a.txt").write_text("Ponds: 池塘.", encoding="utf-8")
    result = run("a.txt", charset="ascii")
    assert (result.exit_code, "Ponds: ??." in result.stdout) == (0, True)


def test_text_file_on_screen(run, tmp_path):
    (tmp_path / "garden.txt").write_text(GARDEN, encoding="utf-8")
    result = run("garden.txt")
    assert result.exit_code == 0
    assert result.stdout == f"garden.txt: en, 2 of 5 sentences\n{PLANTED}\n\n"
    assert "Documents summarized: 1" in result.stderr


def test_output_record(run, tmp_path):
    (tmp_path / "garden.md").write_text(GARDEN, encoding="utf-8")
    result = run("garden.md", "-o", "new/out.jsonl", "--all-scores")
    assert (result.exit_code, result.stdout) == (0, "")
    [record] = read(tmp_path / "new" / "out.jsonl")
    assert (record["source"], record["line"], record["id"]) == ("garden.md", None, None)
    assert record["summary"] == PLANTED
    assert record["n_sents"] == len(record["scores"]) == 5
    assert [GARDEN[s["start"] : s["end"]] for s in record["sentences"]] == [
        s["text"] for s in record["sentences"]
    ]
    assert " ".join(s["text"] for s in record["sentences"]) == PLANTED
    assert [s["score"] for s in record["sentences"]] == [record["scores"][1], record["scores"][3]]
    assert all(0 < score < 1 for score in record["scores"])


def test_no_scores_of_all_sentences_unless_asked_for(run, tmp_path):
    (tmp_path / "garden.txt").write_text(GARDEN, encoding="utf-8")
    run("garden.txt", "-o", "out.jsonl")
    assert "scores" not in read(tmp_path / "out.jsonl")[0]


def test_jsonl_records(run, tmp_path):
    write(
        tmp_path / "in.jsonl",
        {"text": "One two three. Four.", "id": "a7", "lang": "en", "author": "someone"},
        {"text": "Five. Six seven eight.", "id": 12},
        {"text": "Nine ten."},
    )
    run("in.jsonl", "-n", 1, "-o", "out.jsonl")
    records = read(tmp_path / "out.jsonl")
    assert [r["summary"] for r in records] == ["One two three.", "Six seven eight.", "Nine ten."]
    assert [r["line"] for r in records] == [1, 2, 3]
    assert [r["id"] for r in records] == ["a7", 12, None]
    assert records[0]["lang"] == "en"


def test_text_field(run, tmp_path):
    write(tmp_path / "in.jsonl", {"text": "No.", "body": "Yes."})
    assert "Yes." in run("in.jsonl", "--text-field", "body").stdout


def test_directory_is_read_recursively_and_sorted(run, tmp_path):
    corpus = tmp_path / "corpus"
    for name in ("b.txt", "a/z.TXT", ".hidden/c.txt", "image.png"):
        (corpus / name).parent.mkdir(parents=True, exist_ok=True)
        (corpus / name).write_text(f"{name} here.", encoding="utf-8")
    write(corpus / "a" / "y.jsonl", {"text": "One."}, {"text": "Two."})
    # A file named beside its directory is read once, and an output file inside never.
    result = run("corpus", "corpus/b.txt", "-o", "corpus/out.jsonl")
    again = run("corpus", "-o", "corpus/out.jsonl")
    assert result.exit_code == again.exit_code == 0
    sources = [record["source"].replace("\\", "/") for record in read(corpus / "out.jsonl")]
    assert sources == ["corpus/a/y.jsonl", "corpus/a/y.jsonl", "corpus/a/z.TXT", "corpus/b.txt"]


def test_standard_input(run):
    assert run("-", stdin=GARDEN).stdout.startswith("-: en, 2 of 5 sentences\nVolunteers")
    lines = '{"text": "One."}\n\n{"text": "Two.", "id": "x"}\n'
    assert run("-", "--jsonl", stdin=lines).stdout == (
        "-:1: en, 1 of 1 sentences\nOne.\n\n-:3 (x): en, 1 of 1 sentences\nTwo.\n\n"
    )


def test_standard_input_is_never_taken_for_done(run, tmp_path):
    run("-", "-o", "out.jsonl", stdin="One.")
    run("-", "-o", "out.jsonl", stdin="Two.")
    assert [record["summary"] for record in read(tmp_path / "out.jsonl")] == ["One.", "Two."]


@pytest.mark.parametrize("text", ["", " \n\n "])
def test_empty_document(run, tmp_path, text):
    (tmp_path / "empty.txt").write_text(text, encoding="utf-8")
    assert run("empty.txt", "-o", "out.jsonl").exit_code == 0
    [record] = read(tmp_path / "out.jsonl")
    assert (record["summary"], record["sentences"]) == ("", [])


def test_byte_order_mark_and_line_ends(run, tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeffÄpfel fallen.\r\nBirnen auch.".encode())
    line = json.dumps({"text": "Süß."}, ensure_ascii=False)
    (tmp_path / "b.jsonl").write_bytes(f"\ufeff{line}\r\n".encode())
    run("a.txt", "b.jsonl", "-o", "out.jsonl")
    first, second = read(tmp_path / "out.jsonl")
    assert first["sentences"][0] == {**first["sentences"][0], "start": 0, "text": "Äpfel fallen."}
    assert second["summary"] == "Süß."


@pytest.mark.parametrize(
    "options, expected",
    [
        (["-n", "1"], 1),
        (["--ratio", "0.6"], 3),
        (["--max-words", "14"], 1),
        (["--max-chars", "100"], 2),
        (["--threshold", "0.7"], 2),
        (["-n", "9"], 5),
    ],
)
def test_limits_replace_those_of_the_pipeline(run, tmp_path, options, expected):
    (tmp_path / "garden.txt").write_text(GARDEN, encoding="utf-8")
    run("garden.txt", *options, "-o", "out.jsonl")
    assert len(read(tmp_path / "out.jsonl")[0]["sentences"]) == expected


def test_batches_keep_the_order(run, tmp_path, monkeypatch):
    monkeypatch.setattr(summarize_module, "MAX_BATCH_CHARS", 200)
    lengths = [1, 90, 3, 1, 1, 40, 2, 1]
    write(tmp_path / "in.jsonl", *({"text": "So it is. " * n} for n in lengths))
    run("in.jsonl", "-o", "out.jsonl", "--batch-size", 3)
    assert [record["n_sents"] for record in read(tmp_path / "out.jsonl")] == lengths


def test_resume_after_a_cut_last_line(run, tmp_path):
    write(tmp_path / "in.jsonl", *({"text": f"Number {n}.", "id": n} for n in range(9)))
    run("in.jsonl", "-o", "out.jsonl")
    out = tmp_path / "out.jsonl"
    whole = out.read_bytes()
    for cut in (1, 30, len(whole) // 2, len(whole) - 4, len(whole) - 20):
        out.write_bytes(whole[:-cut])
        result = run("in.jsonl", "-o", "out.jsonl")
        assert result.exit_code == 0
        assert out.read_bytes() == whole
    assert "Documents summarized: 9" in result.stderr
    result = run("in.jsonl", "-o", "out.jsonl")
    assert "Documents summarized: 0, skipped: 9" in result.stderr
    assert out.read_bytes() == whole


def test_resume_takes_up_what_failed_and_what_is_new(run, tmp_path):
    write(tmp_path / "in.jsonl", {"text": "One."}, {"txt": "Two."})
    assert run("in.jsonl", "-o", "out.jsonl").exit_code == 1
    write(tmp_path / "in.jsonl", {"text": "One."}, {"text": "Two."}, {"text": "Three."})
    assert run("in.jsonl", "-o", "out.jsonl").exit_code == 0
    assert [r["summary"] for r in read(tmp_path / "out.jsonl")] == ["One.", "Two.", "Three."]


def test_documents_that_have_changed_are_summarized_again(run, tmp_path):
    write(tmp_path / "in.jsonl", {"text": "One."}, {"text": "Two."}, {"text": "Three."})
    run("in.jsonl", "-o", "out.jsonl")
    write(tmp_path / "in.jsonl", {"text": "One."}, {"text": "2."}, {"text": "Three.", "lang": "de"})
    result = run("in.jsonl", "-o", "out.jsonl")
    assert result.exit_code == 0
    assert "Documents summarized: 2, skipped: 1" in result.stderr
    records = read(tmp_path / "out.jsonl")
    assert [r["line"] for r in records] == [1, 2, 3]
    assert [r["summary"] for r in records] == ["One.", "2.", "Three."]
    assert [r["lang"] for r in records] == ["en", "en", "de"]
    assert list(tmp_path.glob("out*")) == [tmp_path / "out.jsonl"]


def test_changed_documents_after_a_process_was_killed(run, tmp_path, monkeypatch):
    write(tmp_path / "in.jsonl", {"text": "One."}, {"text": "Two."})
    run("in.jsonl", "-o", "out.jsonl")
    write(tmp_path / "in.jsonl", {"text": "1."}, {"text": "Two."})
    with monkeypatch.context() as killed:
        killed.setattr(Results, "_remove_replaced", lambda self: None)
        run("in.jsonl", "-o", "out.jsonl")
    assert len(read(tmp_path / "out.jsonl")) == 3
    assert "summarized: 0, skipped: 2" in run("in.jsonl", "-o", "out.jsonl").stderr
    assert [r["summary"] for r in read(tmp_path / "out.jsonl")] == ["Two.", "1."]


@pytest.mark.parametrize("options", [["-n", "1"], ["--lang", "de"], ["--all-scores"]])
def test_results_of_other_settings_are_refused(run, tmp_path, options):
    (tmp_path / "garden.txt").write_text(GARDEN, encoding="utf-8")
    run("garden.txt", "-o", "out.jsonl")
    before = (tmp_path / "out.jsonl").read_bytes()
    result = run("garden.txt", "-o", "out.jsonl", *options)
    assert (result.exit_code, (tmp_path / "out.jsonl").read_bytes()) == (2, before)
    message = " ".join(result.stderr.replace("│", " ").split())
    assert "other settings, another model" in message and "--overwrite" in message
    # What the pipeline is set to anyway, and the size of batches, change nothing.
    assert run("garden.txt", "-o", "out.jsonl", "-n", 2, "--batch-size", 1).exit_code == 0
    assert run("garden.txt", "-o", "out.jsonl", *options, "--overwrite").exit_code == 0
    assert (tmp_path / "out.jsonl").read_bytes() != before


def test_results_of_another_model_are_refused(run, model, tmp_path):
    (tmp_path / "garden.txt").write_text(GARDEN, encoding="utf-8")
    shutil.copytree(model, tmp_path / "copy")
    assert run("garden.txt", "-o", "out.jsonl").exit_code == 0
    assert run("garden.txt", "-o", "out.jsonl", use_model="copy").exit_code == 0
    nlp = spacy.load(tmp_path / "copy")
    nlp.get_pipe("sentencizer").punct_chars.add("^")
    nlp.to_disk(tmp_path / "copy")
    assert run("garden.txt", "-o", "out.jsonl", use_model="copy").exit_code == 2


def test_results_without_their_settings_are_refused(run, tmp_path):
    (tmp_path / "garden.txt").write_text(GARDEN, encoding="utf-8")
    run("garden.txt", "-o", "out.jsonl")
    [record] = read(tmp_path / "out.jsonl")
    del record["settings_hash"], record["document_hash"]
    text = json.dumps(record, separators=(",", ":")) + "\n"
    (tmp_path / "out.jsonl").write_text(text, encoding="utf-8")
    result = run("garden.txt", "-o", "out.jsonl")
    assert (result.exit_code, "--overwrite" in result.stderr) == (2, True)
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8") == text


def test_overwrite(run, tmp_path):
    (tmp_path / "garden.txt").write_text(GARDEN, encoding="utf-8")
    (tmp_path / "out.jsonl").write_text("Something else\n", encoding="utf-8")
    assert run("garden.txt", "-o", "out.jsonl", "--overwrite").exit_code == 0
    assert [record["source"] for record in read(tmp_path / "out.jsonl")] == ["garden.txt"]


@pytest.mark.parametrize("content", ["My diary", "My diary\n", '{"text": "One."}\n', "[]\n"])
def test_file_of_another_kind_is_not_touched(run, tmp_path, content):
    (tmp_path / "garden.txt").write_text(GARDEN, encoding="utf-8")
    (tmp_path / "diary").write_text(content, encoding="utf-8")
    result = run("garden.txt", "-o", "diary")
    assert result.exit_code == 2
    assert "--overwrite" in result.stderr
    assert (tmp_path / "diary").read_text(encoding="utf-8") == content


def test_output_must_not_be_an_input(run, tmp_path):
    write(tmp_path / "in.jsonl", {"text": "One."})
    result = run("in.jsonl", "-o", "./in.jsonl", "--overwrite")
    assert (result.exit_code, "among the inputs" in result.stderr) == (2, True)
    assert read(tmp_path / "in.jsonl") == [{"text": "One."}]


def test_query_says_what_the_summary_is_about(run, tmp_path):
    (tmp_path / "garden.txt").write_text(GARDEN, encoding="utf-8")
    for query, answer in (("Who pays?", "The city pays"), ("Teiche", "Volunteers planted")):
        result = run("garden.txt", "--query", query, "-n", 1, use_model=None)
        assert result.exit_code == 0
        assert result.stdout.splitlines()[1].startswith(answer)
    run("garden.txt", "-q", "Who pays?", "-o", "out.jsonl", "--all-scores", use_model=None)
    [record] = read(tmp_path / "out.jsonl")
    assert record["scores"].index(max(record["scores"])) == 3
    assert {sent["score"] for sent in record["sentences"]} < set(record["scores"])
    other = run("garden.txt", "-q", "Who drinks?", "-o", "out.jsonl", use_model=None)
    assert (other.exit_code, "made with other settings" in other.stderr) == (2, True)


@pytest.mark.parametrize("query, why", [(" ", "query must be a text"), ("Who?", "no encoder")])
def test_query_that_cannot_be_answered_is_refused_at_once(run, tmp_path, query, why):
    (tmp_path / "garden.txt").write_text(GARDEN, encoding="utf-8")
    result = run("garden.txt", "--query", query)
    assert (result.exit_code, result.stdout) == (2, "")
    assert why in " ".join(result.stderr.split())


def test_bad_lines_are_reported_and_the_rest_goes_on(run, tmp_path):
    bad = [b'{"text": "cut', b"[1, 2]", b'{"txt": "No."}', b'{"text": null}', b'"text"', b"\xff{}"]
    good = b'{"text": "Good."}'
    (tmp_path / "in.jsonl").write_bytes(b"\n".join([good, *bad, b"", good]))
    result = run("in.jsonl", "-o", "out.jsonl")
    assert result.exit_code == 1
    assert [record["line"] for record in read(tmp_path / "out.jsonl")] == [1, 9]
    for line in range(2, 8):
        assert f"in.jsonl:{line}: " in result.stderr
    assert "in.jsonl:4: Expected an object with a string in the field 'text'" in result.stderr
    assert "Documents summarized: 2, failed: 6" in result.stderr


def test_files_that_are_not_utf8_are_reported_and_the_rest_goes_on(run, tmp_path):
    (tmp_path / "a.txt").write_text("Good.", encoding="utf-8")
    (tmp_path / "b.txt").write_bytes("Überall Äpfel.".encode("latin-1"))
    (tmp_path / "c.txt").write_bytes("Wide.".encode("utf-16"))
    (tmp_path / "d.txt").write_text("Fine.", encoding="utf-8")
    result = run(".", "-o", "out.jsonl")
    assert result.exit_code == 1
    assert [record["summary"] for record in read(tmp_path / "out.jsonl")] == ["Good.", "Fine."]
    assert "b.txt: Not UTF-8" in result.stderr
    assert "c.txt: Not UTF-8" in result.stderr


def test_files_that_are_no_plain_text_are_reported_and_the_rest_goes_on(run, tmp_path):
    contents = {
        "page.html": b"\xef\xbb\xbf\n<!DOCTYPE html><p>One.</p>",
        "old.htm": b"<HTML lang=en><p>One.</p>",
        "paper.pdf": b"%PDF-1.7 One.",
        "letter.docx": b"PK\x03\x04One.",
        "letter.rtf": b"{\\rtf1 One.}",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "notes.md").write_text("<p>Good.", encoding="utf-8")
    result = run(*contents, "notes.md")
    assert result.exit_code == 1
    assert result.stdout.strip() == "notes.md: en, 1 of 1 sentences\n<p>Good."
    for name in contents:
        assert re.search(rf"{name}: .*, no plain text: extract the text first", result.stderr)
    assert "Documents summarized: 1, failed: 5" in result.stderr


def test_unreadable_file_is_reported_and_the_rest_goes_on(run, tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("Good.", encoding="utf-8")
    (tmp_path / "b.txt").write_text("Gone.", encoding="utf-8")
    from spacy_bertsum.cli import documents

    def open_file(path):
        if path.name == "b.txt":
            raise PermissionError(13, "Permission denied")
        return io.BytesIO(b"Good.")

    monkeypatch.setattr(documents, "_open", open_file)
    result = run("b.txt", "a.txt")
    assert result.exit_code == 1
    assert "b.txt: Permission denied" in result.stderr
    assert "Good." in result.stdout


def test_documents_that_fail_in_the_pipeline_are_reported_and_the_rest_goes_on(run, tmp_path):
    texts = ["One.", "Something unspeakable.", "Two.", "Half a pair: \ud83d.", "Three."]
    write(tmp_path / "in.jsonl", *({"text": text} for text in texts))
    result = run("in.jsonl", "-o", "out.jsonl")
    assert result.exit_code == 1
    assert [r["summary"] for r in read(tmp_path / "out.jsonl")] == ["One.", "Two.", "Three."]
    assert "in.jsonl:2: RuntimeError: something unspeakable" in result.stderr
    assert "in.jsonl:4: UnicodeEncodeError" in result.stderr


def test_long_document_passes_spacys_default_limit(run, tmp_path):
    write(tmp_path / "in.jsonl", {"text": "a" * 1_000_001})
    assert run("in.jsonl", "-o", "out.jsonl").exit_code == 0


def test_too_long_document_says_what_to_do():
    nlp = spacy.blank("en")
    nlp.max_length = 10
    with pytest.raises(ValueError, match=r"11 characters.*divide it"):
        make_doc(nlp, "a" * 11)


def test_missing_file_is_an_error_before_any_work(run, tmp_path):
    (tmp_path / "a.txt").write_text("Good.", encoding="utf-8")
    result = run("a.txt", "missing.txt", "-o", "out.jsonl", use_model="no_such_pipeline")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no file or directory 'missing.txt'" in result.stderr
    assert not (tmp_path / "out.jsonl").exists()


def test_directory_without_documents(run, tmp_path):
    (tmp_path / "empty").mkdir()
    result = run("empty")
    assert (result.exit_code, "no .jsonl or .txt files" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    "options, message",
    [
        (["--ratio", "2"], "ratio must be a number above 0 and up to 1, not 2.0"),
        (["-n", "0"], "n_sents must be an integer of at least 1, not 0"),
        (["--threshold", "-0.5"], "threshold must be a number from 0 to 1, not -0.5"),
        (["--batch-size", "0"], "--batch-size"),
    ],
)
def test_settings_out_of_range_are_errors_before_the_model_is_loaded(
    run, tmp_path, options, message
):
    (tmp_path / "a.txt").write_text("Good.", encoding="utf-8")
    result = run("a.txt", *options, use_model="no_such_pipeline")
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in " ".join(result.stderr.split())


def test_model_that_does_not_exist(run, tmp_path):
    (tmp_path / "a.txt").write_text("Good.", encoding="utf-8")
    result = run("a.txt", "-o", "out.jsonl", "--overwrite", use_model="no_such_pipeline")
    assert (result.exit_code, "no_such_pipeline" in result.stderr) == (2, True)
    assert not (tmp_path / "out.jsonl").exists()


def test_pipeline_without_bertsum(run, tmp_path):
    (tmp_path / "a.txt").write_text("Good.", encoding="utf-8")
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.to_disk(tmp_path / "pipeline")
    result = run("a.txt", use_model="pipeline")
    assert result.exit_code == 2
    assert "nlp.add_pipe('bertsum')" in result.stderr


def test_default_pipeline_reads_many_languages(run, tmp_path):
    write(
        tmp_path / "in.jsonl",
        {"text": GARDEN},
        {"text": "Der Garten ist seit Mai offen. Am 3. Juni regnete es. Alle kamen wieder."},
        {"text": "花园五月开放。志愿者种了九十棵树。后来下雨了。没有人抱怨。城市出水费。"},
        {"text": "Сад открылся в мае. Пошёл дождь. Никто не жаловался.", "lang": "ru"},
        {"text": "", "lang": "mul"},
    )
    result = run("in.jsonl", "-n", 2, "-o", "out.jsonl", use_model=None)
    assert result.exit_code == 0
    records = read(tmp_path / "out.jsonl")
    assert [len(record["sentences"]) for record in records] == [2, 2, 2, 2, 0]
    assert [record["n_sents"] for record in records] == [5, 3, 5, 3, 0]
    assert [record["lang"] for record in records] == ["en", "de", "zh", "ru", "und"]


def test_default_pipeline_takes_the_language_it_is_given(run, tmp_path):
    write(tmp_path / "in.jsonl", {"text": "Am 3. Juni."}, {"text": "Am 3. Juni.", "lang": "en"})
    run("in.jsonl", "--lang", "de", "-o", "out.jsonl", use_model=None)
    german, english = read(tmp_path / "out.jsonl")
    assert (german["lang"], german["n_sents"]) == ("de", 1)
    assert (english["lang"], english["n_sents"]) == ("en", 2)

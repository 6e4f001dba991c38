import bz2
import csv
import gzip
import json
import lzma

import pytest

from spacy_bertsum.records import BadRecord, Record, Row, find_sents, make_record, read_rows

TEXT = "The ferry sails again.  It was repaired\nin the yard. Fares stay as they are."
SENTS = ["The ferry sails again.", "It was repaired in the yard.", "Fares stay as they are."]
RECORD = {"text": TEXT, "summary": "The ferry is back."}


def read(path, **fields):
    return [(row.number, row.parse(**fields)) for row in read_rows(path, **fields)]


def test_record_has_what_is_given():
    fields = {**RECORD, "lang": "en", "id": 7, "sents": SENTS, "labels": [1, 0, 1], "author": "x"}
    record = make_record(fields)
    assert record.references == ("The ferry is back.",)
    assert (record.lang, record.id, record.labels) == ("en", 7, (1, 0, 1))
    assert [TEXT[start:end] for start, end in record.sents] == [
        "The ferry sails again.",
        "It was repaired\nin the yard.",
        "Fares stay as they are.",
    ]


def test_summary_may_be_a_list_of_alternatives():
    assert make_record({"text": "A.", "summary": ["B.", "C."]}).references == ("B.", "C.")


def test_labels_stand_for_a_summary():
    record = make_record({"text": TEXT, "sents": SENTS, "labels": [False, True, 0.0]})
    assert record.references == ()
    assert record.labels == (0, 1, 0)


def test_summaries_in_other_languages():
    fields = {"text": "A.", "summaries": {"de": "B.", "zh-Hant": ["C.", "D."], "fr": None}}
    record = make_record(fields)
    assert record.references == ()
    assert record.summaries == (("de", ("B.",)), ("zh-Hant", ("C.", "D.")))


def test_empty_sents_are_dropped_with_their_labels():
    record = make_record(
        {"text": "One. Two.", "sents": ["", "One.", " ", "Two."], "labels": [0, 0, 0, 1]}
    )
    assert (record.sents, record.labels) == (((0, 4), (5, 9)), (0, 1))


def test_fields_by_other_names():
    fields = {"body": "A.", "abstract": "B.", "text": 1, "summary": 2}
    assert make_record(fields, "body", "abstract") == Record(text="A.", references=("B.",))


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"text": None}, "a string in the field 'text'"),
        ({"text": " \n"}, "'text' is empty"),
        ({"text": "A \ud800."}, "Not UTF-8: 'text' has an invalid character at position 2"),
        ({"summary": None}, "Expected a summary in the field 'summary', or gold sentences"),
        ({"summary": ""}, "'summary' is empty"),
        ({"summary": 3}, "'summary' must be a list"),
        ({"summary": []}, "'summary' must be a list with at least one element"),
        ({"summary": ["A.", " "]}, r"'summary\[1\]' is empty"),
        ({"summary": ["A.", None]}, r"'summary\[1\]' is no string"),
        ({"summaries": ["B."]}, "'summaries' must be an object with a summary for each language"),
        ({"summaries": {"de": ""}}, "'summaries.de' is empty"),
        ({"summaries": {"in German": "B."}}, "'in German', which is no language code"),
        ({"labels": [1, 0]}, "'labels' without 'sents'"),
        ({"sents": SENTS, "labels": [1, 0]}, "2 labels for 3 sents"),
        ({"sents": SENTS, "labels": [1, 0, "0"]}, r"'labels\[2\]' must be 0 or 1, not '0'"),
        ({"sents": "A. B.", "labels": None}, "'sents' must be a list"),
        ({"sents": SENTS[::-1]}, r"'sents\[1\]' does not occur in the text after sents\[0\]: 'It"),
        ({"sents": ["The ferry sinks."]}, r"'sents\[0\]' does not occur in the text: 'The ferry"),
        ({"sents": [*SENTS[:1], 5]}, r"'sents\[1\]' is no string: 5"),
        ({"sents": ["", " \u200b"]}, "All of 'sents' are empty"),
        ({"sents": [*SENTS[:1], ""], "labels": [0, 1]}, r"'labels\[1\]' is 1, but 'sents\[1\]'"),
    ],
)
def test_bad_record_says_why(change, reason):
    with pytest.raises(BadRecord, match=reason):
        make_record({**RECORD, **change})


@pytest.mark.parametrize(
    "line, reason",
    [
        (b'{"text": "A."', "Not JSON: Expecting ',' delimiter in column 14"),
        (b'{"text": "A."\r\n', "Not JSON: Expecting ',' delimiter in column 14"),
        (b'{"text": "\xff"}', "Not UTF-8"),
        (b'["A.", "B."]', "Expected a JSON object"),
        (b"[" * 100_000, "JSON nested too deeply"),
        (b'{"id": ' + b"1" * 5000 + b"}", "Not JSON"),
    ],
)
def test_bad_line_says_why(line, reason):
    with pytest.raises(BadRecord, match=reason):
        Row(1, line).parse()


def test_sents_are_found_whatever_the_white_space():
    text = "Yes. Yes. “Really?” 他说。好。"
    sents = [" Yes .", "Yes.", "“ Really ? ”", "他 说。", "好。"]
    spans = find_sents(text, sents)
    assert [text[start:end] for start, end in spans] == [
        "Yes.",
        "Yes.",
        "“Really?”",
        "他说。",
        "好。",
    ]
    assert spans[:2] == ((0, 4), (5, 9))
    assert find_sents("A\u200b b. C\xadd.", ["A b.", "\ufeffCd."]) == ((0, 5), (6, 10))


@pytest.mark.parametrize(
    "suffix, opener", [("", open), (".gz", gzip.open), (".xz", lzma.open), (".bz2", bz2.open)]
)
def test_jsonl_compressed_or_not(tmp_path, suffix, opener):
    path = tmp_path / f"in.jsonl{suffix}"
    with opener(path, "wt", encoding="utf-8-sig") as file:
        file.write(f"{json.dumps(RECORD)}\n\n  \n{json.dumps({**RECORD, 'lang': 'sv'})}")
    assert [(number, record.lang) for number, record in read(path)] == [(1, None), (4, "sv")]


def test_csv(tmp_path):
    path = tmp_path / "in.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "article", "labels", "summary", "lang"])
        writer.writerow(["a1", "Two\nlines, one cell.", "sport", "Lines.", "en"])
        writer.writerow(["a2", "x" * 200_000, "", "Long.", ""])
    [(first, record), (second, long)] = read(path, text_field="article")
    assert (first, second) == (2, 4)
    assert record == Record("Two\nlines, one cell.", ("Lines.",), lang="en", id="a1")
    assert (len(long.text), long.lang) == (200_000, None)


def test_bad_csv_rows_spoil_no_other(tmp_path):
    path = tmp_path / "in.csv"
    path.write_bytes(b'text,summary\nA.,B.\nA.,B\xff\nA.\n"A"x,B.\n\nC.,D.\n')
    reasons = {}
    good = []
    for row in read_rows(path):
        try:
            good.append((row.number, row.parse().text))
        except BadRecord as error:
            reasons[row.number] = str(error)
    assert good == [(2, "A."), (7, "C.")]
    assert list(reasons) == [3, 4, 5]
    assert "Not UTF-8: 'summary'" in reasons[3]
    assert reasons[4] == "The row has 1 cells, the header 2"
    assert "Not CSV" in reasons[5]


def test_csv_without_a_column(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("text,abstract\nA.,B.\n")
    with pytest.raises(ValueError, match="no column 'summary', only 'text', 'abstract'"):
        list(read_rows(path))


def test_csv_whose_header_is_none(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text('"text"x,summary\nA.,B.\n')
    with pytest.raises(ValueError, match=r"in\.csv' has no readable header"):
        list(read_rows(path))


def write_parquet(path, columns):
    from pyarrow import table
    from pyarrow.parquet import write_table

    write_table(table(columns), path)


def test_parquet(tmp_path):
    path = tmp_path / "in.parquet"
    columns = {"text": [TEXT] * 600, "summary": [["A.", "B."]] * 600, "id": list(range(600))}
    write_parquet(path, {**columns, "sents": [SENTS] * 600, "labels": [[1, 0, 0]] * 600})
    rows = read(path)
    assert [number for number, _ in rows] == list(range(1, 601))
    assert [record.id for _, record in rows] == list(range(600))
    assert {(record.references, record.labels) for _, record in rows} == {(("A.", "B."), (1, 0, 0))}


def test_parquet_with_labels_needs_no_summary(tmp_path):
    path = tmp_path / "in.parquet"
    write_parquet(path, {"text": [TEXT]})
    with pytest.raises(ValueError, match="no column 'summary'"):
        list(read_rows(path))
    write_parquet(path, {"text": [TEXT], "sents": [SENTS], "labels": [[0, 0, 1]]})
    assert read(path)[0][1].labels == (0, 0, 1)


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    path = tmp_path / "in.parquet"
    write_parquet(path, {"text": ["A."], "summary": ["B."]})
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"pip install 'spacy-bertsum\[tables\]'"):
        list(read_rows(path))


@pytest.mark.parametrize("name", ["in.json", "in", "in.parquet.gz", "in.txt"])
def test_unknown_kind_of_file(tmp_path, name):
    (tmp_path / name).write_text("{}")
    with pytest.raises(ValueError, match=r"must end in \.jsonl, \.csv or \.parquet"):
        list(read_rows(tmp_path / name))


@pytest.mark.parametrize(
    "name, data",
    [
        ("in.jsonl.gz", gzip.compress(json.dumps(RECORD).encode() * 100)[:-9]),
        ("in.jsonl.xz", b"not compressed at all"),
        ("in.csv.gz", b"text,summary\n"),
        ("in.parquet", b"PAR1 and no more"),
    ],
)
def test_broken_file(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ValueError, match=f"{name}' can't be"):
        list(read_rows(tmp_path / name))

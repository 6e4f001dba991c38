"""Documents between lines that belong to the page, for training and for the benchmark."""

import random
from pathlib import Path

import numpy
import pytest
import srsly
import torch
from mini_documents import make_document

from benchmarks.boilerplate import HEADS, format_table, measure_set
from benchmarks.quality.model import build_pipeline as build_model
from benchmarks.quality.sets import read_set
from scripts.corpora import find_corpora
from scripts.mini.boilerplate import LINES, MOST, Boilerplate, find_pages, split
from scripts.mini.documents import Document
from scripts.mini.losses import LEAD_LABEL, SummaryLoss
from scripts.mini.prepare import VAL_LIMIT, build_pipeline, mark

SENTS = [f"Boat number {i} left the harbour before the ice closed it. " for i in range(12)]
PLACES = ("{name}", "{date}", "{time}", "{n}")


@pytest.fixture(scope="module")
def boilerplate() -> Boilerplate:
    return Boilerplate(LINES / "test.jsonl")


def test_sentences_stay_in_order_between_the_lines(boilerplate: Boilerplate):
    n_lines = []
    for seed in range(40):
        page = boilerplate.insert(SENTS, "fr", random.Random(seed))
        text = page.text
        for start, stop in reversed(page.spans):
            assert text[start - 1 : start] in ("", "\n")
            assert text[stop : stop + 1] in ("", "\n")
            text = text[:start] + text[stop:]
        assert text.split() == "".join(SENTS).split()
        n_lines.append(len(page.spans))
    assert max(n_lines) <= sum(MOST)
    assert len(set(n_lines)) > 4


def test_documents_of_one_sentence_or_none(boilerplate: Boilerplate):
    for seed in range(10):
        page = boilerplate.insert(SENTS[:1], "de", random.Random(seed))
        assert SENTS[0].strip() in page.text.splitlines()
        empty = boilerplate.insert([], "de", random.Random(seed))
        assert sum(stop - start for start, stop in empty.spans) == len(empty.text.replace("\n", ""))


def test_more_lines_in_long_documents(boilerplate: Boilerplate):
    counts = [
        len(boilerplate.insert(SENTS * 100, "en", random.Random(seed)).spans) for seed in range(5)
    ]
    assert max(counts) > sum(MOST)


def test_nothing_is_left_to_fill_in_and_names_are_of_the_language(boilerplate: Boilerplate):
    names = set(boilerplate.lines["ja"]["names"])
    found = set()
    for seed in range(60):
        page = boilerplate.insert(["一。", "二。"], "ja", random.Random(seed))
        assert not any(place in page.text for place in PLACES)
        found |= {name for name in names if name in page.text}
    assert found == names


def test_english_lines_where_there_are_none_in_the_language(boilerplate: Boilerplate):
    page = boilerplate.insert(SENTS, "yo", random.Random(1))
    assert page == boilerplate.insert(SENTS, "en", random.Random(1))


def test_lines_are_what_sentences_are_told_from():
    page = Boilerplate(LINES / "train.jsonl").insert(SENTS, "en", random.Random(3))
    doc = build_pipeline("en")(page.text)
    is_line = mark(doc, page.spans)
    sents = [sent.text.strip() for sent in doc.sents]
    assert [s for s, line in zip(sents, is_line, strict=True) if not line] == [
        sent.strip() for sent in SENTS
    ]
    assert is_line.sum() >= len(page.spans) > 0


def test_a_sentence_is_a_line_if_most_of_it_is():
    doc = build_pipeline("en")("By Tom Ash The boats are back. All of them.")
    assert mark(doc, [(0, 10)]).tolist() == [False, False]
    assert mark(doc, [(0, 25)]).tolist() == [True, False]
    assert mark(doc, []).tolist() == [False, False]


def test_split_keeps_every_character():
    text = "One.  Two.\n\nThree. "
    assert "".join(split(build_pipeline("en"), text)) == text


def test_training_and_test_lines_are_others():
    train, test = (srsly.read_jsonl(LINES / f"{name}.jsonl") for name in ("train", "test"))
    train, test = ({record["lang"]: record for record in records} for records in (train, test))
    assert train.keys() == test.keys()
    for lang, record in train.items():
        for field in ("names", "lines"):
            assert len(set(record[field])) == len(record[field])
            assert set(record[field]).isdisjoint(test[lang][field])
        for line in (*record["lines"], *test[lang]["lines"]):
            rest = line
            for place in PLACES:
                rest = rest.replace(place, "")
            assert "{" not in rest
            assert "}" not in rest


def write_set(folder: Path, name: str, n_documents: int) -> None:
    folder.mkdir(exist_ok=True)
    record = {"text": "".join(SENTS), "summary": "Boat number 3 left the harbour."}
    documents = [{"id": i, **record} for i in range(n_documents)]
    srsly.write_jsonl(folder / f"{name}.jsonl", documents)


def test_pages_of_a_data_directory(tmp_path: Path, boilerplate: Boilerplate, monkeypatch):
    monkeypatch.setattr("scripts.mini.boilerplate.find_running_text", lambda data: [])
    write_set(tmp_path / "summarization", "toy.de.train", 3)
    write_set(tmp_path / "summarization", "bbcsum.en.train", VAL_LIMIT + 2)
    by_name = {pages.name: list(pages.read()) for pages in find_pages(tmp_path)}
    # The first ones of bbcsum serve for val.
    assert [r["id"] for r in by_name["boilerplate_bbcsum.en"]] == [VAL_LIMIT, VAL_LIMIT + 1]
    toy = by_name["boilerplate_toy.de"]
    assert [record["id"] for record in toy] == [0, 1, 2]
    assert len({record["text"] for record in toy}) == 3
    (same,) = (pages for pages in find_pages(tmp_path) if pages.name == "boilerplate_toy.de")
    assert list(same.read(2)) == toy[:2]


def make_page(boilerplate: list[int]) -> Document:
    """Its last sentence is the reference."""
    n = len(boilerplate)
    sents = [f"Word{i} word{i}." for i in range(n)]
    return make_document(
        sents,
        sents[-1],
        labels=numpy.eye(n, dtype="f4")[-1],
        boilerplate=numpy.array(boilerplate, dtype="f4"),
    )


def test_first_sentence_of_the_text_is_the_lead_and_no_line_before_it():
    document = make_page([1, 0, 0, 1, 0])
    loss = SummaryLoss({"toy.en": [document]}, 0.0, random.Random(0))
    logits = torch.zeros(1, 5, requires_grad=True)
    loss(logits, torch.ones(1, 5, dtype=torch.bool), [document]).backward()
    # The gradient of cross-entropy is probability less label, here over five sentences.
    labels = 0.5 - 5 * logits.grad[0]
    expected = [0, LEAD_LABEL, LEAD_LABEL / 2, 0, 1]
    assert labels.tolist() == pytest.approx(expected)


def test_regret_is_against_the_first_sentence_of_the_text():
    # The reference is the second sentence, all of what LEAD takes.
    document = make_page([1, 0])
    loss = SummaryLoss({"toy.en": [document]}, 1.0, random.Random(0), regret=10.0)
    mask = torch.ones(1, 2, dtype=torch.bool)
    with_lead, without = (
        loss(torch.tensor([logits]), mask, [document]).item() for logits in ([-9.0, 9], [9.0, -9])
    )
    assert without - with_lead > 10


@pytest.mark.slow
def test_benchmark_counts_lines(tmp_path: Path, boilerplate: Boilerplate):
    write_set(tmp_path, "toy.en.test", 6)
    nlp = build_model("xx_bertsum_mini")
    (corpus,) = find_corpora(tmp_path, "test")
    rows = measure_set(nlp, boilerplate, read_set(nlp, corpus, None))
    assert rows.shape == (6, len(HEADS))
    shares, points = rows[:, :4], rows[:, 4:]
    assert ((shares >= 0) & (shares <= 1)).all()
    assert 0 < shares[:, 0].mean() < shares[:, 1].mean()
    # LEAD takes a line for the first sentence and loses by it.
    assert points[:, 2].mean() < points[:, 0].mean()
    table = format_table({"toy.en": rows, "toy.de": rows})
    assert table.splitlines()[2].startswith("| toy | ")
    assert len(table.splitlines()) == 4

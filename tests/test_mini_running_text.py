import lzma
from pathlib import Path
from typing import Any

import pytest
import srsly
import typer

from scripts.mini.held_out import HeldOut, find_held_out
from scripts.mini.prepare import HELD_OUT, VAL_LIMIT, build_pipeline
from scripts.mini.running_text import LEAST_SENTS, RunningText, cut_lead, find_running_text

SENTS = [f"Boat number {i} left the harbour before the ice closed it." for i in range(30)]


def cut(passage: str, n_sents: int) -> dict[str, Any] | None:
    return cut_lead(passage, list(build_pipeline("en")(passage).sents), n_sents)


@pytest.fixture
def corpus(tmp_path: Path) -> RunningText:
    """Two passages that will do, one that is too short and one that is too long."""
    passages = [SENTS[:20], SENTS[10:], SENTS[:3], SENTS * 20]
    folder = tmp_path / "text" / "mono"
    folder.mkdir(parents=True)
    (tmp_path / "summarization").mkdir()
    with lzma.open(folder / "en.txt.xz", "wt", encoding="utf-8") as file_:
        file_.write("\n\n".join("\n".join(passage) for passage in passages))
    (corpus,) = find_running_text(tmp_path)
    return corpus


def test_first_sentences_are_the_reference_of_the_rest():
    record = cut(" ".join(SENTS[:8]), 2)
    assert record == {"text": " ".join(SENTS[2:8]), "references": [" ".join(SENTS[:2])]}


def test_nothing_where_too_little_is_left():
    enough = LEAST_SENTS + 2
    assert cut(" ".join(SENTS[: enough - 1]), 2) is None
    assert cut(" ".join(SENTS[:enough]), 2) is not None


def test_passages_of_a_good_length(corpus: RunningText):
    records = list(corpus.read())
    whole = [f"{record['references'][0]}\n{record['text']}" for record in records]
    assert sorted(whole) == sorted("\n".join(part) for part in (SENTS[:20], SENTS[10:]))
    assert len({record["id"] for record in records}) == 2


@pytest.mark.parametrize("file_name", ["toy.en.val.jsonl", "toy.en.test.jsonl"])
def test_no_sentence_of_a_document_held_out(corpus: RunningText, tmp_path: Path, file_name: str):
    # In other words of the same letters: what sets took from running text they have tidied up.
    document = {"id": 1, "text": f"News.\n{SENTS[3].upper()[:-1]} !", "summary": "Boats."}
    srsly.write_jsonl(tmp_path / "summarization" / file_name, [document])
    (corpus,) = find_running_text(tmp_path)
    (record,) = corpus.read()
    assert record["references"][0].startswith(SENTS[10])


def test_documents_of_other_languages_and_splits_are_not_held_out(tmp_path: Path):
    folder = tmp_path / "summarization"
    folder.mkdir()
    document = {"id": 1, "text": SENTS[3], "summary": SENTS[4]}
    for name in ("toy.de.test", "toy.en.train", "toy.en.val"):
        srsly.write_jsonl(folder / f"{name}.jsonl", [document])
    assert find_held_out(tmp_path, "en").has_any([SENTS[4]])
    assert not find_held_out(tmp_path, "fr").has_any(SENTS)
    (folder / "toy.en.val.jsonl").unlink()
    assert not find_held_out(tmp_path, "en").has_any(SENTS)


def test_training_documents_that_serve_for_val_are_held_out(tmp_path: Path):
    folder = tmp_path / "summarization"
    folder.mkdir()
    documents = [{"id": i, "text": sent, "summary": "Boats."} for i, sent in enumerate(SENTS)]
    more = [{"id": i, "text": f"More: {i}.", "summary": "No boats."} for i in range(VAL_LIMIT)]
    srsly.write_jsonl(
        folder / f"{HELD_OUT[0]}.en.train.jsonl", documents[:1] + more + documents[1:]
    )
    held_out = find_held_out(tmp_path, "en")
    assert held_out.has_any(SENTS[:1])
    assert not held_out.has_any(SENTS[1:])


def test_short_sentences_are_anybodys(tmp_path: Path):
    srsly.write_jsonl(
        tmp_path / "toy.en.test.jsonl", [{"id": 1, "text": "Yes, we can.", "summary": "Yes."}]
    )
    assert not find_held_out(tmp_path, "en").has_any(["Yes, we can."])


def test_same_passages_every_time(corpus: RunningText):
    records = list(corpus.read())
    assert list(corpus.read()) == records
    assert list(corpus.read(1)) == records[:1]


def test_named_after_its_language(corpus: RunningText):
    assert (corpus.name, corpus.lang) == ("running_text.en", "en")


def test_no_running_text_is_an_error_that_says_where_it_should_be(tmp_path: Path):
    with pytest.raises(typer.BadParameter, match="text/mono"):
        find_running_text(tmp_path)


def test_no_passage_is_an_error_that_says_how_they_are_divided(tmp_path: Path):
    path = tmp_path / "en.txt.xz"
    path.write_bytes(lzma.compress("\n".join(SENTS[:3]).encode()))
    with pytest.raises(ValueError, match="blank lines"):
        list(RunningText(path, "running_text.en", "train", HeldOut()).read())

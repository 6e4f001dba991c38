import lzma
from pathlib import Path

import pytest
import typer

from scripts.mini.prepare import build_pipeline
from scripts.mini.running_text import LEAST_SENTS, RunningText, cut_lead, find_running_text

SENTS = [f"Boat number {i} left the harbour before the ice closed it." for i in range(30)]


@pytest.fixture
def corpus(tmp_path: Path) -> RunningText:
    """Two passages that will do, one that is too short and one that is too long."""
    passages = [SENTS[:20], SENTS[10:], SENTS[:3], SENTS * 20]
    folder = tmp_path / "text" / "mono"
    folder.mkdir(parents=True)
    with lzma.open(folder / "en.txt.xz", "wt", encoding="utf-8") as file_:
        file_.write("\n\n".join("\n".join(passage) for passage in passages))
    (corpus,) = find_running_text(tmp_path)
    return corpus


def test_first_sentences_are_the_reference_of_the_rest():
    record = cut_lead(build_pipeline("en"), " ".join(SENTS[:8]), 2)
    assert record == {"text": " ".join(SENTS[2:8]), "references": [" ".join(SENTS[:2])]}


def test_nothing_where_too_little_is_left():
    nlp = build_pipeline("en")
    enough = LEAST_SENTS + 2
    assert cut_lead(nlp, " ".join(SENTS[: enough - 1]), 2) is None
    assert cut_lead(nlp, " ".join(SENTS[:enough]), 2) is not None


def test_passages_of_a_good_length(corpus: RunningText):
    records = list(corpus.read())
    whole = [f"{record['references'][0]}\n{record['text']}" for record in records]
    assert sorted(whole) == sorted("\n".join(part) for part in (SENTS[:20], SENTS[10:]))
    assert len({record["id"] for record in records}) == 2


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
        list(RunningText(path, "running_text.en", "train").read())

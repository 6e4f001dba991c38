"""What heads are trained on, and how they are compared across languages."""

from pathlib import Path

import numpy
import pytest
import typer

from benchmarks.zero_shot.matrix import VECTORS, Row, average_left_out
from scripts.mini.fit import load_more
from scripts.mini.train_head import choose_sets


def test_sets_by_name_in_all_their_languages():
    sets = {"news.en": [], "news.de": [], "papers.en": []}
    assert list(choose_sets(sets, "news")) == ["news.en", "news.de"]


def test_unknown_set_is_an_error_that_names_the_others():
    with pytest.raises(typer.BadParameter, match=r"No toys\. There are: news"):
        choose_sets({"news.en": []}, "toys,news")


def test_mean_over_the_languages_left_out():
    def make_row(trained_on: str, **shares: float) -> Row:
        both = {lang: numpy.array([share, -share]) for lang, share in shares.items()}
        return Row(VECTORS, "", tuple(trained_on.split()), both)

    rows = [
        make_row("de en fr", de=0.9, en=0.9, fr=0.9),
        make_row("de", de=0.9, en=0.9, fr=0.9),
        make_row("de en", de=0.9, en=0.9, fr=0.1),
        make_row("de fr", de=0.9, en=0.2, fr=0.9),
        make_row("en fr", de=0.3, en=0.9, fr=0.9),
    ]
    assert average_left_out(rows, ["de", "en", "fr"]) == pytest.approx([0.2, -0.2])


def test_more_documents_must_be_prepared(tmp_path: Path):
    with pytest.raises(typer.BadParameter, match="prepared has no training documents"):
        load_more(tmp_path, "vectors")


def test_more_documents_must_have_vectors(tmp_path: Path):
    (tmp_path / "prepared").mkdir()
    (tmp_path / "prepared" / "running_text.de.train.pt").touch()
    with pytest.raises(typer.BadParameter, match=r"No running_text\.de\.train\.pt in .*vectors_2"):
        load_more(tmp_path, "vectors_2")

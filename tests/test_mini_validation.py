"""How the training steps of the embedded model watch their progress."""

from pathlib import Path

import numpy
import pytest
from mini_documents import make_document
from test_soft_rouge import SENTS

from scripts.mini.documents import Document
from scripts.mini.validation import Standing, Validation
from scripts.mini.vectors import take_sents

REFERENCE = "the bridge at the mill broke in the flood"


@pytest.fixture
def validation(tmp_path: Path) -> Validation:
    sets = {"toy.en": [make_document(SENTS, REFERENCE)]}
    return Validation(sets, tmp_path / "bounds.json")


def prefer(*order: int):
    """A scorer that ranks sentences in this order."""
    logits = numpy.zeros(len(order), dtype="f")
    logits[list(order)] = numpy.arange(len(order), 0, -1)

    def score(name: str, documents: list[Document]) -> list[numpy.ndarray]:
        return [logits for _ in documents]

    return score


def test_from_lead_to_oracle(validation: Validation):
    assert validation.run(prefer(0, 1, 2)).shares["toy.en"].tolist() == [0.0, 0.0]
    assert validation.run(prefer(2, 1, 0)).shares["toy.en"].tolist() == [1.0, 1.0]
    assert validation.run(prefer(1, 0, 2)).behind[0] == 1


def test_bounds_are_kept(validation: Validation, tmp_path: Path):
    again = Validation(validation.sets, tmp_path / "bounds.json")
    for kept, measured in zip(again.bounds["toy.en"], validation.bounds["toy.en"], strict=True):
        numpy.testing.assert_allclose(kept, measured)


def test_languages_of_a_set_count_as_one():
    shares = {"a.de": [0.0, 0.2], "a.fr": [-0.2, 0.2], "b.en": [0.5, 0.4]}
    standing = Standing({name: numpy.array(pair) for name, pair in shares.items()})
    assert standing.means.tolist() == pytest.approx([0.2, 0.3])
    assert standing.mean == pytest.approx(0.25)
    assert standing.behind.tolist() == [1, 0]
    assert "closed 0.200/0.300, 1/0 of 3 sets below LEAD" in str(standing)


def test_no_more_sentences_than_asked_for():
    documents = [make_document(SENTS, REFERENCE) for _ in range(3)]
    assert len(take_sents(documents, 6)) == 2
    assert len(take_sents(documents, 8)) == 2
    # A first document that is longer than that comes alone.
    assert len(take_sents(documents, 2)) == 1

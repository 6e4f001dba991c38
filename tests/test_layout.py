import time

import numpy
import pytest

from spacy_bertsum.layout import FEATURES, layout

SENTS = [
    "Rain in the Valley\n",
    "On Tuesday 40 mm fell within an hour.",
    "Who will pay for it?\n\n",
    "“Nobody knows”, the mayor said.",
]


def column(sents: list[str], name: str) -> list[float]:
    return pytest.approx(layout(sents)[:, FEATURES.index(name)].tolist(), abs=1e-6)


@pytest.mark.parametrize(
    "sent, expected",
    [("Why?", 1), ("“Why?”, he", 0), ("Why?”)…  ", 1), ("为什么？」", 1), ("?_", 0), ("", 0)],
)
def test_question_marks_after_the_last_word(sent: str, expected: int):
    assert column([sent], "question") == [expected]


def test_many_question_marks_take_no_longer_than_others():
    start = time.process_time()
    layout(["? " * 100_000 + "x"])
    assert time.process_time() - start < 5


def test_line_breaks_divide_paragraphs():
    assert column(SENTS, "starts_paragraph") == [1, 1, 0, 1]
    assert column(SENTS, "ends_paragraph") == [1, 0, 1, 1]
    assert column(SENTS, "position_in_paragraph") == [0, 0, 0.5, 0]
    assert column(SENTS, "paragraph") == [1, 1 / 2, 1 / 2, 1 / 3]
    assert column(SENTS, "document_paragraphs") == [3 / 4] * 4


def test_a_break_may_stand_on_either_side_of_the_border():
    moved = ["One.", "\nTwo.", "Three."]
    assert column(moved, "starts_paragraph") == [1, 1, 0]
    assert column(["One.\n", "Two.", "Three."], "starts_paragraph") == [1, 1, 0]


def test_a_sentence_of_white_space_alone_ends_a_paragraph():
    assert column(["One.", " \n ", "Two."], "starts_paragraph") == [1, 1, 1]


def test_text_on_one_line_is_one_paragraph():
    assert column(["One. ", "Two. ", "Three."], "starts_paragraph") == [1, 0, 0]


def test_headings_questions_quotations_figures():
    assert column(SENTS, "unterminated") == [1, 0, 0, 0]
    assert column(SENTS, "question") == [0, 0, 1, 0]
    assert column(SENTS, "quotation") == [0, 0, 0, 1]
    digits = layout(SENTS)[:, FEATURES.index("digits")]
    assert digits.argmax() == 1
    capitals = layout(SENTS)[:, FEATURES.index("capitals")]
    assert capitals.tolist() == pytest.approx([1 / 2, 2 / 7, 1 / 5, 1 / 5])


@pytest.mark.parametrize("sent", ["¿Quién paga?", "誰が払うのか？", "من يدفع؟", "ማን ይከፍላል፧"])
def test_questions_in_other_scripts(sent: str):
    assert column([sent], "question") == [1]


@pytest.mark.parametrize("sents", [[], [""], ["\n"], ["…"], ["12 34"], ["a\n"] * 500], ids=repr)
def test_finite_and_small_whatever_the_text(sents: list[str]):
    with numpy.errstate(all="raise"):
        features = layout(sents)
    assert features.shape == (len(sents), len(FEATURES))
    assert features.dtype == numpy.float32
    assert numpy.isfinite(features).all()
    assert ((features >= 0) & (features < 10)).all()


def test_names_are_unique():
    assert len(set(FEATURES)) == len(FEATURES)

"""What sentences have to do with a query, by vectors, word pieces and letters."""

import numpy
import pytest
import spacy
from numpy.testing import assert_allclose

from spacy_bertsum.relevance import compare_letters, compare_pieces, compare_vectors


@pytest.mark.parametrize(
    "query, sents",
    [
        ("swimming pools", ["Snow fell.", "The POOL is open.", "Nobody came."]),
        ("costs 4,50", ["Es gab Streit.", "Karten zu 4,50 Euro.", "Das Bad misst 50 Meter."]),
        ("票价", ["大桥今天正式通车。", "票价暂定为十元。", "东岸的菜农很高兴。"]),
        ("नदियाँ", ["पहाड़ ऊँचा है।", "वहाँ एक नदी बहती है।", "सब लोग खुश थे।"]),
        ("Ｔａｒｎｆｉｅｌｄ", ["It rained.", "A museum in Tarnfield.", "The roof leaks."]),
    ],
)
def test_letters_find_words_in_other_forms(query: str, sents: list[str]):
    assert compare_letters(query, sents).argmax() == 1


def test_letters_of_all_sentences_count_nothing():
    shares = compare_letters("the ferry", ["The ferry is late.", "The ferry is old.", "The ferry."])
    assert_allclose(shares, 0, atol=1e-9)


@pytest.mark.parametrize("query", ["?!", "…"])
def test_no_letters_no_relevance(query: str):
    assert_allclose(compare_letters(query, ["It rained.", "Is it over?"]), 0)


def test_one_piece_may_answer_where_the_mean_does_not():
    east, north, west = numpy.eye(3, dtype="f4")
    query = east[None]
    sents = [numpy.stack([east, north, west]), numpy.stack([east + north] * 2)]
    assert_allclose(compare_pieces(query, sents), [1, 0.5**0.5], atol=1e-6)
    assert_allclose(compare_vectors(query, sents), [3**-0.5, 0.5**0.5], atol=1e-6)


def test_pieces_of_all_words_of_the_query_count():
    east, north = numpy.eye(2, dtype="f4")
    both, one = numpy.stack([north, east]), east[None]
    assert_allclose(compare_pieces(numpy.stack([east, north]), [both, one]), [1, 0.5], atol=1e-6)


def test_vectors_of_pieces_are_those_that_make_the_sentence():
    """The embedded model takes the mean of a sentence's pieces, in several windows too."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    bertsum = nlp.add_pipe("bertsum")
    long = "The ferry " + "sails to the island and " * 120 + "back."
    docs = [nlp(f"It rained. {long} Snow fell."), nlp("Nobody came.")]
    for sents, vectors in zip(bertsum.encode_pieces(docs), bertsum.encode(docs), strict=True):
        means = numpy.stack([pieces.mean(axis=0) for pieces in sents])
        assert_allclose(means, vectors, atol=1e-5)

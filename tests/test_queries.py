"""Summaries for a query, in any language, from the embedded model."""

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin

TEXT = (
    "The museum of clocks in Tarnfield has opened again. Visitors pay eight euros for a ticket. "
    "A storm had torn off half of the roof two winters ago. The director wants to show four "
    "hundred clocks. Children can build a clock of their own from paper. The bus from the railway "
    "station stops at the door."
)

CNN = {
    **{"width": 8, "depth": 1, "embed_size": 100, "window_size": 1, "maxout_pieces": 2},
    **{"subword_features": True, "pretrained_vectors": None},
}


@pytest.fixture(scope="module")
def nlp() -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("bertsum", config={"n_sents": 1})
    return nlp


@pytest.fixture(scope="module")
def doc(nlp: Language) -> Doc:
    return nlp(TEXT)


@pytest.mark.parametrize(
    "query, answer",
    [
        ("ticket price", "eight euros"),
        ("ціна квитка", "eight euros"),
        ("Kinder", "Children"),
        ("the roof was damaged by a storm", "torn off"),
        ("los niños", "Children"),
        ("l'autobus de la gare", "The bus"),
    ],
)
def test_query_finds_its_sentence(doc: Doc, query: str, answer: str):
    assert answer in doc._.summarize(query=query)


def test_document_is_left_as_it_is(doc: Doc):
    before = doc._.summary, doc._.summary_scores.copy(), list(doc.spans["summary"])
    doc._.summarize(query="bus")
    assert (doc._.summary, list(doc.spans["summary"])) == (before[0], before[2])
    numpy.testing.assert_array_equal(doc._.summary_scores, before[1])


def test_weight_leads_from_the_summary_to_the_query(doc: Doc):
    assert doc._.summarize(query="bus", query_weight=0) == doc._.summary
    assert "bus" in doc._.summarize(query="bus", query_weight=1)


def test_limits_hold(doc: Doc):
    assert len(doc._.summarize(query="bus", n_sents=4, as_spans=True)) == 4
    assert len(doc._.summarize(query="bus", max_chars=70)) <= 70


@pytest.mark.parametrize(
    "settings, match",
    [
        ({"query": "  "}, "query must be a text"),
        ({"query": 3}, "query must be a text"),
        ({"query": "bus", "query_weight": 1.5}, "query_weight must be a number from 0 to 1"),
        ({"query": "bus", "query_weight": "much"}, "query_weight must be a number from 0 to 1"),
    ],
)
def test_bad_settings(doc: Doc, settings: dict, match: str):
    with pytest.raises(ValueError, match=match):
        doc._.summarize(**settings)


def test_component_of_two_pipelines(nlp: Language, doc: Doc):
    other = spacy.blank("en")
    other.add_pipe("sentencizer")
    other.add_pipe("bertsum", source=nlp)
    assert other(TEXT)._.summarize(query="bus") == doc._.summarize(query="bus")


def test_another_component_takes_no_document_away(nlp: Language, doc: Doc):
    other = spacy.blank("en", vocab=nlp.vocab)
    model = {
        "@architectures": "spacy-bertsum.BertSum.v1",
        "tok2vec": {
            "@architectures": "spacy-bertsum.SentencePooling.v1",
            "tok2vec": {"@architectures": "spacy.HashEmbedCNN.v2", **CNN},
        },
        "head": {"@architectures": "spacy-bertsum.LinearHead.v1"},
    }
    other.add_pipe("bertsum", config={"model": model})
    assert "bus" in doc._.summarize(query="bus")


def test_stored_documents_need_the_vocabulary(nlp: Language, doc: Doc):
    stored = DocBin(docs=[doc], store_user_data=True).to_bytes()
    (same,) = DocBin().from_bytes(stored).get_docs(nlp.vocab)
    assert same._.summarize(query="bus") == doc._.summarize(query="bus")
    (other,) = DocBin().from_bytes(stored).get_docs(spacy.blank("en").vocab)
    with pytest.raises(ValueError, match=r"get_docs\(nlp.vocab\)"):
        other._.summarize(query="bus")


def test_documents_of_other_processes(nlp: Language, doc: Doc):
    (same,) = nlp.pipe([TEXT], n_process=2)
    assert same._.summarize(query="bus") == doc._.summarize(query="bus")


def test_empty_document(nlp: Language):
    assert nlp("")._.summarize(query="bus") == ""


def test_needs_an_encoder_of_its_own():
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    model = {
        "@architectures": "spacy-bertsum.BertSum.v1",
        "tok2vec": {
            "@architectures": "spacy-bertsum.SentencePooling.v1",
            "tok2vec": {
                "@architectures": "spacy.HashEmbedCNN.v2",
                "pretrained_vectors": None,
                "width": 16,
                "depth": 1,
                "embed_size": 100,
                "window_size": 1,
                "maxout_pieces": 2,
                "subword_features": True,
            },
        },
        "head": {"@architectures": "spacy-bertsum.LinearHead.v1"},
    }
    bertsum = nlp.add_pipe("bertsum", config={"model": model})
    bertsum.model.initialize(X=[Doc(nlp.vocab, words=["Text"], sent_starts=[True])])
    with pytest.raises(ValueError, match="SentenceEncoder"):
        nlp(TEXT)._.summarize(query="bus")

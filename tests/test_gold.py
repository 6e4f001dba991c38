import pytest
import spacy
from spacy.tokens import DocBin, Span

from spacy_bertsum.gold import find_gold, find_lang, make_splitter, set_gold
from spacy_bertsum.language import get_lang
from spacy_bertsum.records import make_record
from spacy_bertsum.sentencizer import MultilingualSentencizer

TEXT = "Rain fell all week. The dam held. Nobody was hurt in the valley. Schools open on Monday."


@pytest.fixture
def make(nlp):
    """Gold document of a record."""

    def make_gold(lang="en", max_sents=None, **fields):
        record = make_record({"text": TEXT, **fields})
        doc = nlp.make_doc(record.text)
        gold = find_gold(doc.copy(), record, lang, make_splitter(nlp), max_sents)
        return set_gold(doc, record, gold)

    return make_gold


def sents(doc):
    return [sent.text for sent in doc.sents]


def gold(doc):
    return [span.text for span in doc.spans["summary"]]


def test_oracle_finds_the_gold_sentences(make):
    doc = make(summary="The dam held and schools open on Monday.")
    assert len(sents(doc)) == 4
    assert gold(doc) == ["The dam held.", "Schools open on Monday."]
    assert {span.label_ for span in doc.spans["summary"]} == {"SUMMARY"}
    assert doc._.summary == "The dam held and schools open on Monday."
    assert get_lang(doc) == "en"


def test_max_sents(make):
    doc = make(summary="The dam held and schools open on Monday.", max_sents=1)
    assert gold(doc) == ["Schools open on Monday."]


def test_the_best_of_several_references_counts_and_all_are_kept(make):
    doc = make(summary=["Something else.", "Nobody was hurt in the valley."])
    assert gold(doc) == ["Nobody was hurt in the valley."]
    assert doc._.summary == ["Something else.", "Nobody was hurt in the valley."]
    assert make(summary=["Rain fell."])._.summary == "Rain fell."


def test_own_sentences_and_labels(make):
    own = [
        "Rain fell all week. The dam held.",
        "Nobody was hurt",
        "in the valley. Schools open on Monday.",
    ]
    doc = make(sents=own, labels=[0, 1, 1])
    assert sents(doc) == own
    assert gold(doc) == own[1:]
    assert doc._.summary is None


def test_own_sentences_without_labels(make):
    own = [
        "Rain fell all week. The dam held.",
        "Nobody was hurt in the valley. Schools open on Monday.",
    ]
    doc = make(sents=own, summary="The dam held.")
    assert (sents(doc), gold(doc)) == (own, own[:1])


def test_labels_go_before_the_summary(make):
    own = ["Rain fell all week.", "The dam held."]
    doc = make(sents=own, labels=[1, 0], summary="The dam held.")
    assert gold(doc) == ["Rain fell all week."]
    assert doc._.summary == "The dam held."


def test_text_outside_the_given_sentences_is_never_gold(make):
    doc = make(sents=["The dam held.", "Schools open on Monday."], summary="Nobody was hurt. Held.")
    assert sents(doc) == [
        "Rain fell all week.",
        "The dam held.",
        "Nobody was hurt in the valley.",
        "Schools open on Monday.",
    ]
    assert gold(doc) == ["The dam held."]


def test_white_space_around_given_sentences_makes_no_sentence(make):
    doc = make(
        text="\n\nOne came. \n\n Two left.\n", sents=["One came.", "Two left."], labels=[0, 1]
    )
    assert [text.strip() for text in sents(doc)] == ["One came.", "Two left."]
    assert gold(doc)[0].strip() == "Two left."


def test_sentence_inside_a_token_belongs_to_the_one_that_has_it(make):
    doc = make(text="Item a1b2 here. End.", sents=["Item a1", "b2", "here. End."], labels=[0, 1, 0])
    assert sents(doc) == ["Item a1b2", "here. End."]
    assert gold(doc) == ["Item a1b2"]


@pytest.mark.parametrize(
    "lang, code",
    [("en", "en-US"), ("en", "eng"), ("en", "EN"), ("en_GB", "en"), ("zh", "zh-Hans")],
)
def test_summary_in_the_language_of_the_text_however_it_is_written(make, lang, code):
    doc = make(lang=lang, summaries={"de": "Völlig andere Wörter", code: "The dam held."})
    assert gold(doc) == ["The dam held."]


def test_summaries_in_two_scripts_are_alternatives(make):
    doc = make(lang="zh", summaries={"zh-Hant": "Something else.", "zh-Hans": "The dam held."})
    assert gold(doc) == ["The dam held."]


def test_unrelated_summary_leaves_a_document_unlabelled(make):
    doc = make(summary="Völlig andere Wörter")
    assert "summary" not in doc.spans
    assert doc._.summary == "Völlig andere Wörter"


def test_labels_of_zero_are_knowledge(make):
    doc = make(sents=["Rain fell all week.", "The dam held."], labels=[0, 0])
    assert gold(doc) == []


def test_gold_survives_docbin(make, nlp):
    docs = [make(summary=["The dam held.", "It held."]), make(summary="Über")]
    stored = DocBin(docs=docs, store_user_data=True).to_bytes()
    first, second = DocBin().from_bytes(stored).get_docs(spacy.blank("en").vocab)
    assert (sents(first), gold(first)) == (sents(docs[0]), ["The dam held."])
    assert list(first._.summary) == ["The dam held.", "It held."]
    assert "summary" not in second.spans


def test_language_of_a_document():
    german = "Die Fähre fährt wieder, nachdem sie in der Werft drei Wochen lang repariert wurde."
    assert find_lang(spacy.blank("xx").make_doc(german)) == "de"
    assert find_lang(spacy.blank("xx").make_doc(german), "nl") == "nl"
    assert find_lang(spacy.blank("nl").make_doc(german)) == "nl"


def test_splitter_is_the_one_of_the_pipeline(nlp):
    nlp.get_pipe("sentencizer").punct_chars = {"!"}
    doc = make_splitter(nlp)(nlp.make_doc("One. Two! Three."))
    assert sents(doc) == ["One. Two!", "Three."]
    assert isinstance(make_splitter(spacy.blank("en")), MultilingualSentencizer)


def test_splitter_that_is_being_trained_knows_no_sentences_yet():
    nlp = spacy.blank("en")
    nlp.add_pipe("senter")
    assert isinstance(make_splitter(nlp), MultilingualSentencizer)


def test_frozen_splitter_runs_after_what_it_needs():
    @spacy.Language.factory("test_gold_marker")
    def make_marker(nlp, name):
        def mark(doc):
            doc.spans["mark"] = [Span(doc, 0, 1)]
            return doc

        return mark

    nlp = spacy.blank("en")
    nlp.add_pipe("test_gold_marker")
    senter = nlp.add_pipe("senter")
    nlp.initialize()
    senter.set_annotations = lambda docs, scores: [
        setattr(doc[i], "is_sent_start", i == len(doc.spans["mark"]))
        for doc in docs
        for i in (1, 2)
    ]
    nlp.config["training"]["frozen_components"] = ["senter"]
    with nlp.select_pipes(disable=["senter"]):  # as spaCy does while it initializes
        doc = make_splitter(nlp)(nlp.make_doc("One two three"))
    assert sents(doc) == ["One", "two three"]

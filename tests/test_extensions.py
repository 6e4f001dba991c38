import pickle

import numpy
import pytest
import spacy
from numpy.testing import assert_array_equal
from spacy.tokens import Doc, DocBin, Span
from spacy.tokens.underscore import Underscore
from spacy.vocab import Vocab

from spacy_bertsum.extensions import annotate, install
from spacy_bertsum.selection import Selection

TEXT = (
    "The old bridge was closed on Monday. Engineers found cracks in two of its pillars.\n"
    "“We saw it in time,” said the mayor. Since the old bridge was closed, buses have\n"
    "gone another way. Until spring, ferries run every ten minutes."
)
SCORES = [0.9, 0.6, 0.1, 0.8, 0.3]
CHINESE = (
    "老桥星期一关闭了。工程师在两根桥墩上\n发现了裂缝。维修需要一年。\n在此期间渡轮每十分钟一班。"
)


@pytest.fixture(autouse=True)
def extensions(monkeypatch):
    """The extension attributes of this module, and none of them left behind."""
    monkeypatch.setattr(Underscore, "doc_extensions", dict(Underscore.doc_extensions))
    Underscore.doc_extensions.clear()
    install()


@pytest.fixture(scope="module")
def nlp():
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    return nlp


@pytest.fixture
def doc(nlp):
    doc = nlp(TEXT)
    annotate(doc, SCORES, Selection(n_sents=2))
    return doc


def chinese_doc():
    """One token per character, as the multilingual tokenizer makes them."""
    sent_starts = [i == 0 or CHINESE[i - 1] == "。" for i in range(len(CHINESE))]
    return Doc(
        spacy.blank("xx").vocab,
        words=list(CHINESE),
        spaces=[False] * len(CHINESE),
        sent_starts=sent_starts,
    )


def headed_doc():
    """A heading before each sentence, in two scripts."""
    sents = ["港口关闭（图）\n", "风暴来了。", "Storm closes port (photos)\n\n", "It rained."]
    return Doc(
        spacy.blank("xx").vocab,
        words=sents,
        spaces=[False] * len(sents),
        sent_starts=[True] * len(sents),
    )


def test_annotate_sets_everything(doc):
    sents = list(doc.sents)
    assert doc._.summary == (
        "The old bridge was closed on Monday. "
        "Since the old bridge was closed, buses have gone another way."
    )
    group = doc.spans["summary"]
    assert [(span.start, span.end) for span in group] == [
        (sents[i].start, sents[i].end) for i in (0, 3)
    ]
    assert {span.label_ for span in group} == {"SUMMARY"}
    assert group.attrs["scores"].dtype == numpy.float32
    assert_array_equal(group.attrs["scores"], numpy.array([0.9, 0.8], dtype="float32"))
    assert Selection(**group.attrs["selection"]) == Selection(n_sents=2)
    assert doc._.summary_scores.dtype == numpy.float32
    assert_array_equal(doc._.summary_scores, numpy.array(SCORES, dtype="float32"))


def test_other_spans_under_the_name_of_the_summary_hide_nothing(nlp):
    doc = nlp(TEXT)
    install("extract", "extract_scores", "extract_again", spans_key="extract")
    names = {"spans_key": "extract", "summary": "extract", "scores_attr": "extract_scores"}
    annotate(doc, SCORES, Selection(n_sents=1), **names)
    doc.spans["summary"] = [doc[0:3]]
    assert doc._.summarize() == doc._.extract == "The old bridge was closed on Monday."


def test_scores_are_in_the_order_of_the_summary(nlp):
    doc = nlp(TEXT)
    annotate(doc, SCORES[::-1], Selection(n_sents=3, order="score"))
    assert [span.start for span in doc.spans["summary"]] == [
        list(doc.sents)[i].start for i in (4, 1, 3)
    ]
    assert doc.spans["summary"].attrs["scores"] == pytest.approx([0.9, 0.8, 0.6])
    assert doc._.summary.startswith("Until spring, ferries run every ten minutes. Engineers")


def test_scores_are_a_copy(nlp):
    scores = numpy.array(SCORES, dtype="float32")
    doc = nlp(TEXT)
    annotate(doc, scores, Selection())
    scores[:] = 0
    assert doc._.summary_scores[0] > 0


def test_names_are_free(nlp):
    install("extract", "extract_scores", "extract_again", spans_key="ext")
    doc = nlp(TEXT)
    annotate(
        doc,
        SCORES,
        Selection(n_sents=1),
        spans_key="ext",
        summary="extract",
        scores_attr="extract_scores",
    )
    assert doc._.summary is None
    assert list(doc.spans) == ["ext"]
    assert doc._.extract == doc._.extract_again() == "The old bridge was closed on Monday."


def test_attributes_of_others_are_kept(nlp):
    Doc.set_extension("summary", default="theirs", force=True)
    Doc.set_extension("summarize", method=lambda doc: "theirs", force=True)
    install()
    assert nlp(TEXT)._.summary == "theirs"
    assert nlp(TEXT)._.summarize() == "theirs"


@pytest.mark.parametrize(
    "names, message",
    [
        (("extract", "extract", "again"), "need three names"),
        (("extract", "again", "extract"), "need three names"),
        (("", "scores", "again"), "must be an identifier, not ''"),
        (("extract", "the scores", "again"), "must be an identifier, not 'the scores'"),
        (("summarize", "scores", "again"), r"doc\._\.summarize is something else"),
        (("computed", "scores", "again"), r"doc\._\.computed is something else"),
        (("extract", "scores", "summary"), r"doc\._\.summary is something else"),
    ],
)
def test_names_that_cannot_be_had(names, message):
    Doc.set_extension("computed", getter=len)
    with pytest.raises(ValueError, match=message):
        install(*names)


@pytest.mark.parametrize("text", ["", " \n "])
def test_empty_documents(nlp, text):
    doc = nlp(text)
    n_sents = len(list(doc.sents))
    annotate(doc, [0.9] * n_sents, Selection())
    assert doc._.summary == doc._.summarize(max_chars=5, diversity=0.5) == ""
    assert len(doc.spans["summary"]) == len(doc.spans["summary"].attrs["scores"]) == 0
    assert doc._.summary_scores.shape == (n_sents,)
    assert doc._.summary_scores.dtype == numpy.float32
    assert doc._.summarize(as_spans=True) == []


def test_summarize_again(doc):
    assert doc._.summarize() == doc._.summary
    assert doc._.summarize(n_sents=1) == "The old bridge was closed on Monday."
    assert len(doc._.summarize(ratio=0.6, as_spans=True)) == 3
    assert len(doc._.summarize(threshold=0.5, as_spans=True)) == 3
    assert doc._.summarize(max_words=9) == "The old bridge was closed on Monday."
    assert doc._.summarize(order="score").startswith("The old bridge")
    best = doc._.summarize(n_sents=2, block_ngrams=3, as_spans=True)
    assert [span.start for span in best] == [list(doc.sents)[i].start for i in (0, 1)]


def test_summarize_returns_spans(doc):
    spans = doc._.summarize(n_sents=2, order="score", as_spans=True)
    assert all(isinstance(span, Span) and span.label_ == "SUMMARY" for span in spans)
    assert [span.start for span in spans] == [list(doc.sents)[i].start for i in (0, 3)]


def test_summarize_leaves_doc_unchanged(doc):
    before = doc.to_bytes()
    doc._.summarize(n_sents=4, diversity=0.5, block_ngrams=2, order="score")
    assert doc.to_bytes() == before


def test_settings_of_the_pipeline_persist(nlp):
    doc = nlp(TEXT)
    annotate(doc, SCORES, Selection(n_sents=2, threshold=0.7, block_ngrams=3, order="score"))
    sents = list(doc.sents)

    def starts(**settings):
        return [span.start for span in doc._.summarize(as_spans=True, **settings)]

    assert starts() == [sents[0].start, sents[3].start]
    # A new limit takes the place of both old ones; blocking and order stay.
    assert starts(n_sents=4) == [sents[i].start for i in (0, 1, 4, 2)]
    assert starts(threshold=0.5) == [sents[i].start for i in (0, 1)]
    assert starts(threshold=0.5, block_ngrams=0) == [sents[i].start for i in (0, 3, 1)]


def test_defaults_without_stored_settings(doc):
    doc.spans["summary"] = [doc[0:3]]
    assert len(doc._.summarize(as_spans=True)) == 3
    del doc.spans["summary"]
    assert len(doc._.summarize(as_spans=True)) == 3


def test_no_scores(nlp):
    with pytest.raises(ValueError, match=r"doc\._\.summary_scores.*'bertsum'"):
        nlp(TEXT)._.summarize()


def test_scores_of_other_sentences(nlp, doc):
    with pytest.raises(ValueError, match="5 sentences"):
        annotate(nlp(TEXT), SCORES[:-1], Selection())
    doc[2].is_sent_start = True
    for settings in ({}, {"query": "Who pays?"}):
        with pytest.raises(ValueError, match="6 sentences"):
            doc._.summarize(**settings)


def test_no_sentence_boundaries():
    doc = spacy.blank("en")("One sentence. Another one.")
    with pytest.raises(ValueError, match="sentencizer"):
        annotate(doc, [0.5, 0.5], Selection())


def test_bad_setting(doc):
    with pytest.raises(ValueError, match="ratio must be"):
        doc._.summarize(ratio=1.5)


@pytest.mark.parametrize("order", ["document", "score"])
@pytest.mark.parametrize(
    "make", [lambda nlp: nlp(TEXT), lambda _: chinese_doc(), lambda _: headed_doc()]
)
def test_max_chars_is_exact(nlp, make, order):
    doc = make(nlp)
    n_sents = len(list(doc.sents))
    scores = numpy.random.default_rng(1).random(n_sents)
    annotate(doc, scores, Selection(n_sents=n_sents, order=order))
    whole = doc._.summary
    assert doc._.summarize(max_chars=len(whole)) == whole
    assert doc._.summarize(max_chars=len(whole) - 1) != whole
    for limit in range(1, len(whole)):
        assert len(doc._.summarize(max_chars=limit)) <= limit


def test_headings_stand_on_lines_of_their_own():
    doc = headed_doc()
    annotate(doc, [0.5] * 4, Selection(n_sents=4))
    assert doc._.summary == "港口关闭（图）\n风暴来了。Storm closes port (photos)\nIt rained."


def test_chinese_has_no_space_invented():
    doc = chinese_doc()
    assert len(list(doc.sents)) == 4
    annotate(doc, [0.9, 0.8, 0.1, 0.7], Selection())
    assert doc._.summary == (
        "老桥星期一关闭了。工程师在两根桥墩上发现了裂缝。在此期间渡轮每十分钟一班。"
    )


def test_words_leave_out_punctuation_and_whitespace(nlp):
    doc = nlp("One, two - three!\nFour.")
    annotate(doc, [0.9, 0.1], Selection())
    assert doc._.summarize(max_words=3) == "One, two - three!"
    assert doc._.summarize(max_words=2) == "Four."


def test_blocking_ignores_case(nlp):
    doc = nlp("The Old Bridge fell. the old bridge stood. A ferry came.")
    annotate(doc, [0.9, 0.8, 0.7], Selection(n_sents=2, block_ngrams=3))
    assert doc._.summary == "The Old Bridge fell. A ferry came."


def round_trips():
    yield "to_bytes", lambda doc: Doc(doc.vocab).from_bytes(doc.to_bytes())
    yield "fresh vocab", lambda doc: Doc(Vocab()).from_bytes(doc.to_bytes())
    yield "pickle", lambda doc: pickle.loads(pickle.dumps(doc))
    yield "copy", lambda doc: doc.copy()
    yield (
        "DocBin",
        lambda doc: next(
            DocBin()
            .from_bytes(DocBin(docs=[doc], store_user_data=True).to_bytes())
            .get_docs(Vocab())
        ),
    )


@pytest.mark.parametrize("trip", [pytest.param(trip, id=name) for name, trip in round_trips()])
def test_round_trip(nlp, trip):
    doc = nlp(TEXT)
    selection = Selection(n_sents=3, block_ngrams=3, order="score")
    annotate(doc, SCORES, selection)
    copy = trip(doc)
    assert copy._.summary == doc._.summary
    assert copy._.summary_scores.dtype == numpy.float32
    assert_array_equal(copy._.summary_scores, doc._.summary_scores)
    group, group_copy = doc.spans["summary"], copy.spans["summary"]
    assert [(s.start, s.end, s.label_) for s in group_copy] == [
        (s.start, s.end, s.label_) for s in group
    ]
    assert group_copy.attrs["scores"].dtype == numpy.float32
    assert_array_equal(group_copy.attrs["scores"], group.attrs["scores"])
    assert Selection(**group_copy.attrs["selection"]) == selection
    assert copy._.summarize() == doc._.summary
    assert copy._.summarize(n_sents=1) == doc._.summarize(n_sents=1)
    # What was read can be annotated again.
    annotate(copy, copy._.summary_scores, Selection(n_sents=1))
    assert copy._.summary == doc._.summarize(n_sents=1)


def test_extensions_can_be_pickled(doc):
    """As `nlp.pipe(n_process=2)` does to hand them to its workers."""
    extensions = pickle.loads(pickle.dumps(Underscore.doc_extensions))
    _, summarize, _, _ = extensions["summarize"]
    assert summarize(doc, n_sents=1) == doc._.summarize(n_sents=1)

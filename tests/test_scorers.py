import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_bertsum.extensions import install
from spacy_bertsum.rouge import score_rouge
from spacy_bertsum.scorers import make_summary_scorer, summary_score

VOCAB = Vocab()
WORDS = ["It", "rains", ".", "We", "stay", "home", ".", "Cats", "sleep", "."]
SENTS = [(0, 3), (3, 7), (7, 10)]
NAMES = {"rouge_1", "rouge_2", "rouge_l", "summary_p", "summary_r", "summary_f"}

install()


def make_doc(summary: str | list[str] | None = None, sents: list[int] | None = None) -> Doc:
    doc = Doc(VOCAB, words=WORDS, sent_starts=[i in (0, 3, 7) for i in range(len(WORDS))])
    doc._.summary = summary
    if sents is not None:
        doc.spans["summary"] = [Span(doc, *SENTS[i]) for i in sents]
    return doc


def test_string_reference():
    example = Example(make_doc("We stay home today."), make_doc("We stay home."))
    scores = summary_score([example])
    assert set(scores) == {*NAMES, "summary_per_lang"}
    assert scores["rouge_1"] == pytest.approx(2 * 3 / 7)
    assert scores["rouge_2"] == pytest.approx(2 * 2 / 5)
    assert scores["rouge_l"] == pytest.approx(2 * 3 / 7)
    assert scores["summary_p"] is scores["summary_r"] is scores["summary_f"] is None


def test_several_references_take_the_best():
    predicted = make_doc("Cats sleep.")
    gold = make_doc(["It rains.", "Cats sleep.", "We stay."])
    assert summary_score([Example(predicted, gold)])["rouge_1"] == 1.0


def test_gold_sentences_stand_in_for_a_reference():
    predicted = make_doc("It rains. Cats purr.", [0, 2])
    scores = summary_score([Example(predicted, make_doc(sents=[0, 2]))])
    assert scores["rouge_1"] == pytest.approx(3 / 4)


def test_written_reference_goes_before_gold_sentences():
    predicted = make_doc("Cats sleep.", [2])
    scores = summary_score([Example(predicted, make_doc("Cats sleep.", [0]))])
    assert scores["rouge_1"] == 1.0
    assert scores["summary_f"] == 0.0


def test_rouge_is_the_mean_of_documents_with_a_reference():
    examples = [
        Example(make_doc("It rains."), make_doc("It rains.")),
        Example(make_doc("Cats sleep."), make_doc()),
        Example(make_doc(None), make_doc("Cats sleep.")),
        Example(make_doc("Cats purr."), make_doc("Cats sleep.")),
    ]
    scores = summary_score(iter(examples))
    assert scores["rouge_1"] == pytest.approx((1 + 0 + 1 / 2) / 3)
    assert scores["rouge_2"] == pytest.approx((1 + 0 + 0) / 3)


def test_precision_and_recall_over_all_sentences():
    examples = [
        Example(make_doc("", [0, 1]), make_doc(sents=[1, 2])),
        Example(make_doc("", [2]), make_doc(sents=[0, 1, 2])),
        Example(make_doc("", [0]), make_doc(sents=[])),
        Example(make_doc("", [0, 1, 2]), make_doc("Not judged by its sentences.")),
    ]
    scores = summary_score(examples)
    # 2 right, 2 wrong (0 of the first, 0 of the third), 3 missed (2; 0 and 1).
    assert scores["summary_p"] == pytest.approx(2 / 4)
    assert scores["summary_r"] == pytest.approx(2 / 5)
    assert scores["summary_f"] == pytest.approx(2 * 0.5 * 0.4 / 0.9)


def test_nothing_chosen():
    scores = summary_score([Example(make_doc(), make_doc("It rains.", [0]))])
    assert scores["rouge_1"] == scores["summary_p"] == scores["summary_r"] == 0.0


@pytest.mark.parametrize("examples", [[], [Example(make_doc("It rains.", [0]), make_doc())]])
def test_none_where_there_is_nothing_to_score(examples: list[Example]):
    scores = summary_score(examples)
    assert all(scores[name] is None for name in NAMES)


def test_settings_name_the_spans_and_the_attribute():
    install(summary="abstract")
    predicted, gold = make_doc("It rains."), make_doc("We stay home.")
    predicted._.abstract, gold._.abstract = "Cats sleep.", "Cats sleep."
    predicted.spans["key"], gold.spans["key"] = [predicted[0:3]], [gold[0:3]]
    scores = make_summary_scorer()(
        [Example(predicted, gold)], spans_key="key", summary_attr="abstract"
    )
    assert all(scores[name] == 1.0 for name in NAMES)


def test_attribute_that_nobody_has_set():
    predicted, gold = make_doc(sents=[0]), make_doc(sents=[0, 2])
    scores = summary_score([Example(predicted, gold)], summary_attr="no_such_attribute")
    assert scores["rouge_1"] == score_rouge("It rains. Cats sleep.", "It rains.")["rouge_1"]
    assert scores["summary_r"] == 0.5


def test_other_scripts():
    words = list("图书馆开门。天下雨。")
    docs = [Doc(VOCAB, words=words, spaces=[False] * 10) for _ in range(2)]
    docs[0]._.summary, docs[1]._.summary = "图书馆开门。", "图书馆今天开门。"
    assert summary_score([Example(*docs)])["rouge_1"] == pytest.approx(2 * 5 / 12)


def test_each_language_by_itself():
    examples = [
        Example(make_doc("It rains.", [0]), make_doc("It rains.", [0])),
        Example(make_doc("It rains.", [0]), make_doc("Cats sleep.", [2])),
        Example(make_doc("It rains.", [0]), make_doc("It rains today.", [0])),
    ]
    for example, lang in zip(examples, ["de", "de", "fr"], strict=True):
        example.reference.user_data["lang"] = lang
    scores = summary_score(examples)
    per_lang = scores["summary_per_lang"]
    assert list(per_lang) == ["de", "fr"]
    assert per_lang["de"]["rouge_1"] == pytest.approx(1 / 2)
    assert per_lang["de"]["summary_f"] == pytest.approx(1 / 2)
    assert per_lang["fr"]["rouge_1"] == pytest.approx(4 / 5)
    assert per_lang["fr"]["summary_f"] == 1.0
    assert scores["rouge_1"] == pytest.approx((1 + 0 + 4 / 5) / 3)


def test_language_of_the_pipeline_where_a_document_names_none():
    docs = [spacy.blank("sv")("Ja.") for _ in range(2)]
    for doc in docs:
        doc._.summary = "Ja."
    assert list(summary_score([Example(*docs)])["summary_per_lang"]) == ["sv"]

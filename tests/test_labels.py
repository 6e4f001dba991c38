import pytest
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_bertsum.labels import get_labels

VOCAB = Vocab()
WORDS = ["It", "rains", ".", "We", "stay", "at", "home", ".", "Cats", "sleep", "."]


def make_doc(words: list[str], starts: list[int], spaces: list[bool] | None = None) -> Doc:
    sent_starts = [i in starts for i in range(len(words))]
    return Doc(VOCAB, words=words, spaces=spaces, sent_starts=sent_starts)


def labels(predicted: Doc, gold: Doc, spans: list[tuple[int, int]]) -> list[float]:
    gold.spans["summary"] = [Span(gold, start, end) for start, end in spans]
    result = get_labels(Example(predicted, gold), "summary")
    assert result.dtype == "float32"
    return result.tolist()


@pytest.mark.parametrize(
    "spans, expected",
    [
        ([], [0, 0, 0]),
        ([(0, 3)], [1, 0, 0]),
        ([(8, 11), (3, 8)], [0, 1, 1]),
        ([(0, 11)], [1, 1, 1]),
    ],
)
def test_same_sentences(spans: list[tuple[int, int]], expected: list[float]):
    assert labels(make_doc(WORDS, [0, 3, 8]), make_doc(WORDS, [0, 3, 8]), spans) == expected


def test_gold_sentence_split_in_two():
    gold, predicted = make_doc(WORDS, [0, 3, 8]), make_doc(WORDS, [0, 3, 5, 8])
    assert labels(predicted, gold, [(3, 8)]) == [0, 1, 1, 0]


def test_gold_sentences_merged_into_one_go_by_the_majority_of_tokens():
    gold, predicted = make_doc(WORDS, [0, 3, 8]), make_doc(WORDS, [0, 8])
    assert labels(predicted, gold, [(0, 3)]) == [0, 0], "3 of 8 tokens"
    assert labels(predicted, gold, [(3, 8)]) == [1, 0], "5 of 8 tokens"


def test_half_of_the_tokens_is_enough():
    gold, predicted = make_doc(WORDS[:6], [0, 3]), make_doc(WORDS[:6], [0])
    assert labels(predicted, gold, [(0, 3)]) == [1]


def test_gold_may_have_no_sentences():
    predicted = make_doc(WORDS, [0, 3, 8])
    gold = Doc(VOCAB, words=WORDS)
    assert labels(predicted, gold, [(3, 8)]) == [0, 1, 0]


def test_other_tokens():
    predicted = make_doc(
        ["Don't", "go", ".", "It's", "wet", "."], [0, 3], [True, False, True, True, False, False]
    )
    gold_words = ["Do", "n't", "go", ".", "It", "'s", "we", "t."]
    gold_spaces = [False, True, False, True, False, True, False, False]
    gold = make_doc(gold_words, [0, 4], gold_spaces)
    assert gold.text == predicted.text
    assert labels(predicted, gold, [(4, 8)]) == [0, 1]
    assert labels(predicted, gold, [(0, 4)]) == [1, 0]


def test_single_characters_against_words():
    predicted = make_doc(list("下雨了。我们在家。"), [0, 4], [False] * 9)
    gold = make_doc(["下雨", "了", "。", "我们", "在", "家", "。"], [0, 3], [False] * 7)
    assert labels(predicted, gold, [(3, 7)]) == [0, 1]


def test_no_gold_summary():
    doc = make_doc(WORDS, [0, 3, 8])
    doc.spans["other"] = [doc[0:3]]
    assert get_labels(Example(doc.copy(), doc), "summary") is None
    assert get_labels(Example(doc.copy(), doc), "other").tolist() == [1, 0, 0]


def test_empty_document():
    doc = Doc(VOCAB)
    doc.spans["summary"] = []
    assert get_labels(Example(Doc(VOCAB), doc), "summary").shape == (0,)

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from time import process_time

import numpy
import pytest

from spacy_bertsum.oracle import greedy_oracle, sentence_gains
from spacy_bertsum.rouge import tokenize

TEXTS = {
    "en": (
        [
            "It was a quiet week in town.",
            "The library opened a new reading room on Monday.",
            "Many people came to see the new room.",
            "The mayor spoke, and the choir sang.",
            "Next year the library will buy more books.",
        ],
        "On Monday the library opened a reading room and many people came to see it.",
    ),
    "ru": (
        [
            "В городе было тихо.",
            "Библиотека открыла новый зал в понедельник.",
            "Пришло много людей.",
            "Потом пел хор.",
        ],
        "В понедельник библиотека открыла новый зал, и пришло много людей.",
    ),
    "hi": (
        ["शहर में शांति थी।", "पुस्तकालय ने नया कमरा खोला।", "बहुत लोग आए।"],
        "पुस्तकालय ने नया कमरा खोला और बहुत लोग आए।",
    ),
    "zh": (
        ["这个星期很安静。", "图书馆开放了新的阅览室。", "很多人来参观。", "市长讲话了。"],
        "图书馆开放新阅览室,很多人参观。",
    ),
    "th": (["วันนี้ฝนตก", "ห้องสมุดเปิดห้องอ่านใหม่", "คนมามาก"], "ห้องสมุดเปิดห้องใหม่ คนมามาก"),
    "ar": (
        ["كان الأسبوع هادئا.", "فتحت المكتبة قاعة جديدة.", "جاء كثير من الناس."],
        "فتحت المكتبة قاعة جديدة وجاء كثير من الناس.",
    ),
}


def ngrams(tokens: list[str], n: int) -> Counter:
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def quality(extract: list[str], reference: str) -> Fraction:
    """ROUGE-1 F + ROUGE-2 F, exactly."""
    total = Fraction(0)
    for n in (1, 2):
        wanted = ngrams(tokenize(reference), n)
        found = sum((ngrams(tokenize(sentence), n) for sentence in extract), Counter())
        size = wanted.total() + found.total()
        if size:
            total += Fraction(2 * (wanted & found).total(), size)
    return total


def plain_oracle(
    sentences: list[str], references: str | Sequence[str], limit: int | None = None
) -> list[int]:
    best_chosen: list[int] = []
    best_score = Fraction(0)
    for reference in [references] if isinstance(references, str) else references:
        chosen: list[int] = []
        score = Fraction(0)
        while limit is None or len(chosen) < limit:
            candidates = [
                (quality([sentences[j] for j in [*chosen, i]], reference), -i)
                for i in range(len(sentences))
                if i not in chosen
            ]
            new_score, minus_i = max(candidates, default=(score, 0))
            if new_score <= score:
                break
            score = new_score
            chosen.append(-minus_i)
        if score > best_score:
            best_score, best_chosen = score, chosen
    return sorted(best_chosen)


def random_text(rng: numpy.random.Generator, n_tokens: int, vocabulary: str) -> str:
    return " ".join(rng.choice(list(vocabulary), size=n_tokens))


@pytest.mark.parametrize("vocabulary", ["ab", "abcde", "abcdefghijklmnopqrst"])
@pytest.mark.parametrize("seed", range(40))
def test_equal_to_plain_greedy_search(seed: int, vocabulary: str):
    rng = numpy.random.default_rng(seed)
    sentences = [
        random_text(rng, rng.integers(0, 8), vocabulary) for _ in range(rng.integers(0, 10))
    ]
    references = [random_text(rng, n, vocabulary) for n in rng.integers(0, 16, size=seed % 3 + 1)]
    limit = [None, 1, 2][seed % 3]
    expected = plain_oracle(sentences, references, limit)
    assert greedy_oracle(sentences, references, limit) == expected


@pytest.mark.parametrize("seed", range(60))
def test_equal_to_plain_greedy_search_in_documents(seed: int):
    """Frequent and rare words, sentences that repeat or quote a reference, and empty ones."""
    rng = numpy.random.default_rng(seed)
    words = ["the", "of", "été", "町", *(f"w{i}" for i in range(60))]
    shares = 1 / numpy.arange(1, len(words) + 1)

    def write(n_tokens: int) -> str:
        return " ".join(rng.choice(words, size=n_tokens, p=shares / shares.sum()))

    references = [write(n) for n in rng.integers(0, 60, size=seed % 4 + 1)]
    sentences = [write(n) for n in rng.integers(0, 25, size=12)]
    for reference in references:
        cut = rng.integers(0, len(reference) + 1)
        sentences += [reference[:cut], f"{reference[cut:]} {write(3)}"]
    sentences += [str(sentence) for sentence in rng.choice(sentences, size=3)]
    sentences = [sentences[i] for i in rng.permutation(len(sentences))]
    limit = [None, None, 3][seed % 3]
    expected = plain_oracle(sentences, references, limit)
    assert greedy_oracle(sentences, references, limit) == expected


@pytest.mark.parametrize("lang", TEXTS)
def test_equal_to_plain_greedy_search_in_every_script(lang: str):
    sentences, reference = TEXTS[lang]
    chosen = greedy_oracle(sentences, reference)
    assert chosen == plain_oracle(sentences, reference)
    assert {1, 2} <= set(chosen)
    assert 0 not in chosen


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 99])
def test_no_more_sentences_than_asked_for(limit: int):
    sentences = ["a b c d", "e f g", "h i", "j", "x y z"]
    chosen = greedy_oracle(sentences, "j h i e f g a b c d", max_sents=limit)
    assert chosen == [0, 1, 2, 3][:limit]


def test_document_order_whatever_the_order_of_choice():
    assert greedy_oracle(["c d", "x", "a b e f"], "a b e f c d") == [0, 2]


def test_of_equal_sentences_the_first_wins():
    assert greedy_oracle(["x y", "a b", "a b", "b a"], "a b") == [1]


def test_equal_scores_that_round_differently_are_equal():
    # 4/8 + 2/6 and 10/12 + 0: both are 5/6, but not in floating point.
    few, many = "a b x", "a c e b d x x"
    assert quality([few], "a b c d e") == quality([many], "a b c d e") == Fraction(5, 6)
    assert greedy_oracle([few, many], "a b c d e", max_sents=1) == [0]
    assert greedy_oracle([many, few], "a b c d e", max_sents=1) == [0]


def test_scores_that_differ_in_the_eleventh_digit_differ():
    longer, shorter = ("a" + n * " x" for n in (200_001, 200_000))
    assert 0 < quality([shorter], "a b") - quality([longer], "a b") < 1e-10
    assert greedy_oracle([longer, shorter], "a b", max_sents=1) == [1]


def test_ngrams_do_not_cross_sentences():
    # "b c" is in the reference, but in no sentence: only one-word matches count.
    assert greedy_oracle(["a b", "c d"], "b c") == [0, 1]
    assert quality(["a b", "c d"], "b c") == Fraction(4, 6)


def test_of_several_references_the_best_one_counts():
    sentences = ["a b c", "d e f", "g h i"]
    assert greedy_oracle(sentences, ["a b x y z z", "g h i"]) == [2]
    assert greedy_oracle(sentences, ["g h i", "a b c"]) == [2], "the first of two equals"


def test_reference_of_one_token():
    assert greedy_oracle(["x", "a x", "a"], "a") == [2]


@pytest.mark.parametrize("references", ["", "…", "x y z", [], ["", "x"]])
def test_nothing_in_common(references: str | list[str]):
    assert greedy_oracle(["a b", "c d", ""], references) == []


def test_no_sentences():
    assert greedy_oracle([], "a b") == []
    assert greedy_oracle([], "a b", max_sents=3) == []


def test_long_document_is_no_trouble():
    rng = numpy.random.default_rng(0)
    words = [f"w{i}" for i in range(3000)]
    sentences = [" ".join(rng.choice(words, size=25)) for _ in range(2000)]
    start = process_time()
    chosen = greedy_oracle(sentences, " ".join(sentences[i] for i in (3, 500, 1999)))
    assert {3, 500, 1999} <= set(chosen)
    assert process_time() - start < 5


@pytest.mark.parametrize("seed", range(10))
def test_gains_are_the_scores_of_single_sentences(seed: int):
    rng = numpy.random.default_rng(seed)
    sentences = [random_text(rng, n, "abcdef") for n in rng.integers(0, 8, size=9)]
    references = [random_text(rng, n, "abcdef") for n in rng.integers(0, 16, size=seed % 3 + 1)]
    expected = [max(float(quality([s], r)) / 2 for r in references) for s in sentences]
    assert sentence_gains(sentences, references) == pytest.approx(expected, abs=1e-12)


def test_gains_lie_between_nothing_in_common_and_the_reference_itself():
    assert sentence_gains(["A b.", "c", ""], "a b").tolist() == [1.0, 0.0, 0.0]
    assert sentence_gains(["a b", "c"], []).tolist() == [0.0, 0.0]
    assert sentence_gains([], "a b").shape == (0,)

import unicodedata

import numpy
import pytest
from rouge_score.rouge_scorer import RougeScorer

from spacy_bertsum.rouge import METRICS, mean_rouge, score_rouge, tokenize

ENGLISH = [
    (
        "The town library opens a new reading room on Monday.",
        "On Monday, the library of the town opened its reading-room: a new one!",
    ),
    (
        "Mayor O'Neil didn't promise 3,500 new homes; she hoped for 2.5% more.",
        "The mayor did not promise any homes. She hoped for 2.5 percent more homes in 2024.",
    ),
    ("It rains. It rains again. It rains and rains.", "It rains and it rains, again and again."),
    ("Ships left the HARBOUR_front at 6am (local time) — ten of them.", "ten ships left at 6am"),
    ("One two three.", "Four five six."),
]
ENGLISH_WORDS = """
    the The THE a of and rain rains rained museum Museum's don't O'Neil re-opened e-mail
    state-of-the-art U.K. 3,500 2.5% $4.50 1990s 20-30 6am A_B well-known (and) "quoted" [sic] x=y
    … — & / ; ! ? end. end, end: 007 B12 http://example.org/a-b?c=1 name@example.org #tag
"""
# By language: a reference, a summary that shares words with it, and a stranger.
OTHERS = {
    "ru": (
        "Новая библиотека открылась в центре города.",
        "Библиотека открылась в центре.",
        "Завтра будет снег.",
    ),
    "hi": ("पुस्तकालय में नई किताबें आईं।", "नई किताबें आईं।", "कल वर्षा होगी।"),
    "zh": ("城市图书馆开放新阅览室。", "图书馆有新阅览室。", "明天下雨。"),
    "ja": ("町の図書館が新しくなった。", "図書館が新しい。", "あす、ゆき"),
    "th": ("ห้องสมุดเปิดห้องใหม่", "ห้องสมุดมีห้องใหม่", "ฝน"),
    "ar": ("فتحت مكتبة المدينة قاعة جديدة.", "قاعة جديدة في مكتبة المدينة.", "غدا مطر."),
    "ko": ("도서관이 새 열람실을 열었다.", "새 열람실을 열었다.", "내일 비가 온다."),
    "el": ("Η ΝΈΑ ΒΙΒΛΙΟΘΉΚΗ ΆΝΟΙΞΕ.", "η νέα βιβλιοθήκη", "βρέχει"),
}


@pytest.mark.parametrize("reference, summary", ENGLISH)
def test_english_equals_rouge_score(reference: str, summary: str):
    expected = RougeScorer(list(METRICS.values())).score(reference, summary)
    assert score_rouge(reference, summary) == {
        name: expected[key].fmeasure for name, key in METRICS.items()
    }


@pytest.mark.parametrize("seed", range(40))
def test_english_equals_rouge_score_with_several_references(seed: int):
    rng = numpy.random.default_rng(seed)
    summary, *references = (
        rng.choice([" ", "  ", "\n"]).join(rng.choice(ENGLISH_WORDS.split(), size=n))
        for n in rng.integers(0, 40, size=seed % 4 + 2)
    )
    expected = RougeScorer(list(METRICS.values()), use_stemmer=False).score_multi(
        references, summary
    )
    assert score_rouge(references, summary) == {
        name: expected[key].fmeasure for name, key in METRICS.items()
    }


@pytest.mark.parametrize("summary", ["", " \n", "…!?", "-- _ --"])
def test_summary_without_words_equals_rouge_score(summary: str):
    references = ["The rain in town.", ""]
    expected = RougeScorer(list(METRICS.values())).score_multi(references, summary)
    assert {score.fmeasure for score in expected.values()} == {0.0}
    assert score_rouge(references, summary) == dict.fromkeys(METRICS, 0.0)


@pytest.mark.parametrize("lang", OTHERS)
def test_other_scripts_count(lang: str):
    reference, summary, stranger = OTHERS[lang]
    assert score_rouge(reference, reference) == dict.fromkeys(METRICS, 1.0)
    assert all(0.3 < score < 1 for score in score_rouge(reference, summary).values())
    assert score_rouge(reference, stranger) == dict.fromkeys(METRICS, 0.0)


@pytest.mark.parametrize(
    "text, tokens",
    [
        ("हिन्दी किताबें", ["हिन्दी", "किताबें"]),
        ("ห้องน้ำ", ["ห้", "อ", "ง", "น้", "ำ"]),
        ("မြန်မာ", ["မြ", "န်", "မာ"]),
        ("ខ្មែរ", ["ខ្", "មែ", "រ"]),
        ("2024年に東京で", ["2024", "年", "に", "東", "京", "で"]),
        ("Don't stop: e-mail A_B!", ["don", "t", "stop", "e", "mail", "a", "b"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("ΟΔΟΣ οδός", ["οδοσ", "οδόσ"]),
        ("مُحَمَّد", ["مُحَمَّد"]),
        ("— … !? \n", []),
        ("𠮷野家で🍜2杯", ["𠮷", "野", "家", "で", "2", "杯"]),
        ("𞤀𞤣𞤤𞤢𞤥 𝟙𝟚", ["𞤢𞤣𞤤𞤢𞤥", "𝟙𝟚"]),
        ("神\ufe00社", ["神\ufe00", "社"]),
        ("ก้a้", ["ก้", "a", "้"]),
    ],
)
def test_tokens(text: str, tokens: list[str]):
    assert tokenize(text) == tokens


@pytest.mark.parametrize(
    "text",
    ["Été à Łódź", "tiếng Việt", "й ё", "が ポ", "한국어", "بَيتٌ آخر", "ΐ Ά", "İzmir", "\u09dc"],
)
def test_composed_and_decomposed_are_the_same(text: str):
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert len({text, composed, decomposed}) == 2
    assert tokenize(composed) == tokenize(decomposed) == tokenize(text)
    assert score_rouge(text, decomposed) == score_rouge(text, text)


def test_an_emoji_changes_no_other_token():
    """Texts with characters beyond U+FFFF go through another expression than all others."""
    for start in range(0, 0x10000, 0x1000):
        text = " ".join(f"a{c}b 町{c}ก {c}" for c in map(chr, range(start, start + 0x1000)))
        assert tokenize(f"{text} 😀") == tokenize(text)


def test_each_metric_takes_its_best_reference():
    # The first reference has the summary's words, the second its order of words.
    references = ["c b a x", "a b y y y y y y"]
    alone = [score_rouge(reference, "a b c") for reference in references]
    assert alone[0]["rouge_1"] > alone[1]["rouge_1"]
    assert alone[1]["rouge_2"] > alone[0]["rouge_2"]
    best = {name: max(scores[name] for scores in alone) for name in METRICS}
    assert score_rouge(references, "a b c") == best


def test_empty_texts_score_nothing():
    zeros = dict.fromkeys(METRICS, 0.0)
    assert score_rouge("A reference.", "") == zeros
    assert score_rouge("", "A summary.") == zeros
    assert score_rouge(["", "..."], "") == zeros


def test_no_reference_is_an_error():
    with pytest.raises(ValueError, match="at least one reference"):
        score_rouge([], "A summary.")


def test_mean():
    scores = [score_rouge("a b c d", summary) for summary in ("a b c d", "a b", "")]
    mean = mean_rouge(iter(scores))
    for name in METRICS:
        assert mean[name] == pytest.approx(numpy.mean([s[name] for s in scores]))
    assert mean["rouge_1"] == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert mean_rouge([]) == dict.fromkeys(METRICS, 0.0)

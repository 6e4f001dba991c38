import pickle
import time

import pytest
import spacy
from spacy.tokenizer import Tokenizer

CONFIG = {"nlp": {"tokenizer": {"@tokenizers": "spacy-bertsum.MultilingualTokenizer.v1"}}}


@pytest.fixture(scope="module")
def nlp():
    return spacy.blank("xx", config=CONFIG)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("天气很好。我们走吧！", "天 气 很 好 。 我 们 走 吧 ！"),
        ("他说：“好，走！”（真的）", "他 说 ： “ 好 ， 走 ！ ” （ 真 的 ）"),
        ("𠮷野家", "𠮷 野 家"),
        ("「はい。」と言った。", "「 は い 。 」 と 言 っ た 。"),
        ("ケーキ、ﾊﾞｽ", "ケ ー キ 、 ﾊﾞ ｽ"),
        ("か\u3099き", "か\u3099 き"),
        ("เด็กน้อยไปบ้าน", "เด็ ก น้ อ ย ไป บ้า น"),
        ("ເຈົ້າສະບາຍດີ", "ເຈົ້າ ສະ ບາ ຍ ດີ"),
        ("ခွေးကြီး။လာပြီ။", "ခွေး ကြီး ။ လာ ပြီ ။"),
        ("ခ္မာ", "ခ္မာ"),
        ("ខ្ញុំទៅផ្ទះ។គាត់", "ខ្ញុំ ទៅ ផ្ទះ ។ គា ត់"),
        ("ང་འགྲོ་གི་ཡིན།ཁོང་", "ང་ འགྲོ་ གི་ ཡིན ། ཁོང་"),
        ("집에 갔다.나는 남았다", "집에 갔다 . 나는 남았다"),
        ("یہ گھر ہے۔کیا", "یہ گھر ہے ۔ کیا"),
        ("هل جئت؟نعم،جئت", "هل جئت ؟ نعم ، جئت"),
        ("यह घर है।ठीक", "यह घर है । ठीक"),
        ("ቤት ነው።ማን፧እኔ", "ቤት ነው ። ማን ፧ እኔ"),
        ("Really?Yes!Fine", "Really ? Yes ! Fine"),
    ],
)
def test_scripts(nlp, text, expected):
    assert [token.text for token in nlp(text)] == expected.split()


@pytest.mark.parametrize(
    "text, whole",
    [
        ("我用iPhone15拍照", ["iPhone15"]),
        ("价格是1,234.5元", ["1,234.5", "元"]),
        ("请看https://example.org/a?b=c&d=e。谢谢", ["https://example.org/a?b=c&d=e", "。"]),
        ("https://example.org/a:b、次", ["https://example.org/a:b", "、"]),
        ("写信给info@example.org。", ["info@example.org", "。"]),
        ("世界(WTO)组织", ["(", "WTO", ")"]),
        ("ราคา1,500บาท", ["1,500"]),
    ],
)
def test_foreign_words_stay_whole_in_unspaced_text(nlp, text, whole):
    tokens = [token.text for token in nlp(text)]
    assert [token for token in tokens if token in whole] == whole


@pytest.mark.parametrize(
    "text",
    [
        "Mr. Smith's e-mail cost $3.50, didn't it?",
        "Das ist z.B. ein Haus (siehe www.example.org/a_b).",
        "می‌خواهم بروم",
        "Сказал: «Нет!» — и ушёл...",
    ],
)
def test_spaced_scripts_keep_the_rules_of_the_language(nlp, text):
    plain = spacy.blank("xx")
    assert [token.text for token in nlp(text)] == [token.text for token in plain(text)]


def test_rules_of_the_language_come_first():
    english = spacy.blank("en", config=CONFIG)
    assert [token.text for token in english("I can't。")] == ["I", "ca", "n't", "。"]


@pytest.mark.parametrize("lang", ["zh", "ja", "ko", "th", "de", "fr", "he", "hu", "bo"])
def test_any_language(lang):
    blank = spacy.blank(lang, config=CONFIG)
    assert type(blank.tokenizer) is Tokenizer
    assert [token.text for token in blank("天气。เด็ก")] == ["天", "气", "。", "เด็", "ก"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\n\n\t 天 \r\n 气 ",
        "\x00\x01a\x0b\x0c\x1c\x85\u2028天\ufeff\u200b気",
        "👍🏽👩‍👩‍👧好😀❤️1️⃣",
        "שלום123عربي天!?",
        "\u0301\u0e48\u3099",
        "e\u0301天\u0301",
        "=" * 100 + "天" + "!" * 100,
    ],
)
def test_no_character_is_lost(nlp, text):
    assert nlp(text).text == text


@pytest.mark.parametrize(
    "unit", ["天", "天。", "a", "เด็", "!", "_", "。", "😀", "x!", "(天", "http://"]
)
def test_time_grows_with_the_length_only(unit):
    # 50,000 characters without a space take a fraction of a second; growth in the square of the
    # length, which runs of symbols and addresses have in spaCy's own rules, takes minutes.
    text = unit * (50_000 // len(unit))
    nlp = spacy.blank("xx", config=CONFIG)
    start = time.process_time()
    doc = nlp(text)
    assert time.process_time() - start < 5
    assert doc.text == text


def test_explain_agrees(nlp):
    text = "请看https://example.org。他说：“好！”Really?Yes, 3.5kg"
    assert [token for _, token in nlp.tokenizer.explain(text)] == [
        token.text for token in nlp(text)
    ]


def test_serialization(nlp, tmp_path):
    text = "天气很好。เด็กน้อย Really?Yes https://example.org。"
    expected = [token.text for token in nlp(text)]
    nlp.to_disk(tmp_path)
    for copy in (
        spacy.load(tmp_path),
        spacy.blank("xx", config=CONFIG).from_bytes(nlp.to_bytes()),
        pickle.loads(pickle.dumps(nlp)),
    ):
        assert [token.text for token in copy(text)] == expected

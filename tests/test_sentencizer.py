import json
import pickle
import textwrap
import time

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc
from spacy.training import Example

from spacy_bertsum.boundaries import MIN_SPACED_SENTENCE, find_sentences

TOKENIZER = {"nlp": {"tokenizer": {"@tokenizers": "spacy-bertsum.MultilingualTokenizer.v1"}}}

# Sentences by language, and what stands between them.
TEXTS = {
    "en": (
        " ",
        ["Dr. Green paid 3.50 dollars to Mr. J. Hill.", "Why?", "Nobody knows, e.g. not me!"],
    ),
    "de": (" ", ["Am 3. Mai kam z. B. Dr. Vogel an.", "Er blieb bis ca. 9 Uhr.", "Warum?"]),
    "fr": (" ", ["M. Petit habite ici.", "Où va-t-il ?", "« Je pars. Demain. »"]),
    "es": (" ", ["El Sr. Prado llegó tarde.", "¿Qué pasó?", "¡Nadie lo sabe!"]),
    "ru": (" ", ["Он живёт в г. Туле.", "А. П. Громов уехал!", "Когда?"]),
    "el": (" ", ["Το παιδί παίζει.", "Πού είναι η μητέρα του;", "Είναι στο σπίτι."]),
    "ar": (" ", ["ذهب الولد إلى البيت.", "أين أمه؟", "هي في السوق!"]),
    "ur": (" ", ["لڑکا گھر گیا۔", "اس کی ماں کہاں ہے؟", "وہ بازار میں ہے۔"]),
    "he": (" ", ["הילד הלך הביתה.", "איפה אמא שלו?", "היא בשוק!"]),
    "hi": (" ", ["लड़का घर गया।", "उसकी माँ कहाँ है?", "वह बाज़ार में है।"]),
    "bn": (" ", ["ছেলেটি বাড়ি গেল।", "তার মা কোথায়?", "তিনি বাজারে আছেন।"]),
    "zh": ("", ["孩子回家了。", "他妈妈在哪儿？", "他说：“她走了。我不知道。”"]),
    "ja": ("", ["子どもは家に帰った。", "母はどこですか？", "市場にいます！"]),
    "th": (
        " ",
        [
            "เมื่อวันที่ 3 พ.ค. เด็กชายคนหนึ่งเดินกลับบ้านพร้อมกับแม่ของเขาหลังจากเลิกเรียนแล้ว",
            "เช้าวันต่อมาเขาตื่นสายมากจนไปโรงเรียนไม่ทันและต้องนั่งรถไปกับ นาย ก. ซึ่งเป็นเพื่อนบ้าน",
        ],
    ),
    "my": (" ", ["ကလေး၏ အမေသည် ထမင်း၊ ဟင်း ချက်သည်။", "သူ ဘယ်မှာလဲ။", "ဈေးမှာ ရှိတယ်။"]),
    "am": (" ", ["ልጁ ወደ ቤት ሄደ።", "እናቱ የት ናት፧", "ገበያ ናት!"]),
    "ko": (" ", ["아이는 집에 갔다.", "어머니는 어디 계실까?", "시장에 계신다!"]),
    "km": (" ", ["កុមារទៅផ្ទះ។", "ម្ដាយនៅផ្សារ។", "គាត់នឹងមកវិញ។"]),
    "hy": (" ", ["Տղան գնաց տուն։", "Մայրը շուկայում է։"]),
}
# Languages with a class in spaCy that needs no further package.
OWN = ["en", "de", "fr", "es", "ru", "el", "ar", "ur", "he", "hi", "bn", "zh", "am", "hy"]


def sentences(nlp, text):
    return [sent.text.strip() for sent in nlp(text).sents]


def pipeline(language, tokenizer=None, /, **settings):
    nlp = spacy.blank(language, config=tokenizer or {})
    nlp.add_pipe("multilingual_sentencizer", config=settings)
    return nlp


@pytest.fixture(scope="module")
def mixed():
    return pipeline("xx", TOKENIZER)


@pytest.mark.parametrize("lang", TEXTS)
def test_any_language_in_a_mixed_stream(mixed, lang):
    separator, expected = TEXTS[lang]
    assert sentences(mixed, separator.join(expected)) == expected


@pytest.mark.parametrize("lang", TEXTS)
def test_language_by_setting(lang):
    separator, expected = TEXTS[lang]
    nlp = pipeline("xx", TOKENIZER, lang=lang)
    assert sentences(nlp, separator.join(expected)) == expected


@pytest.mark.parametrize("lang", OWN)
def test_language_of_the_pipeline(lang):
    separator, expected = TEXTS[lang]
    assert sentences(pipeline(lang), separator.join(expected)) == expected


@pytest.mark.parametrize("lang", ["ja", "th"])
def test_language_of_the_pipeline_with_its_package(lang):
    separator, expected = TEXTS[lang]
    assert sentences(pipeline(lang), separator.join(expected)) == expected


def test_korean_without_mecab():
    separator, expected = TEXTS["ko"]
    nlp = pipeline("ko", {"nlp": {"tokenizer": {"@tokenizers": "spacy.Tokenizer.v1"}}})
    assert sentences(nlp, separator.join(expected)) == expected


@pytest.mark.parametrize("lang", ["de", "de-AT", "deu", "deu_Latn", "German"])
def test_setting_decides_over_the_pipeline(lang):
    text = "Er kam am 3. Mai. Dann ging er."
    german = ["Er kam am 3. Mai.", "Dann ging er."]
    assert sentences(pipeline("en", lang=lang), text) == german
    assert sentences(pipeline("en"), text) != german


@pytest.mark.parametrize("lang", ["qqq", "tlh", "no", "zh-Hant"])
def test_unknown_language_has_common_rules(lang):
    assert sentences(pipeline("xx", lang=lang), "One two. Three!") == ["One two.", "Three!"]


# What sentencex gets wrong, or would.
HARD = [
    ("en", ["We couldn't.", "It was at Pat's.", "I didn’t.", "The bag was Tom's.", "It was late."]),
    ("en", ["In the '60s it was cheap.", "Rents were low.", "The workers' union was strong."]),
    ("en", ["He said 'No.'", "Then he left.", "'It's fine.'", "She was 'sure' of it."]),
    (
        "en",
        [
            "It opens at 8 a.m.",
            "It closes late.",
            "She left the U.S.",
            "He takes vitamin C.",
            "We do.",
        ],
    ),
    ("en", ["It rained.", "Ms. Vale left for the U.S. Senate.", "J. R. Hill wrote to A. Moss."]),
    ("en", ["Work begins in May.", "Nobody told me.", "It was ok.", "Heat it to 180 °C.", "Stir."]),
    ("en", ["the value was 5.", "the rest was small."]),
    ("it", ["Il problema non c'è.", "Ma non so dov'è.", "L'ha detto A. Neri."]),
    ("fr", ["L'ami d'A. Blanc est là.", "Il l'a dit.", "E\u0301. Roux rit."]),
    ("de", ["Das war's.", "Am Ende des 19. Jahrhunderts kam der 2. Bus.", "Er fuhr am 3. Mai."]),
    ("de", ["Das 2. Quartal war gut.", "Ihr 50. Stück, eine 13. Rente und sein 1. Tor."]),
    ("de", ["Am Montag, 3. März, war Schluss.", "Er zahlte 50.", "Um 20.", "Dann ging er."]),
    (
        "sr",
        ["Skupština je 3. maja 2024. godine odlučila.", "Grad ima npr. Dunav.", "To je 21. vek."],
    ),
    ("sv", ["Den 3. maj röstade de, dvs. Anna och Bo.", "Den 4. var de trötta."]),
    ("hu", ["A tanács 2024. május 3-án döntött.", "Kb. Pécs felé mentek."]),
    ("pl", ["Dnia 3. maja przyszli m.in. Anna i Jan.", "Potem poszli."]),
    ("sw", ["Mkutano ulifanyika jana.", "Dkt. Juma alikuja."]),
    ("vi", ["Đường ở TP. Huế rất dài.", "Trời mưa."]),
    ("he", ['צה"ל אישר את הדברים.', "השר נסע.", 'ח"כ לוי התנגד.', "כך נמסר."]),
    ("ar", ["ارتفع السعر ٣.٥ بالمئة.", "انتهى الأمر."]),
    ("hi", ["इसमें ४.५ करोड़ लगेंगे|", "काम कल शुरू होगा |", "सब खुश हैं|"]),
    ("am", ["ልጁ ወደ ቤት ሄደ፡፡", "እናቱ ገበያ ናት፡፡", "ሰላም ነው፡፡"]),
    ("ja", ["彼は「もう無理だ。」と言った。", "「はい。」", "とても静かだった。"]),
    ("ko", ['그는 "이제 그만한다."라고 말했다.', "모두 웃었다."]),
    ("km", ["យើងទិញត្រី ។ល។ ហើយទៅផ្ទះ។", "គាត់មក។"]),
    ("lo", ["ທ່ານ ດຣ. ສົມ ມາ ຮອດ ແລ້ວ.", "ຝົນ ຕົກ " + "ຫຼາຍ " * 30 + "ແທ້."]),
    ("ka", ["ის დაიბადა 1921.", "შემდეგ წავიდა."]),
]


@pytest.mark.parametrize("lang, expected", HARD)
def test_hard_boundaries(lang, expected):
    text = " ".join(expected)
    starts = find_sentences(text, lang)
    ends = [*starts[1:], len(text)]
    found = [text[start:end].strip() for start, end in zip(starts, ends, strict=True)]
    assert found == expected


@pytest.mark.parametrize(
    "lang, expected",
    [
        ("zh", ["会议今天开始。", "3月5日结束。", "他说：“好的。3天后回来。”", "2人笑了。"]),
        ("ja", ["彼は昨日来た。", "2か月で帰った。", "「行く。3日後に。」", "５人が来た。"]),
    ],
)
def test_boundaries_before_digits(lang, expected):
    text = "".join(expected)
    assert [text[a:b] for a, b in _spans(find_sentences(text, lang), text)] == expected


@pytest.mark.parametrize(
    "lang, words",
    [
        ("ar", "ذهب الولد الصغير إلى البيت"),
        ("hi", "छोटा लड़का कल अपने घर गया"),
        ("ka", "პატარა ბიჭი სახლში წავიდა"),
    ],
)
def test_wrapped_text_in_scripts_without_capitals(lang, words):
    sentence = f"{words} {words} {words}."
    text = textwrap.fill(" ".join([sentence] * 6), 60)
    assert text.count("\n") > 3
    assert len(find_sentences(text, lang)) == 6
    lines = "\n".join([words] * 5)
    assert len(find_sentences(lines, lang)) == 5


def test_no_sentence_of_punctuation_where_tokens_are_too_long():
    with pytest.warns(UserWarning, match="MultilingualTokenizer"):
        found = sentences(
            pipeline("xx", lang="zh"),
            "市长 开了一个游泳池。它很大。 纳税人支付。好的。 大家很高兴。",
        )
    assert found == ["市长 开了一个游泳池。它很大。", "纳税人支付。好的。", "大家很高兴。"]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("A headline\nThe story begins. It ends.", ["A headline", "The story begins.", "It ends."]),
        ("A headline\r\n\r\nThe story\u2028And more", ["A headline", "The story", "And more"]),
        ("- apples\n- pears\nplums", ["- apples", "- pears", "plums"]),
        ("1. Apples\n2. Pears. 3. Plums.", ["1. Apples", "2. Pears.", "3. Plums."]),
        ("Chapter one\n\n * * *\n\nIt rained.", ["Chapter one\n\n * * *", "It rained."]),
        ("标题\n今天下雨。", ["标题", "今天下雨。"]),
    ],
)
def test_line_break_ends_a_sentence(mixed, text, expected):
    assert sentences(mixed, text) == expected


WRAPPED = [
    "Here is a letter whose lines were wrapped by some old program, so that a\n"
    "sentence goes on in the next line, even where the word there is a name like\n"
    "Elizabeth.",
    "The next sentence is wrapped as well and was written by the\nsame hand.",
]


def test_line_break_in_wrapped_text_does_not(mixed):
    assert sentences(mixed, "A letter\n\n" + " ".join(WRAPPED) + "\nGoodbye") == [
        "A letter",
        *WRAPPED,
        "Goodbye",
    ]


def test_spaces_in_thai_make_sentences_of_a_minimal_length():
    clause = "เด็กเดินกลับบ้าน"
    text = " ".join([clause] * 40)
    starts = find_sentences(text, "th")
    lengths = np.diff([*starts, len(text)])
    assert len(starts) > 5
    assert min(lengths) >= MIN_SPACED_SENTENCE
    assert max(lengths) < MIN_SPACED_SENTENCE * 2 + len(clause)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("What?! No... Yes!!! 😀 Fine. 👍", ["What?!", "No...", "Yes!!!", "😀 Fine. 👍"]),
        ("שלום. hello שלום! مرحبا؟", ["שלום.", "hello שלום!", "مرحبا؟"]),
        ("One\x00two. Three\u200b. \ufeffFour", ["One\x00two.", "Three\u200b.", "\ufeffFour"]),
        ("\n\n  One. Two.\n\n", ["One.", "Two."]),
        ("好。好！Good. Хорошо!", ["好。", "好！", "Good.", "Хорошо!"]),
    ],
)
def test_unusual_characters(mixed, text, expected):
    assert sentences(mixed, text) == expected


@pytest.mark.parametrize(
    "lang, text, n_sents",
    [
        ("ar", "كان الجو جميلًا. ذهبنا إلى الشاطئ مبكرًا. عدنا عند الغروب.", 3),
        ("ta", "மாணவர்கள் திரும்பின. பள்ளி திறந்தது.", 2),
        ("fr", "M. Perrin a parlé avec E\u0301. Roux. Ils sont d'accord.", 2),
    ],
)
def test_letters_with_marks(lang, text, n_sents):
    assert len(sentences(pipeline("xx", lang=lang), text)) == n_sents


@pytest.mark.parametrize(
    "text", ["", " ", "\n\n\n", "\t \r\n", "😀", "...", "a", "\x00", "1. 2. 3."]
)
def test_short_texts_are_at_most_one_sentence(mixed, text):
    doc = mixed(text)
    assert doc.text == text
    assert len(list(doc.sents)) == min(len(doc), 1)


def test_sentences_cover_the_text(mixed):
    text = "\n Title \n\n" + "".join(sep.join(sents) + "\n" for sep, sents in TEXTS.values())
    assert "".join(sent.text_with_ws for sent in mixed(text).sents) == text


def test_tokens_are_never_split():
    nlp = pipeline("en")
    doc = Doc(nlp.vocab, words=["He", "left.She", "stayed", ".", "End."], spaces=[True] * 5)
    doc = nlp.get_pipe("multilingual_sentencizer")(doc)
    assert [sent.text for sent in doc.sents] == ["He left.She", "stayed .", "End."]


@pytest.mark.parametrize(
    "unit",
    ["a", "天", "天气很好。", "“天。1", "A. ", "A.", "1. ", "a\n", "เด็ก ", "! ", "x" * 60 + "\n"],
)
def test_time_grows_with_the_length_only(mixed, unit):
    # sentencex alone takes 55 seconds for 900,000 characters of Chinese.
    text = unit * (50_000 // len(unit))
    start = time.process_time()
    doc = mixed(text)
    assert time.process_time() - start < 5
    assert doc.text == text


def test_long_paragraph_is_cut_as_its_parts_are():
    sents = [f"孩子们在第{i}天回家了。" for i in range(2000)]
    text = "".join(sents)
    assert [text[a:b] for a, b in _spans(find_sentences(text, "zh"), text)] == sents


def _spans(starts, text):
    return zip(starts, [*starts[1:], len(text)], strict=True)


def test_overwrite():
    nlp = spacy.blank("en")
    words = ["One", ".", "Two", ".", "Three", "."]
    unset = [None] * 6
    preset = [True, False, False, None, None, None]
    for overwrite, given, expected in [
        (False, unset, [0, 2, 4]),
        (False, preset, [0, 4]),
        (True, preset, [0, 2, 4]),
    ]:
        pipe = nlp.create_pipe("multilingual_sentencizer", config={"overwrite": overwrite})
        doc = pipe(Doc(nlp.vocab, words=words, sent_starts=given))
        assert [sent.start for sent in doc.sents] == expected


def test_keeps_other_annotations():
    nlp = pipeline("en", overwrite=True)
    doc = Doc(
        nlp.vocab,
        words=["One", "left", ".", "Two", "came", "."],
        tags=["A", "B", "C"] * 2,
        heads=[1, 1, 1, 4, 4, 4],
        deps=["nsubj", "ROOT", "punct"] * 2,
        ents=["B-X", "O", "O"] * 2,
    )
    doc = nlp.get_pipe("multilingual_sentencizer")(doc)
    assert [sent.start for sent in doc.sents] == [0, 3]
    assert [token.tag_ for token in doc] == ["A", "B", "C"] * 2
    assert [token.head.i for token in doc] == [1, 1, 1, 4, 4, 4]
    assert [ent.text for ent in doc.ents] == ["One", "Two"]


def test_pipe_gives_what_single_calls_give(mixed):
    texts = ["", *(sep.join(sents) for sep, sents in TEXTS.values())]
    expected = [sentences(mixed, text) for text in texts]
    assert [[s.text.strip() for s in doc.sents] for doc in mixed.pipe(texts)] == expected


@pytest.mark.slow
def test_several_processes(mixed):
    texts = [sep.join(sents) for sep, sents in TEXTS.values()] * 3
    expected = [sentences(mixed, text) for text in texts]
    docs = mixed.pipe(texts, n_process=2, batch_size=8)
    assert [[sent.text.strip() for sent in doc.sents] for doc in docs] == expected


def test_serialization(tmp_path):
    nlp = pipeline("xx", TOKENIZER, lang="de", overwrite=True)
    nlp.to_disk(tmp_path)
    assert json.loads((tmp_path / "multilingual_sentencizer.json").read_text()) == {
        "lang": "de",
        "overwrite": True,
    }
    text = "Er kam am 3. Mai. Dann ging er."
    for copy in (
        spacy.load(tmp_path),
        pipeline("xx", TOKENIZER).from_bytes(nlp.to_bytes()),
        pickle.loads(pickle.dumps(nlp)),
    ):
        pipe = copy.get_pipe("multilingual_sentencizer")
        assert (pipe.lang, pipe.overwrite) == ("de", True)
        assert sentences(copy, text) == ["Er kam am 3. Mai.", "Dann ging er."]


def test_takes_no_part_in_model_selection(mixed):
    weights = mixed.config["training"]["score_weights"]
    assert {key: weights[key] for key in ("sents_p", "sents_r", "sents_f")} == {
        "sents_p": None,
        "sents_r": None,
        "sents_f": None,
    }


def test_scores_sentences_for_who_asks(mixed):
    words = ["One", ".", "Two", ".", "Three"]
    gold = Doc(mixed.vocab, words=words, sent_starts=[True, False, True, False, False])
    example = Example(mixed.make_doc(gold.text), gold)
    scores = mixed.evaluate([example])
    assert scores["sents_r"] == 0.5
    assert scores["sents_p"] == pytest.approx(1 / 3)


def test_analysis_names_what_it_sets(mixed):
    analysis = mixed.analyze_pipes()["summary"]["multilingual_sentencizer"]
    assert analysis["assigns"] == ["token.is_sent_start", "doc.sents"]

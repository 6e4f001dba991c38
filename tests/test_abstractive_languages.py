import pytest

from spacy_bertsum import codes
from spacy_bertsum.abstractive.languages import _choose


@pytest.mark.parametrize(
    "code, normal, base",
    [
        ("de", "de", "de"),
        ("de_DE", "de", "de"),
        ("deu_Latn", "de-Latn", "de"),
        ("nb", "no", "no"),
        ("iw", "he", "he"),
        ("zh-TW", "zh-Hant", "zh"),
        ("zho_Hans", "zh-Hans", "zh"),
        ("pes_Arab", "fa-Arab", "fa"),
        ("en_XX", "en", "en"),
        ("scottish_gaelic", "gd", "gd"),
        ("chinese_traditional", "zh-Hant", "zh"),
        ("yue", "yue", "yue"),
    ],
)
def test_codes(code: str, normal: str, base: str):
    assert codes.normalize(code) == normal
    assert codes.base(code) == base


def test_names():
    assert codes.name("de_DE") == "German"
    assert codes.name("gd") == "Scottish Gaelic"
    assert codes.name("tlh") == "tlh"


def test_no_code_stands_for_two_languages():
    assert len(codes.NAMES) == len(set(codes.NAMES.values()))


@pytest.mark.parametrize(
    "lang, expected",
    [("zh", "zho_Hans"), ("zh-Hant", "zho_Hant"), ("zho_Hant", "zho_Hant"), ("ar", "arb_Arab")],
)
def test_spelling_of_a_family(lang: str, expected: str):
    assert _choose(lang, ["arz_Arab", "arb_Arab", "zho_Hans", "zho_Hant"]) == expected

import subprocess
import sys

import pytest

from spacy_bertsum.language import detect_language


@pytest.mark.parametrize(
    "lang, text",
    [
        ("en", "The children played in the garden until their mother called them for dinner."),
        ("de", "Die Kinder spielten im Garten, bis ihre Mutter sie zum Essen rief."),
        ("fr", "Les enfants jouaient dans le jardin jusqu'à ce que leur mère les appelle."),
        ("ru", "Дети играли в саду, пока мама не позвала их ужинать."),
        ("el", "Τα παιδιά έπαιζαν στον κήπο μέχρι που τα φώναξε η μητέρα τους."),
        ("zh", "孩子们在花园里玩耍，直到妈妈叫他们回家吃晚饭。"),
        ("ja", "子どもたちは母親に呼ばれるまで庭で遊んでいました。"),
        ("th", "เด็กๆ เล่นอยู่ในสวนจนกระทั่งแม่เรียกไปกินข้าว"),
    ],
)
def test_detects_the_language(lang, text):
    assert detect_language(text) == lang


@pytest.mark.parametrize("text", ["", " \n", "123 456", "😀!", "\x00"])
def test_text_without_letters_has_no_language(text):
    assert detect_language(text) == "und"


def test_looks_at_the_beginning_only():
    german = "Die Kinder spielten im Garten, bis ihre Mutter sie rief. " * 20
    assert detect_language(german + "The weather is fine and nobody is at home. " * 500) == "de"


def test_classifier_is_not_loaded_at_import():
    code = "import sys, spacy_bertsum.sentencizer; assert 'py3langid' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

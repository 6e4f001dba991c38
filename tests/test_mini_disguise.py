"""Documents as they would look to an encoder that can't read them."""

import random
from dataclasses import replace

import numpy
import pytest
from mini_documents import make_random
from numpy.testing import assert_array_equal
from test_mini_whole import EMBEDDED
from transformers import AutoTokenizer

from scripts.mini.disguise import disguise
from scripts.mini.respell import respell
from spacy_bertsum import surprisal
from spacy_bertsum.surprisal import weigh_pieces

TEXTS = {
    "en": "The quick brown fox jumped over 13 lazy dogs, he said; the dogs did not mind.",
    "ru": "Правительство объявило о новых мерах, чтобы помочь рыбакам в 2024 году.",
    "ar": "أعلنت الحكومة إجراءات جديدة لمساعدة الصيادين",
    "th": "รัฐบาลประกาศมาตรการใหม่เพื่อช่วยชาวประมง",
    "zh": "政府宣布帮助渔民的新措施",
    "ko": "정부는 어민을 돕기 위한 새로운 조치를 발표했다",
}


def spell(text: str, share: float = 1.0, seed: int = 0) -> str:
    (other,) = respell([text], share, random.Random(seed))
    return other


@pytest.mark.parametrize("lang", TEXTS)
def test_words_stay_as_many_and_become_others(lang: str):
    other = spell(TEXTS[lang])
    words, others = TEXTS[lang].split(), other.split()
    assert len(others) == len(words)
    assert others != words


def test_vowels_stay_vowels_and_all_else_stays():
    text = TEXTS["en"]
    for old, new in zip(text, spell(text), strict=True):
        assert (old.lower() in "aeiouy") == (new.lower() in "aeiouy")
        assert old == new if not old.isalpha() else old.lower() != new.lower()
        assert old.isupper() == new.isupper()


def test_all_texts_share_one_spelling():
    first, second = respell(["The dogs.", "The lazy dogs."], 1.0, random.Random(0))
    assert second.split()[::2] == first.split()
    assert spell("banana banana").split()[0] == spell("banana banana").split()[1]


def test_nothing_changes_without_letters_to_change():
    assert spell(TEXTS["en"], 0.0) == TEXTS["en"]
    assert spell("1914–1918, 25 %") == "1914–1918, 25 %"


def test_the_more_letters_the_stranger():
    def count_kept(share: float) -> int:
        pairs = zip(TEXTS["en"], spell(TEXTS["en"], share), strict=True)
        return sum(old == new for old, new in pairs)

    assert count_kept(1.0) < count_kept(0.4) < count_kept(0.0)


def test_chance_decides():
    assert spell(TEXTS["ru"], seed=1) == spell(TEXTS["ru"], seed=1) != spell(TEXTS["ru"], seed=2)


def test_other_pieces_for_the_same_sentences():
    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED / "encoder")
    sents = list(TEXTS.values())
    ids = tokenizer(sents, add_special_tokens=False)["input_ids"]
    document = replace(make_random(len(sents), 0), sents=sents, pieces=[*map(numpy.array, ids)])
    n_pieces = list(map(len, document.pieces))
    weights = weigh_pieces(tokenizer)
    document = document.read_as(document.pieces, weights)
    n_surprisal = len(surprisal.FEATURES)
    n_hidden = n_as_long = 0
    for seed in range(200):
        other = disguise(document, tokenizer, weights, random.Random(seed))
        same = replace(other, pieces=document.pieces, features=document.features)
        assert same == document
        assert_array_equal(other.features[:, n_surprisal:], document.features[:, n_surprisal:])
        assert (other.features != document.features).any()
        assert len(other.pieces) == len(sents)
        assert not any(map(numpy.array_equal, other.pieces, document.pieces))
        n_as_long += list(map(len, other.pieces)) == n_pieces
        n_hidden += all(tokenizer.unk_token_id in pieces for pieces in other.pieces)
    # All but those in another spelling.
    assert 60 < n_as_long < 100
    assert 25 < n_hidden < 55

import subprocess
import sys
import time

import pytest

from spacy_bertsum.surface import clean, join, separators


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", ""),
        (" \n\t\u3000 ", ""),
        ("  Plain text.\n", "Plain text."),
        ("Wrapped at\nthe margin.", "Wrapped at the margin."),
        ("Wrapped at  \r\n   the margin.", "Wrapped at the margin."),
        ("A HEADING\n\n\nand what follows.", "A HEADING and what follows."),
        ("Two  spaces,\ta tab.", "Two spaces, a tab."),
        ("A form feed\fand\u2028a line separator.", "A form feed and a line separator."),
        ("Zehn\u00a0km, « très »\u202f!", "Zehn\u00a0km, « très »\u202f!"),
        ("From a\u00a0 web\u00a0\u00a0page.", "From a web page."),
        ("zero\u200bwidth \ufeff\u200d stays", "zero\u200bwidth \ufeff\u200d stays"),
        ("今天天气\n很好。", "今天天气很好。"),
        ("今天天气很好，\n  我们去\r\n公园。", "今天天气很好，我们去公园。"),
        ("他说“你好”\n就走了。", "他说“你好”就走了。"),
        ("他说\n“你好”。", "他说“你好”。"),
        ("昨日は、\n東京へ行き\nました。", "昨日は、東京へ行きました。"),
        ("えっ！\u3000本当ですか。", "えっ！\u3000本当ですか。"),
        ("用 Python\n写程序", "用 Python 写程序"),
        ("𠀋𠀋\n𠀋", "𠀋𠀋𠀋"),
        ("오늘은\n날씨가 좋다.", "오늘은 날씨가 좋다."),
        ("วันนี้อากาศดี\nเราไปเที่ยว", "วันนี้อากาศดี เราไปเที่ยว"),
        ("“Quoted”\nin English.", "“Quoted” in English."),
    ],
)
def test_clean(text, expected):
    assert clean(text) == expected
    assert clean(clean(text)) == expected


@pytest.mark.parametrize(
    "sents, expected",
    [
        ([], []),
        (["One. ", "Two.  ", "Three."], [" ", " ", " "]),
        (["One.\n", "Two.\n\n", "Three."], [" ", " ", " "]),
        (["One.", "Two."], [" ", " "]),
        (["今天很好。", "我们走吧。", "再见！"], ["", "", ""]),
        (["今天很好。\n", "我们走吧。\n\n", "再见！"], ["", "", ""]),
        (["今天很好。 ", "我们走吧。 \n", "再见！"], [" ", "", ""]),
        (["她说：“走吧。”", "然后……", "新闻标题\n", "结束了"], ["", "", "\n", ""]),
        (["我喜欢用Python.", "它很好(真的).", "是的."], ["", "", ""]),
        (["これは本です。", "えっ！\u3000", "ﾊｲ｡", "終わり。"], ["", "\u3000", "", ""]),
        (["오늘은 좋다. ", "내일은 비.\n", "끝."], [" ", " ", " "]),
        (["วันนี้อากาศดี ", "เราไปเที่ยว\n", "สนุกมาก", "จบ"], [" ", " ", " ", " "]),
        (["A title\n\n", "One.\n", "A line", "Two."], ["\n", " ", " ", " "]),
        (["दिन की ख़बरें की\n", "यह है।\n"], ["\n", " "]),
        (
            ["Port shut (photos)\n", "“I quit”\n", "It’s “over.”\n", "(So.)\n", ""],
            ["\n"] * 2 + [" "] * 3,
        ),
        (["It rained.[1]\n", "Wow!\ufe0f\n", "?!\n", "End."], [" "] * 4),
        (["港口关闭（图）\n", "“再见。”\n", "ข่าว (ไทย)\n", "完。"], ["\n", "", " ", ""]),
        (["यह पहला है। ", "यह दूसरा है।\n", "बस।"], [" ", " ", " "]),
        (["هذه جملة.\n", "وهذه أخرى؟ ", "نعم."], [" ", " ", " "]),
    ],
)
def test_separators(sents, expected):
    assert separators(sents) == expected


def test_separators_of_mixed_text():
    sents = ["这是中文。", "This is English.", "又是中文。\n", "English again.\n", "完。"]
    assert separators(sents) == ["", " ", "", " ", ""]
    assert separators(["The word 你好 means hello.\n", "It is short."]) == [" ", " "]
    assert separators(["The word is 你好.\n", "It is short."])[1] == " "


def test_separator_looks_past_the_sentence_boundary():
    """Splitters put whitespace before a sentence, behind it, or into a sentence of its own."""
    assert separators(["今天。", " 明天。"])[0] == " "
    assert separators(["今天。", "\n明天。"])[0] == ""
    assert separators(["今天。", " ", "明天。"])[0] == " "
    assert separators(["今天。", "\n\n", "  明天。"])[0] == ""
    assert separators(["今天。 "]) == [""]


def test_join():
    assert join([], []) == ""
    assert join(["One."], [" "]) == "One."
    assert join(["One.", "Two."], [" ", " "]) == "One. Two."
    assert join(["一。", "Two.", "三。"], ["", " ", "\u3000"]) == "一。Two. 三。"


def summary(sents, chosen):
    gaps = separators(sents)
    return join([clean(sents[i]) for i in chosen], [gaps[i] for i in chosen])


@pytest.mark.parametrize(
    "sents, chosen, expected",
    [
        (
            ["The ferry left\nlate. ", "Nobody minded.\n\n", "At noon it\ndocked.\n"],
            [0, 2],
            "The ferry left late. At noon it docked.",
        ),
        (
            ["渡轮晚点\n出发。", "没有人介意。\n\n\u3000\u3000", "中午它靠\n岸了。\n"],
            [0, 1, 2],
            "渡轮晚点出发。没有人介意。中午它靠岸了。",
        ),
        (["船が\n遅れた。", "誰も気に\nしない。"], [0, 1], "船が遅れた。誰も気にしない。"),
        (["เรือออกช้า ", "ไม่มีใครว่า "], [0, 1], "เรือออกช้า ไม่มีใครว่า"),
        (
            ["渡轮到了。", "“Welcome!” they said.\n", "大家都笑了。"],
            [0, 1, 2],
            "渡轮到了。“Welcome!” they said. 大家都笑了。",
        ),
    ],
)
def test_summaries_read_well(sents, chosen, expected):
    assert summary(sents, chosen) == expected


def test_long_runs_take_linear_time():
    text = "字\n" * 50_000 + "!" * 100_000 + " " * 100_000 + "。" + "!" * 100_000
    start = time.process_time()
    assert clean(text).endswith("! 。" + "!" * 100_000)
    assert separators([text, "\n" * 100_000, text])[0] == ""
    assert time.process_time() - start < 2


def test_imports_no_spacy():
    code = (
        "import sys, spacy_bertsum.selection, spacy_bertsum.surface; print('spacy' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"

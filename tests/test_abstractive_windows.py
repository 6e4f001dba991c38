from spacy_bertsum.abstractive.windows import divide, make_windows, text_of


def n_words(text: str) -> int:
    return len(text.split())


def test_windows_are_full_and_in_order():
    sents = [f"this is {i}" for i in range(10)]
    windows = make_windows(sents, [" "] * 10, n_words, 7)
    assert [[part.sentence for part in window] for window in windows] == [
        [0, 1],
        [2, 3],
        [4, 5],
        [6, 7],
        [8, 9],
    ]
    assert text_of(windows[0], [" "] * 10) == "this is 0 this is 1"


def test_long_sentence_is_divided_at_spaces():
    sents = ["short one", " ".join(f"w{i}" for i in range(23)), "", "end"]
    windows = make_windows(sents, [" "] * 4, n_words, 6)
    assert all(n_words(text_of(window, [" "] * 4)) <= 6 for window in windows)
    parts = [part for window in windows for part in window]
    assert " ".join(p.text for p in parts if p.sentence == 1) == sents[1]
    assert {p.sentence for p in parts} == {0, 1, 3}


def test_text_without_spaces_is_divided_anywhere():
    text = "城市图书馆星期一开放新的阅览室" * 5
    pieces = divide(text, len, 8)
    assert "".join(pieces) == text
    assert max(map(len, pieces)) <= 8


def test_window_that_grows_by_being_joined_is_halved():
    sents = ["aa", "bb", "cc", "dd"]
    windows = make_windows(sents, ["     "] * 4, len, 8)
    texts = [text_of(window, ["     "] * 4) for window in windows]
    assert texts == sents

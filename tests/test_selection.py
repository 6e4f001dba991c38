import time
from math import log, sqrt

import numpy
import pytest

from spacy_bertsum.selection import DEFAULT_N_SENTS, Selection, select

BAD = {
    "n_sents": [0, -1, 2.0, True, "3", float("nan")],
    "ratio": [0, 0.0, -0.1, 1.01, True, "half", float("nan")],
    "max_words": [0, -5, 10.5, False],
    "max_chars": [0, -5, 10.5, True],
    "threshold": [-0.01, 1.5, True, "0.5", float("inf"), float("nan")],
    "block_ngrams": [-1, 3.0, True, None],
    "diversity": [-0.1, 1.1, False, None, float("nan")],
    "order": ["rank", "", None, 1],
}


@pytest.mark.parametrize(
    "field, value", [(f, value) for f, values in BAD.items() for value in values]
)
def test_bad_setting_is_named(field, value):
    with pytest.raises(ValueError) as error:
        Selection(**{field: value})
    assert str(error.value).startswith(f"{field} must be")
    assert repr(value) in str(error.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"n_sents": 1},
        {"ratio": 1},
        {"ratio": 1e-9},
        {"max_words": 1},
        {"max_chars": 1},
        {"threshold": 0},
        {"threshold": 1},
        {"block_ngrams": 0},
        {"block_ngrams": 1},
        {"diversity": 0},
        {"diversity": 1},
        {"order": "score"},
    ],
)
def test_edges_of_ranges_are_valid(settings):
    Selection(**settings)


def test_numpy_numbers_become_python_numbers():
    selection = Selection(n_sents=numpy.int64(2), threshold=numpy.float32(0.5))
    assert type(selection.n_sents) is int
    assert type(selection.threshold) is float


def test_new_limit_replaces_all_limits():
    selection = Selection(n_sents=2, threshold=0.5, block_ngrams=3, diversity=0.3, order="score")
    changed = selection.replace(max_words=50, n_sents=None, order=None)
    assert changed == Selection(max_words=50, block_ngrams=3, diversity=0.3, order="score")


def test_change_of_another_setting_keeps_limits():
    selection = Selection(n_sents=2, threshold=0.5, block_ngrams=3)
    changed = selection.replace(block_ngrams=0, order="score")
    assert changed == Selection(n_sents=2, threshold=0.5, order="score")
    assert selection.replace() == selection


def test_replace_validates():
    with pytest.raises(ValueError, match="ratio must be"):
        Selection().replace(ratio=2.0)
    with pytest.raises(TypeError):
        Selection().replace(sentences=2)


def pick(scores, selection, words=None, chars=None, gaps=1):
    words = [[f"w{i}"] for i in range(len(scores))] if words is None else words
    chars = [10] * len(scores) if chars is None else chars
    return select(scores, words, chars, selection, gaps)


def test_default_is_best_sentences_in_document_order():
    assert DEFAULT_N_SENTS == 3
    assert pick([0.1, 0.9, 0.2, 0.8, 0.7], Selection()) == [1, 3, 4]
    assert pick([0.1, 0.9], Selection()) == [0, 1]


def test_order_by_score():
    scores = [0.1, 0.7, 0.2, 0.9, 0.8]
    assert pick(scores, Selection(order="score")) == [3, 4, 1]
    assert pick(scores, Selection(order="score", diversity=0.5)) == [3, 4, 1]
    assert pick(scores, Selection(order="score", block_ngrams=3)) == [3, 4, 1]


@pytest.mark.parametrize("settings", [{}, {"diversity": 0.5}, {"diversity": 1.0}, {"max_words": 9}])
def test_earlier_sentence_wins_a_tie(settings):
    selection = Selection(n_sents=2, **settings)
    assert pick([0.5] * 40, selection) == [0, 1]


@pytest.mark.parametrize(
    "ratio, n_sents, expected",
    [(0.2, 10, 2), (0.1, 30, 3), (0.5, 5, 3), (0.24, 10, 2), (0.01, 10, 1), (1.0, 10, 10)],
)
def test_ratio_rounds(ratio, n_sents, expected):
    assert len(pick(numpy.linspace(0, 1, n_sents), Selection(ratio=ratio))) == expected


def test_empty_sentences_are_neither_chosen_nor_counted():
    scores = [0.9, 0.9, 0.9, 0.3, 0.2]
    words = [[], ["a"], ["x"], ["b"], ["c"]]
    chars = [0, 5, 0, 5, 5]
    assert pick(scores, Selection(n_sents=2), words, chars) == [1, 3]
    assert pick(scores, Selection(n_sents=5), words, chars) == [1, 3, 4]
    assert pick(scores, Selection(ratio=0.66), words, chars) == [1, 3]


@pytest.mark.parametrize(
    "settings",
    [{}, {"threshold": 0.5}, {"max_chars": 3, "diversity": 0.5}, {"block_ngrams": 3}, {"ratio": 1}],
)
def test_no_sentences(settings):
    assert select([], [], [], Selection(**settings)) == []
    assert pick([0.1], Selection(**settings), [[]], [0]) == []


def test_nothing_reaches_threshold():
    assert pick([0.1, 0.2], Selection(threshold=0.5)) == []
    assert pick([0.1, 0.2], Selection(threshold=0.5, max_words=5, diversity=0.5)) == []


def test_threshold_admits_its_own_value():
    scores = numpy.array([0.7, 0.3, 0.7], dtype="float32")
    assert pick(scores, Selection(threshold=0.7)) == [0, 2]


def test_several_limits_all_hold():
    scores = [0.9, 0.8, 0.7, 0.6, 0.1]
    assert pick(scores, Selection(n_sents=4, threshold=0.65)) == [0, 1, 2]
    assert pick(scores, Selection(n_sents=2, ratio=0.6)) == [0, 1]
    assert pick(scores, Selection(n_sents=4, max_words=3)) == [0, 1, 2]
    assert pick(scores, Selection(max_words=3, max_chars=21)) == [0, 1]


def test_budget_skips_what_does_not_fit_and_goes_on():
    words = [["a"] * 10, ["b"] * 50, ["c"] * 5, ["d"] * 4]
    assert pick([0.9, 0.8, 0.7, 0.6], Selection(max_words=15), words) == [0, 2]
    assert pick([0.9, 0.8, 0.7, 0.6], Selection(max_words=3), words) == []


def test_rest_of_a_budget_is_not_filled_from_far_down():
    sizes = [10, 9, 9, 9, 1]
    words = [[str(i)] * size for i, size in enumerate(sizes)]
    scores = [0.9, 0.8, 0.7, 0.6, 0.1]
    assert pick(scores, Selection(max_words=12), words) == [0]
    assert pick(scores[:3] + scores[4:], Selection(max_words=12), words[:3] + words[4:]) == [0, 3]
    # Before there is any sentence, any will do; and a number of sentences is a promise.
    assert pick(scores, Selection(max_words=1), words) == [4]
    assert pick(scores, Selection(max_words=12, n_sents=2), words) == [0, 4]


def test_last_gap_is_free():
    scores = [0.9, 0.8, 0.7]
    assert pick(scores, Selection(max_chars=21)) == [0, 1]
    assert pick(scores, Selection(max_chars=20)) == [0]
    assert pick(scores, Selection(max_chars=20), gaps=0) == [0, 1]
    assert pick(scores, Selection(max_chars=20), gaps=[0, 1, 1]) == [0, 1]
    # By score the second sentence is printed last, in document order the first goes before it.
    gaps = [1, 0, 0]
    assert pick([0.8, 0.9], Selection(max_chars=20, order="score"), gaps=[1, 0]) == [1, 0]
    assert pick([0.8, 0.9, 0.1], Selection(max_chars=20), gaps=gaps) == [1, 2]


def test_trigram_blocking_passes_over_repetition():
    words = [list("abcd"), list("xabc"), list("abde")]
    scores = [0.9, 0.8, 0.7]
    assert pick(scores, Selection(n_sents=2, block_ngrams=3), words) == [0, 2]
    assert pick(scores, Selection(n_sents=2, block_ngrams=4), words) == [0, 1]
    assert pick(scores, Selection(threshold=0.5, block_ngrams=3), words) == [0, 2]
    assert pick(scores, Selection(max_words=99, block_ngrams=3), words) == [0, 2]


def test_blocked_sentences_fill_up_best_first():
    repeated = ["the", "same", "few", "words"]
    words = [repeated, repeated, repeated, ["novel"], repeated]
    scores = [0.5, 0.9, 0.7, 0.1, 0.8]
    for diversity in (0.0, 0.5):
        selection = Selection(n_sents=3, block_ngrams=3, diversity=diversity)
        assert pick(scores, selection, words) == [1, 3, 4]
    assert pick(scores, Selection(ratio=1.0, block_ngrams=3), words) == [0, 1, 2, 3, 4]


def test_sentence_said_twice_is_taken_once():
    words = [["a", "b"], ["c"], ["a", "b"], ["d"]]
    scores = [0.9, 0.2, 0.8, 0.1]

    def chosen(**settings):
        return select(scores, words, [5] * 4, Selection(**settings))

    assert chosen(n_sents=2) == [0, 1]
    assert chosen(n_sents=4) == [0, 1, 2, 3]
    assert chosen(max_words=4) == [0, 1, 3]
    assert chosen(threshold=0.5) == [0]


def test_diversity_prefers_novelty_to_a_near_duplicate():
    sents = [
        "the dam broke after days of rain",
        "the dam broke after a week of rain",
        "two villages were evacuated in the night",
    ]
    words = [sent.split() for sent in sents]
    scores = [0.9, 0.85, 0.6]
    assert pick(scores, Selection(n_sents=2), words) == [0, 1]
    assert pick(scores, Selection(n_sents=2, diversity=0.5), words) == [0, 2]
    assert pick(scores, Selection(max_words=14, diversity=0.5), words) == [0, 2]


def test_pure_novelty_starts_with_the_best():
    words = [["a", "b"], ["a", "b"], ["c", "d"]]
    assert pick([0.2, 0.9, 0.1], Selection(n_sents=2, diversity=1.0), words) == [1, 2]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_scores_must_be_finite(bad):
    with pytest.raises(ValueError, match="finite"):
        pick([0.1, bad], Selection())


def test_arguments_must_agree():
    with pytest.raises(ValueError, match="same sentences"):
        select([0.1, 0.2], [["a"]], [3, 4], Selection())
    with pytest.raises(ValueError, match="same sentences"):
        select([0.1, 0.2], [["a"], ["b"]], [3], Selection())
    with pytest.raises(ValueError, match="same sentences"):
        select([[0.1, 0.2]], [["a"]], [3], Selection())
    with pytest.raises(ValueError):
        select([0.1, 0.2], [["a"], ["b"]], [3, 4], Selection(max_chars=5), gaps=[1, 1, 1])


def printed_length(chosen, chars, gaps):
    return sum(chars[i] + gaps[i] for i in chosen[:-1]) + sum(chars[i] for i in chosen[-1:])


def cosine(a, b, idf):
    def weight(sent, word):
        return sent.count(word) * idf[word]

    def norm(sent):
        return sqrt(sum(weight(sent, word) ** 2 for word in set(sent)))

    return sum(weight(a, w) * weight(b, w) for w in set(a) & set(b)) / norm(a) / norm(b)


def slow_select(scores, words, chars, selection, gaps):
    """What `select` promises, spelled out one sentence at a time."""

    def printed(chosen):
        key = (lambda i: i) if selection.order == "document" else (lambda i: (-scores[i], i))
        return sorted(chosen, key=key)

    def fits(i):
        n_words = sum(len(words[j]) for j in [*chosen, i])
        n_chars = printed_length(printed([*chosen, i]), chars, gaps)
        return (selection.max_words is None or n_words <= selection.max_words) and (
            selection.max_chars is None or n_chars <= selection.max_chars
        )

    def ngrams(i):
        n = selection.block_ngrams
        return {tuple(words[i][j : j + n]) for j in range(len(words[i]) - n + 1)} if n else set()

    def relevance(i):
        nearest = max((cosine(words[i], words[j], idf) for j in chosen), default=0.0)
        return (1 - selection.diversity) * scores[i] - selection.diversity * nearest

    usable = [i for i in range(len(scores)) if words[i] and chars[i]]
    left = [i for i in usable if selection.threshold is None or scores[i] >= selection.threshold]
    df = {w: sum(w in words[i] for i in left) for i in left for w in words[i]}
    idf = {w: log(1 + len(left) / df[w]) for w in df}
    count = selection.n_sents
    if selection.ratio is not None:
        share = max(1, int(selection.ratio * len(usable) + 0.5))
        count = share if count is None else min(count, share)
    budgets = (selection.max_words, selection.max_chars, selection.threshold)
    if count is None and budgets == (None, None, None):
        count = DEFAULT_N_SENTS
    chosen, blocked, skipped = [], [], []
    while left and (count is None or len(chosen) < count):
        best = max(left, key=lambda i: (relevance(i), scores[i], -i))
        left.remove(best)
        if not fits(best):
            skipped += [best] if chosen else []
            if count is None and len(skipped) > 2:
                break
            continue
        if any(words[best] == words[j] or ngrams(best) & ngrams(j) for j in chosen):
            blocked.append(best)
        else:
            chosen.append(best)
    for i in sorted(blocked, key=lambda i: (-scores[i], i)):
        if count is not None and len(chosen) < count and fits(i):
            chosen.append(i)
    return printed(chosen)


@pytest.mark.parametrize("seed", range(12))
def test_agrees_with_slow_reference(seed):
    rng = numpy.random.default_rng(seed)

    def maybe(value):
        return value if rng.random() < 0.4 else None

    for _ in range(50):
        n = int(rng.integers(0, 16))
        diversity = float(rng.choice([0.0, rng.uniform(0.1, 0.9)]))
        # Few values of score make ties; with diversity, rounding would decide those.
        scores = rng.random(n) if diversity else rng.integers(0, 5, n) / 4
        words = [rng.integers(0, 12, rng.integers(0, 9)).tolist() for _ in range(n)]
        chars = [int(c) for c in rng.integers(0, 30, n) * (rng.random(n) > 0.1)]
        gaps = rng.integers(0, 2, n).tolist()
        selection = Selection(
            n_sents=maybe(int(rng.integers(1, 8))),
            ratio=maybe(float(rng.uniform(0.05, 1))),
            max_words=maybe(int(rng.integers(1, 40))),
            max_chars=maybe(int(rng.integers(1, 120))),
            threshold=maybe(float(rng.uniform(0, 1))),
            block_ngrams=int(rng.choice([0, 0, 1, 2, 3])),
            diversity=diversity,
            order=str(rng.choice(["document", "score"])),
        )
        chosen = select(scores, words, chars, selection, gaps)
        assert chosen == slow_select(scores.tolist(), words, chars, selection, gaps), selection
        assert all(type(i) is int for i in chosen)
        if selection.max_chars is not None:
            assert printed_length(chosen, chars, gaps) <= selection.max_chars


@pytest.mark.parametrize(
    "settings, seconds",
    [
        ({"n_sents": 3}, 0.1),
        ({"max_chars": 5000}, 0.2),
        ({"n_sents": 50, "block_ngrams": 3}, 0.2),
        ({"n_sents": 50, "diversity": 0.5}, 1.0),
    ],
)
def test_long_documents_are_fast(settings, seconds):
    rng = numpy.random.default_rng(0)
    scores = rng.random(10_000, dtype="float32")
    words = rng.integers(0, 5000, (10_000, 20)).tolist()
    start = time.process_time()
    select(scores, words, [100] * 10_000, Selection(**settings))
    assert time.process_time() - start < seconds

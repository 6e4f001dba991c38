"""The benchmark of speed."""

from pathlib import Path

import pytest
import torch

from benchmarks.speed import main, make_texts


def test_texts_have_the_words_asked_for():
    texts = make_texts(6, 120)
    assert [len(text.split()) for text in texts] == [120] * 6
    assert len(set(texts)) == 6
    assert all("\n" in text for text in texts)
    assert make_texts(6, 120) == texts


@pytest.mark.slow
def test_page(tmp_path: Path):
    threads, path = torch.get_num_threads(), tmp_path / "page.md"
    main("xx_bertsum_mini", docs=4, words=60, rounds=1, threads=threads, output=path)
    page = path.read_text(encoding="utf-8")
    assert "| float32 |" in page
    assert "| bfloat16 |" in page

"""The benchmark of sentence vectors across languages."""

import gzip
from pathlib import Path

import numpy
import srsly

from benchmarks.retrieval import accuracy, encode, format_table, main, read_parallel
from spacy_bertsum.cli.pipelines import make_pipeline

ROWS = [
    {"en": "The bridge was closed because of the flood.", "de": "Die Brücke war gesperrt."},
    {"en": "She. Bought. Bread.", "de": "Sie kaufte Brot und Käse."},
    {"en": "The school has a new garden.", "de": "Die Schule hat einen neuen Garten."},
]


def write(path: Path) -> Path:
    with gzip.open(path, "wt", encoding="utf-8") as file_:
        file_.writelines(f"{srsly.json_dumps(row)}\n" for row in ROWS)
    return path


def test_accuracy_counts_nearest_of_the_same_index():
    queries = numpy.eye(3)
    assert accuracy(queries, queries) == 1.0
    assert accuracy(queries, queries[[0, 2, 1]]) == 1 / 3


def test_table_has_a_line_for_each_language_and_their_mean():
    vectors = {"de": numpy.eye(2), "en": numpy.eye(2), "fr": numpy.eye(2)[[1, 0]]}
    lines = format_table(vectors, "en").splitlines()
    assert lines[2] == "| de | 1.000 | 1.000 | 0.000 | 0.000 (fr) |"
    assert lines[3] == "| fr | 0.000 | 0.000 | 0.000 | 0.000 (de) |"
    assert lines[4] == "| **mean** | 0.500 | 0.500 | 0.000 | |"


def test_a_text_is_one_vector_whatever_stops_are_in_it():
    nlp = make_pipeline()
    vectors = encode(nlp, [row["en"] for row in ROWS])
    assert vectors.shape[0] == len(ROWS)
    numpy.testing.assert_allclose(numpy.linalg.norm(vectors, axis=1), 1.0, rtol=1e-5)


def test_page_from_a_file(tmp_path: Path):
    path = write(tmp_path / "parallel.jsonl.gz")
    assert read_parallel(path)["de"][2] == ROWS[2]["de"]
    main(path, model="xx_bertsum_mini", pivot="en", output=tmp_path / "page.md")
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "3 sentences in 2 languages" in page
    assert "| de | " in page

import lzma
from pathlib import Path

import pytest
import srsly
from typer import Typer
from typer.testing import CliRunner, Result

from scripts.preprocess import main

app = Typer()
app.command()(main)


def make_records(lang: str, split: str, n: int) -> list[dict]:
    return [
        {
            "id": f"{lang}-{split}-{i}",
            "lang": lang,
            "title": "Tides",
            "text": f"Tide {i} came in. It left again.",
            "summary": f"Tide {i} came.",
        }
        for i in range(n)
    ]


def write(folder: Path, name: str, records: list[dict]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    open_file = lzma.open if name.endswith(".xz") else open
    with open_file(folder / name, "wt", encoding="utf-8") as file:
        file.writelines(srsly.json_dumps(record) + "\n" for record in records)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A set in three languages, one of them without dev, and a set in one with other names."""
    folder = tmp_path / "data"
    for lang in ("de", "en", "fr"):
        for split, n in (("train", 20), ("dev", 3), ("test", 2)):
            if (lang, split) != ("fr", "dev"):
                write(folder, f"tides.{lang}.{split}.jsonl", make_records(lang, split, n))
    write(folder, "moon.en.train.jsonl.xz", make_records("en", "moon", 4))
    write(folder, "moon.en.val.jsonl.xz", make_records("en", "moon-dev", 1))
    write(folder, "moon.sw.test.jsonl", make_records("sw", "test", 5))
    write(folder, "cross.en-de.train.jsonl", make_records("en", "cross", 7))
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def read_ids(output: Path, split: str) -> list[str]:
    return [record["id"] for record in srsly.read_jsonl(output / f"{split}.jsonl")]


def count_langs(output: Path, split: str) -> dict[str, int]:
    langs = [record["lang"] for record in srsly.read_jsonl(output / f"{split}.jsonl")]
    return {lang: langs.count(lang) for lang in sorted(set(langs))}


def test_all_languages(data: Path, tmp_path: Path):
    output = tmp_path / "corpus"
    result = run(data, output)
    assert result.exit_code == 0, result.output
    assert count_langs(output, "train") == {"de": 20, "en": 24, "fr": 18}
    assert count_langs(output, "dev") == {"de": 3, "en": 4, "fr": 2}
    assert count_langs(output, "test") == {"de": 2, "en": 2, "fr": 2}
    assert sorted(path.name for path in output.iterdir()) == [
        "dev.jsonl",
        "test.jsonl",
        "train.jsonl",
    ]


def test_fields_of_a_record(data: Path, tmp_path: Path):
    labelled = {"text": "Ebb. Flow.", "sents": ["Ebb.", "Flow."], "labels": [0, 1], "note": "x"}
    write(data, "tides.de.train.jsonl", [labelled])
    assert run(data, tmp_path / "corpus", "--languages", "de").exit_code == 0
    [record] = srsly.read_jsonl(tmp_path / "corpus" / "train.jsonl")
    assert record == {
        "id": "tides.de-train-1",
        "lang": "de",
        "set": "tides.de",
        "text": "Ebb. Flow.",
        "sents": ["Ebb.", "Flow."],
        "labels": [0, 1],
    }


def test_set_without_dev_gives_up_the_end_of_train(data: Path, tmp_path: Path):
    result = run(data, tmp_path, "--languages", "fr")
    assert read_ids(tmp_path, "train") == [f"fr-train-{i}" for i in range(18)]
    assert read_ids(tmp_path, "dev") == ["fr-train-18", "fr-train-19"]
    assert "tides.fr has no dev: the last 2 of its 20 train documents" in " ".join(
        result.output.split()
    )


def test_dev_part_is_at_most_100_and_leaves_something_to_train_on(data: Path, tmp_path: Path):
    write(data, "tides.fr.train.jsonl", make_records("fr", "train", 1200))
    assert run(data, tmp_path, "--languages", "fr").exit_code == 0
    assert len(read_ids(tmp_path, "train")) == 1100
    write(data, "tides.fr.train.jsonl", make_records("fr", "train", 2))
    assert run(data, tmp_path, "--languages", "fr").exit_code == 0
    assert read_ids(tmp_path, "train") == ["fr-train-0"]
    assert read_ids(tmp_path, "dev") == ["fr-train-1"]


def test_languages_and_zero_shot(data: Path, tmp_path: Path):
    assert run(data, tmp_path, "--languages", "de, fr").exit_code == 0
    for split in ("train", "dev", "test"):
        assert set(count_langs(tmp_path, split)) == {"de", "fr"}
    run(data, tmp_path, "--languages", "de", "--test-languages", "others")
    assert set(count_langs(tmp_path, "train")) == {"de"}
    assert count_langs(tmp_path, "test") == {"en": 2, "fr": 2, "sw": 5}
    run(data, tmp_path, "--languages", "de", "--test-languages", "all")
    assert set(count_langs(tmp_path, "test")) == {"de", "en", "fr", "sw"}
    run(data, tmp_path, "--languages", "de", "--test-languages", "sw")
    assert set(count_langs(tmp_path, "test")) == {"sw"}


@pytest.mark.parametrize(
    "sets, train", [("moon", {"en": 4}), ("tides.de,moon.en", {"de": 20, "en": 4})]
)
def test_sets(data: Path, tmp_path: Path, sets: str, train: dict[str, int]):
    run(data, tmp_path, "--sets", sets, "--test-languages", "all")
    assert count_langs(tmp_path, "train") == train


def test_limit_draws_from_each_set_by_seed(data: Path, tmp_path: Path):
    drawn = {}
    for seed in (0, 0, 1):
        run(data, tmp_path, "--train-limit", 6, "--seed", seed)
        assert count_langs(tmp_path, "train") == {"de": 6, "en": 10, "fr": 6}
        assert count_langs(tmp_path, "dev") == {"de": 3, "en": 4, "fr": 2}
        ids = read_ids(tmp_path, "train")
        assert ids == drawn.setdefault(seed, ids)
    assert drawn[0] != drawn[1]
    assert not {"fr-train-18", "fr-train-19"}.intersection(drawn[0] + drawn[1])


def test_data_one_level_down(data: Path, tmp_path: Path):
    data.rename(tmp_path / "summarization")
    assert run(tmp_path, tmp_path / "corpus", "--languages", "de").exit_code == 0
    assert count_langs(tmp_path / "corpus", "train") == {"de": 20}


def test_documents_without_text_or_summary_are_left_out(data: Path, tmp_path: Path):
    useless = [{"text": "  ", "summary": "x"}, {"text": "Ebb."}, {"text": "Ebb.", "summary": ""}]
    write(data, "tides.de.train.jsonl", [*useless, *make_records("de", "train", 2)])
    run(data, tmp_path, "--languages", "de")
    assert read_ids(tmp_path, "train") == ["de-train-0", "de-train-1"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--languages", "de,eo"], "No train documents in eo. There are some in de, en, fr"),
        (["--languages", "sw"], "No train documents in sw. There are some in de, en, fr"),
        (["--test-languages", "eo"], "No test documents in eo. There are some in de, en, fr, sw"),
        (["--sets", "sun"], "No such set: sun. There are moon.en, moon.sw, tides.de"),
        (["--sets", "moon.sw"], "There are no train documents"),
        (["--sets", "moon.en"], "There are no test documents"),
        (
            ["--sets", "tides.de,tides.en", "--test-languages", "others"],
            "All languages are trained on",
        ),
    ],
)
def test_errors(data: Path, tmp_path: Path, arguments: list[str], message: str):
    result = run(data, tmp_path / "corpus", *arguments)
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())
    assert not (tmp_path / "corpus").exists()


def test_errors_in_files(data: Path, tmp_path: Path):
    result = run(tmp_path, tmp_path / "corpus")
    assert result.exit_code == 1
    assert "has no files NAME.LANG.SPLIT.jsonl" in " ".join(result.output.split())
    with (data / "tides.de.train.jsonl").open("a", encoding="utf-8") as file:
        file.write("{broken\n")
    result = run(data, tmp_path / "corpus", "--languages", "de")
    assert result.exit_code == 1
    assert "line 21: not a JSON object" in " ".join(result.output.split())
    write(data, "tides.de.train.jsonl", [{"body": "Ebb.", "abstract": "Ebb."}])
    result = run(data, tmp_path / "corpus", "--languages", "de")
    assert result.exit_code == 1
    assert "train: no document has a 'text' and a 'summary'" in " ".join(result.output.split())
    assert not (tmp_path / "corpus" / "train.jsonl").exists()

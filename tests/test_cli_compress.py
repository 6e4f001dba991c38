"""``python -m spacy bertsum compress``."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
from click.testing import Result
from compressed import make_pipeline, score
from spacy.cli import app
from typer.testing import CliRunner

import spacy_bertsum.cli  # noqa: F401
from spacy_bertsum.cli.pipelines import make_pipeline as make_embedded
from spacy_bertsum.compression.pipeline import measure

GARDEN = (
    "The garden opened in June. Volunteers planted ninety fruit trees along the old canal wall. "
    "It rained. The city pays for the water during the first three summers."
)


@pytest.fixture(scope="module")
def small(large_checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved pipeline with two layers of two heads."""
    folder = tmp_path_factory.mktemp("small")
    make_pipeline(large_checkpoints["bert"]).to_disk(folder)
    return folder


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command in a directory of its own."""
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    return lambda *args: runner.invoke(app, ["bertsum", "compress", *map(str, args)])


def flatten(result: Result) -> str:
    """What a command has said, without the boxes and line breaks."""
    return " ".join(result.output.replace("│", " ").split())


@pytest.mark.slow
def test_embedded_model(tmp_path: Path):
    command = ("bertsum", "compress", "xx_bertsum_mini")
    output = tmp_path / "small"
    done = subprocess.run(
        [sys.executable, "-m", "spacy", *command, output, "--quantize", "int8"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Quantized to 8-bit integers" in done.stdout
    assert f"Saved '{output}'" in done.stdout
    nlp = spacy.load(output)
    assert measure(nlp).n_bytes < 15e6
    [ours], [theirs] = score(nlp, [GARDEN]), score(make_embedded(), [GARDEN])
    assert ours == pytest.approx(theirs, abs=0.05)
    assert nlp(GARDEN)._.summarize(n_sents=1) in GARDEN


def test_everything_at_once(run, small: Path, tmp_path: Path):
    (tmp_path / "garden.txt").write_text(GARDEN, encoding="utf-8")
    records = [{"text": GARDEN}, {"text": "Nobody complained."}]
    lines = "".join(json.dumps(record) + "\n" for record in records)
    (tmp_path / "more.jsonl").write_text(lines, encoding="utf-8")
    result = run(
        *(small, "out", "--prune-vocab", "garden.txt", "--prune-vocab", "more.jsonl"),
        *("--drop-layers", 1, "--prune-heads", 0.5, "--quantize", "int8", "--texts", tmp_path),
    )
    assert result.exit_code == 0, result.output
    said = flatten(result)
    for step in ("Kept", "Dropped layers 1", "Pruned heads by layer: 1", "Quantized", "Saved"):
        assert step in said
    before, after = measure(spacy.load(small)), measure(spacy.load("out"))
    assert (after.n_layers, after.n_heads) == (1, 1)
    assert f"word pieces {before.n_pieces} {after.n_pieces}" in said
    assert f"parameters {before.n_parameters:,} {after.n_parameters:,}" in said
    assert "layers 2 1" in said
    assert spacy.load("out")(GARDEN)._.summary in GARDEN


def test_saved_pipeline_is_left_alone(run, small: Path):
    expected = score(spacy.load(small), [GARDEN])
    assert run(small, "out", "--prune-heads", 0.5).exit_code == 0
    assert score(spacy.load(small), [GARDEN]) == expected
    assert score(spacy.load("out"), [GARDEN]) != expected


def test_output_that_is_not_empty(run, small: Path, tmp_path: Path):
    (tmp_path / "out").mkdir()
    assert run(small, "out", "--prune-heads", 0.5).exit_code == 0
    written = (tmp_path / "out" / "config.cfg").read_bytes()
    result = run(small, "out", "--drop-layers", 1)
    assert result.exit_code == 2
    assert "'out' is not empty: --overwrite replaces it" in flatten(result)
    assert measure(spacy.load("out")).n_layers == 2
    (tmp_path / "out" / "stale.txt").touch()
    assert run(small, "out", "--drop-layers", 1, "--overwrite").exit_code == 0
    assert not (tmp_path / "out" / "stale.txt").exists()
    assert (tmp_path / "out" / "config.cfg").read_bytes() == written
    assert measure(spacy.load("out")).n_layers == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Nothing to do: name --quantize"),
        (["--prune-heads", 1], "share of heads must be from 0 to below 1"),
        (["--prune-heads", -0.5], "share of heads must be from 0 to below 1"),
        (["--drop-layers", 2], "Can't drop 2 of 2 layers"),
        (["--drop-layers", -1], "number of layers can't be negative"),
        (["--quantize", "int4"], "int4"),
        (["--quantize", "int8", "--texts", "gone.txt"], "There is no file or directory 'gone.txt'"),
        (["--quantize", "int8", "--texts", "latin.txt"], "latin.txt: Not UTF-8"),
        (["--prune-vocab", "bad.jsonl"], "bad.jsonl:2"),
        (["--prune-vocab", "empty.txt"], "--prune-vocab needs texts"),
        (["--quantize", "int8", "--texts", "empty.txt"], "no text among those to measure on"),
    ],
)
def test_refused(run, small: Path, tmp_path: Path, arguments: list, message: str):
    (tmp_path / "latin.txt").write_bytes("Gärten".encode("latin-1"))
    (tmp_path / "bad.jsonl").write_text('{"text": "Ponds."}\n{"title": "Ponds"}\n')
    (tmp_path / "empty.txt").write_text("")
    result = run(small, "out", *arguments)
    assert result.exit_code == 2
    assert message in flatten(result)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("model", ["xx_bertsum_giant", "nowhere/at/all"])
def test_unknown_model(run, model: str):
    result = run(model, "out", "--quantize", "int8")
    assert result.exit_code == 2
    assert model in flatten(result)


def test_pipeline_without_bertsum(run, tmp_path: Path):
    spacy.blank("en").to_disk(tmp_path / "blank")
    result = run("blank", "out", "--quantize", "int8")
    assert result.exit_code == 2
    assert "no component 'bertsum'" in flatten(result)


def test_compressed_already(run, small: Path):
    assert run(small, "new/out", "--quantize", "int8").exit_code == 0
    result = run("new/out", "again", "--prune-heads", 0.5)
    assert result.exit_code == 2
    assert "in int8 already" in flatten(result)

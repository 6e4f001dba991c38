"""project.yml: its workflows in a copy of the project, offline, on a part of the sample corpus."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import spacy
import srsly
from spacy.cli.project.run import project_run

ROOT = Path(__file__).parent.parent
LANGS = ("de", "ru", "zh")
# Seconds of training in place of minutes.
QUICK = {"vars.config": "cnn", "vars.max_steps": 10, "vars.eval_frequency": 5}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    project = tmp_path / "project"
    project.mkdir()
    shutil.copy(ROOT / "project.yml", project)
    for folder in ("configs", "scripts"):
        shutil.copytree(ROOT / folder, project / folder)
    (project / "assets" / "corpus").mkdir(parents=True)
    for lang in LANGS:
        for path in (ROOT / "assets" / "corpus").glob(f"sample.{lang}.*.jsonl"):
            shutil.copy(path, project / "assets" / "corpus")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    # The copy's scripts, as in a clone; pytest has those of this directory on its own path.
    monkeypatch.setenv("PYTHONPATH", str(project))
    return project


@pytest.mark.slow
def test_all_from_documents_to_an_installed_package(project: Path):
    project_run(project, "all", overrides={**QUICK, "vars.max_steps": 5}, capture=True)
    training = project / "training"
    log = list(srsly.read_jsonl(training / "log.jsonl"))
    assert [row["step"] for row in log] == [0, 5]
    metrics = srsly.read_json(training / "metrics.json")
    assert set(metrics["summary_per_lang"]) == set(LANGS)
    assert metrics["rouge_1"] > 0.2
    report = (training / "report" / "report.md").read_text(encoding="utf-8")
    for lang in LANGS:
        assert f"| {lang} |" in report
    assert len(list((training / "report").glob("*.png"))) == 3

    # More steps: the workflow trains on, and leaves the corpus as it is.
    made = (training / "corpus" / "train.spacy").stat().st_mtime_ns
    project_run(project, "train", overrides=QUICK, capture=True)
    resumed = list(srsly.read_jsonl(training / "log.jsonl"))
    assert [row["step"] for row in resumed] == [0, 5, 10]
    assert resumed[:2] == log
    assert (training / "corpus" / "train.spacy").stat().st_mtime_ns == made

    (sdist,) = (project / "packages").glob("*/dist/*.tar.gz")
    target = project / "installed"
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--target", str(target), str(sdist)], check=True)
    shutil.rmtree(training)
    code = (
        "import xx_bertsum\n"
        "nlp = xx_bertsum.load()\n"
        "print(nlp('Erst kam Regen. Dann kam Schnee. Am Ende kam die Sonne.')._.summary)"
    )
    environment = {**os.environ, "PYTHONPATH": str(target)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.count(".") == 2, "the two sentences that vars.n_sents asks for"


@pytest.mark.slow
def test_zero_shot_reports_on_languages_not_trained_on(project: Path):
    overrides = {**QUICK, "vars.seen_languages": "de,ru"}
    project_run(project, "zero-shot", overrides=overrides, capture=True)
    run = project / "training" / "zero-shot"
    trained_on = {record["lang"] for record in srsly.read_jsonl(run / "corpus" / "train.jsonl")}
    assert trained_on == {"de", "ru"}
    nlp = spacy.load(run / "model-best")
    assert set(nlp.meta["performance"]["summary_per_lang"]) == {"de", "ru"}
    report = (run / "report" / "report.md").read_text(encoding="utf-8")
    assert "| zh" in report
    assert "| de" not in report

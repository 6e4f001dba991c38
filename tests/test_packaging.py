"""The wheel has all that the main job needs, and works away from the repository."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODEL = "spacy_bertsum/models/xx_bertsum_mini"
BUILD = "import sys; from setuptools import build_meta as b; print(getattr(b, sys.argv[1])('{}'))"


def build(kind: str, folder: Path) -> Path:
    """Build from a copy: setuptools leaves files behind that would get into the next build."""
    source = folder / "source"
    source.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "spacy_bertsum", source / "spacy_bertsum")
    command = [sys.executable, "-c", BUILD.format(folder.as_posix()), f"build_{kind}"]
    result = subprocess.run(command, cwd=source, check=True, capture_output=True, text=True)
    return folder / result.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.mark.slow
def test_wheel_is_complete(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        folder = next(name for name in names if name.endswith("/entry_points.txt"))
        assert "bertsum = spacy_bertsum.component:make_bertsum" in archive.read(folder).decode()
    for name in ("config.cfg", "head.safetensors", "encoder/model.safetensors", "MODEL_CARD.md"):
        assert f"{MODEL}/{name}" in names
    assert "spacy_bertsum/py.typed" in names
    assert not any(name.startswith(("tests/", "scripts/", "benchmarks/")) for name in names)


@pytest.mark.slow
def test_sdist_is_complete(tmp_path: Path):
    with tarfile.open(build("sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"setup.cfg", "LICENSE", "spacy_bertsum/component.py"} <= names
    assert f"{MODEL}/encoder/model.safetensors" in names


SUMMARIZE = (
    "import spacy, spacy_bertsum; print(spacy_bertsum.__file__); nlp = spacy.blank('en');"
    "nlp.add_pipe('multilingual_sentencizer'); nlp.add_pipe('bertsum', config={'n_sents': 1});"
    "print(len(nlp('One sentence is here. Another one follows it.').spans['summary']))"
)


@pytest.mark.slow
def test_wheel_works_alone(wheel: Path, tmp_path: Path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    result = subprocess.run(
        [sys.executable, "-c", SUMMARIZE],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site"), "HF_HUB_OFFLINE": "1", "PATH": ""},
        check=True,
        capture_output=True,
        text=True,
    )
    path, n_chosen = result.stdout.splitlines()[-2:]
    assert Path(path).is_relative_to(tmp_path)
    assert n_chosen == "1"


@pytest.mark.slow
def test_spacy_transformers_can_be_removed(tmp_path: Path):
    """Where no transformer is shared, a process starts faster without it."""
    installed = Path(sysconfig.get_paths()["purelib"])
    for path in installed.iterdir():
        if not path.name.startswith(("spacy_transformers", "__editable__")):
            (tmp_path / path.name).symlink_to(path)
    code = (
        f"{SUMMARIZE}; import importlib.util; print(importlib.util.find_spec('spacy_transformers'))"
    )
    result = subprocess.run(
        # -S: without the environment's own site-packages.
        [sys.executable, "-S", "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}", "HF_HUB_OFFLINE": "1", "PATH": ""},
        check=True,
        capture_output=True,
        text=True,
    )
    assert result.stdout.splitlines()[-2:] == ["1", "None"]

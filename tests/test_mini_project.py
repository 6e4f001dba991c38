"""The steps of project.yml that make the embedded model: they say what they read and write."""

import shlex
from itertools import pairwise
from pathlib import Path

import pytest
from weasel.util import load_project_config

PROJECT = load_project_config(Path(__file__).parent.parent)
WORK = Path(PROJECT["vars"]["mini_work"])
WORKFLOWS = {name: PROJECT["workflows"][name] for name in ("mini", "commercial", "comparisons")}
NAMES = sorted({name for names in WORKFLOWS.values() for name in names})
STEPS = {step["name"]: step for step in PROJECT["commands"] if step["name"] in NAMES}
# Results that are kept for the next time: nothing depends on them.
STORE = WORK / "quality"


def find_files(name: str, *keys: str) -> set[Path]:
    """The dependencies or outputs of a step."""
    return {Path(path) for key in keys for path in STEPS[name].get(key, [])}


def split_script(name: str) -> list[str]:
    (script,) = STEPS[name]["script"]
    return shlex.split(script)


def read_options(name: str) -> dict[str, str]:
    """What stands behind each word."""
    return dict(pairwise(split_script(name)))


@pytest.mark.parametrize("name", NAMES)
def test_runs_in_the_python_that_runs_the_project(name: str):
    assert split_script(name)[:2] == ["python", "-m"]


@pytest.mark.parametrize("name", NAMES)
def test_paths_of_a_script_are_dependencies_or_outputs(name: str):
    files = find_files(name, "deps", "outputs")
    for path in map(Path, split_script(name)):
        if WORK in path.parents and path != STORE:
            assert any(file_.is_relative_to(path) for file_ in files), path


@pytest.mark.parametrize("name", NAMES)
def test_files_that_options_name_are_dependencies_or_outputs(name: str):
    options = read_options(name)
    deps, outputs = find_files(name, "deps"), find_files(name, "outputs")
    if "--vectors" in options:
        words = pairwise(split_script(name))
        for work in (WORK, *(Path(value) for option, value in words if option == "--also")):
            assert {work / "prepared", work / options["--vectors"]} <= deps
    if "--checkpoint" in options:
        assert WORK / options["--checkpoint"] in deps
    if "--n-pairs" in options:
        assert WORK / "pairs.pt" in deps
    if "--save-as" in options:
        assert options["--save-as"] in {path.stem for path in outputs}


@pytest.mark.parametrize("workflow", ["mini", "commercial"])
def test_a_step_reads_what_earlier_ones_have_written(workflow: str):
    written: set[Path] = set()
    for name in WORKFLOWS[workflow]:
        made = {path for path in find_files(name, "deps") if WORK in path.parents}
        assert made <= written, name
        assert not find_files(name, "outputs") & written, name
        written |= find_files(name, "outputs")


def test_documents_are_moved_by_what_their_own_encoder_makes_of_languages():
    def find_encoder(path: Path) -> set[Path]:
        """The model directory among what the step that writes a file reads."""
        (name,) = (name for name in STEPS if path in find_files(name, "outputs"))
        return {dep for dep in find_files(name, "deps") if dep.name.startswith("xx_bertsum")}

    moved = [name for name in NAMES if {"--languages", "--vectors"} <= read_options(name).keys()]
    # Where these are the languages of the documents.
    moved.remove("matrix")
    moved.remove("left-out")
    assert moved == ["commercial-head", "head", "head-2", "head-3", "whole-2"]
    for name in moved:
        options = read_options(name)
        encoder = find_encoder(Path(options["--languages"]))
        assert encoder == find_encoder(WORK / options["--vectors"]) != set()

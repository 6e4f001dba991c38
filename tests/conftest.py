from pathlib import Path

import pytest
import spacy
from checkpoints import FAMILIES, enlarge, make_checkpoint
from spacy.language import Language
from spacy.tokens import Doc


@pytest.fixture(autouse=True)
def wide_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages in boxes are broken into lines, where depends on the length of paths in them."""
    monkeypatch.setenv("COLUMNS", "400")


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Directories of small checkpoints by family."""
    return {family: make_checkpoint(family, tmp_path_factory.mktemp(family)) for family in FAMILIES}


@pytest.fixture(scope="session")
def large_checkpoints(
    checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The same with weights as large as if they were trained."""
    return {
        family: enlarge(path, tmp_path_factory.mktemp(f"large_{family}"))
        for family, path in checkpoints.items()
    }


@pytest.fixture(params=FAMILIES)
def checkpoint(request: pytest.FixtureRequest, checkpoints: dict[str, Path]) -> Path:
    """Each family's checkpoint in turn."""
    return checkpoints[request.param]


@pytest.fixture
def nlp() -> Language:
    """A pipeline that tokenizes and divides into sentences."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    return nlp


@pytest.fixture
def docs(nlp: Language) -> list[Doc]:
    """Documents of several lengths: one sentence, some, and more than a window holds."""
    sentence = "The town library opens a new reading room on Monday."
    texts = [
        "One sentence stands alone.",
        f"{sentence} Many people came. They read, and some stayed until evening!",
        " ".join(f"{sentence} It was day {i}." for i in range(12)),
    ]
    return list(nlp.pipe(texts))

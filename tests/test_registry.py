import json
import subprocess
import sys
from configparser import ConfigParser
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import spacy

SETUP = ConfigParser()
SETUP.read(Path(__file__).parent.parent / "setup.cfg", encoding="utf8")
ENTRY_POINTS = [
    (group, *(part.strip() for part in line.split("=", 1)))
    for group, lines in SETUP["options.entry_points"].items()
    for line in lines.strip().splitlines()
]
# These spaCy imports only when a config names them. Those in LIGHT it imports for every pipeline,
# whether it uses them or not.
ON_DEMAND = {"spacy_bertsum.architectures", "spacy_bertsum.pretrained", "spacy_bertsum.cli"}
LIGHT = sorted({target.split(":")[0] for _, _, target in ENTRY_POINTS} - ON_DEMAND)
HEAVY = {"torch", "transformers", "py3langid", "nltk", "sklearn", "scipy", "gensim"}


def run(code: str) -> Any:
    """Run code in a fresh interpreter; what it leaves in `result`."""
    done = subprocess.run(
        [sys.executable, "-c", f"import json, sys, time\n{code}\nprint(json.dumps(result))"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "group, name, target", [point for point in ENTRY_POINTS if point[0] != "spacy_factories"]
)
def test_entry_point_resolves_through_spacy(group: str, name: str, target: str):
    module, attribute = target.split(":")
    registry = getattr(spacy.registry, group.partition("_")[2])
    assert registry.get(name) is getattr(import_module(module), attribute)


def test_factories_are_found_without_an_import():
    names = [name for group, name, _ in ENTRY_POINTS if group == "spacy_factories"]
    assert "bertsum" in names
    found = run("import spacy\nresult = spacy.blank('xx').factory_names")
    assert set(names) <= set(found)


def test_package_alone_imports_neither_torch_nor_spacy():
    loaded = run("import spacy_bertsum\nresult = list(sys.modules)")
    assert not {"torch", "transformers", "thinc", "spacy", "numpy"} & set(loaded)


def test_modules_that_spacy_imports_are_light():
    added = run(
        "import importlib, spacy\n"
        "result = {}\n"
        f"for module in {LIGHT}:\n"
        "    before = set(sys.modules)\n"
        "    importlib.import_module(module)\n"
        "    result[module] = list(set(sys.modules) - before)"
    )
    # thinc imports torch itself where it is installed; nothing may come on top of that.
    heavy = {
        module: HEAVY & {name.split(".")[0] for name in names} for module, names in added.items()
    }
    assert heavy == {module: set() for module in LIGHT}


def test_start_up_costs_next_to_nothing():
    code = (
        "import spacy\n"
        "start = time.process_time()\n"
        f"import {', '.join(LIGHT)}\n"
        "result = time.process_time() - start"
    )
    # Several tries: whatever else runs on the machine is not our cost.
    assert any(run(code) < 0.3 for _ in range(3))

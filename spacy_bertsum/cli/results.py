"""A JSONL file of results that a stopped command can go on with."""

import json
import os
import shutil
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

from .documents import Document, get_key, hash_document

PREFIX = b'{"source":'


class Results:
    """Records in a JSONL file, each of which begins with a field "source".

    Opening a file that exists cuts off the last line if it was not written to its end, and keeps
    the others. Closing it removes records of documents that were written again.
    """

    def __init__(self, path: Path, settings_hash: str, *, overwrite: bool = False) -> None:
        """Open the file.

        settings_hash: Of what the records depend on beside their documents. It is added to them.
        overwrite: Start afresh.
        RAISES: ValueError if the file has other contents or records of other settings, OSError if
            it can't be written.
        """
        self._path = path
        self._settings_hash = settings_hash
        self._hash_of: dict[Hashable, str] = {}
        self._line_of: dict[Hashable, int] = {}
        self._n_lines = 0
        self._replaced: set[int] = set()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb+" if overwrite else "ab+")
        self._file.seek(0)
        end = 0
        for number, line in enumerate(self._file, start=1):
            if line.endswith(b"\n"):
                try:
                    record = json.loads(line)
                    self._count(record)
                except (ValueError, LookupError, TypeError):
                    self._refuse(f"has other contents in line {number}")
                self._check_settings(record)
                end += len(line)
            elif line[: len(PREFIX)] != PREFIX[: len(line)]:
                self._refuse(f"has other contents in line {number}")
        self._file.truncate(end)

    def _count(self, record: dict[str, Any]) -> None:
        key = get_key(record)
        if key is not None:
            if key in self._line_of:
                self._replaced.add(self._line_of[key])
            self._line_of[key] = self._n_lines
            self._hash_of[key] = record.get("document_hash", "")
        self._n_lines += 1

    def _check_settings(self, record: dict[str, Any]) -> None:
        if "settings_hash" not in record:
            self._refuse("does not say with which settings it was made")
        if record["settings_hash"] != self._settings_hash:
            self._refuse("was made with other settings, another model or another version")

    def _refuse(self, why: str) -> None:
        self._file.close()
        raise ValueError(
            f"'{self._path}' {why}: choose another file to write to, or replace this one by "
            "--overwrite"
        )

    def is_done(self, document: Document) -> bool:
        """Whether the file has a record of a document, and the document has not changed since.

        Standard input may be another each time: of its documents none is done.
        """
        return self._hash_of.get(get_key(vars(document))) == hash_document(document)

    def write(self, records: Iterable[dict[str, Any]]) -> None:
        """Append records and flush them to the file. They replace others of the same documents."""
        records = [{**record, "settings_hash": self._settings_hash} for record in records]
        lines = [json.dumps(r, ensure_ascii=False, separators=(",", ":")) + "\n" for r in records]
        # A lone surrogate, as in the name of a file that is not UTF-8, becomes a JSON escape.
        self._file.write("".join(lines).encode("utf-8", errors="backslashreplace"))
        self._file.flush()
        for record in records:
            self._count(record)

    def close(self) -> None:
        self._file.close()
        if self._replaced:
            self._remove_replaced()

    def _remove_replaced(self) -> None:
        # Through a file beside it: a process that is killed leaves one of both whole.
        path = self._path.resolve()
        temporary = path.with_name(path.name + ".tmp")
        with path.open("rb") as old, temporary.open("wb") as new:
            new.writelines(line for i, line in enumerate(old) if i not in self._replaced)
        shutil.copymode(path, temporary)
        os.replace(temporary, path)
        self._replaced.clear()

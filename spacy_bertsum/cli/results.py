"""A JSONL file of results that a stopped command can go on with."""

import json
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import Any

PREFIX = b'{"source":'


class Results:
    """Records in a JSONL file, each of which begins with a field "source".

    Opening a file that exists cuts off the last line if it was not written to its end, and keeps
    the others.

    done: The keys of the records in the file.
    """

    def __init__(
        self,
        path: Path,
        get_key: Callable[[dict[str, Any]], Hashable],
        *,
        overwrite: bool = False,
    ) -> None:
        """Open the file.

        get_key: What tells a record from others.
        overwrite: Start afresh.
        RAISES: ValueError if the file has other contents, OSError if it can't be written.
        """
        self.done: set[Hashable] = set()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb+" if overwrite else "ab+")
        self._file.seek(0)
        end = 0
        for number, line in enumerate(self._file, start=1):
            if line.endswith(b"\n"):
                try:
                    self.done.add(get_key(json.loads(line)))
                except (ValueError, LookupError, TypeError):
                    self._refuse(path, number)
                end += len(line)
            elif line[: len(PREFIX)] != PREFIX[: len(line)]:
                self._refuse(path, number)
        self._file.truncate(end)

    def _refuse(self, path: Path, number: int) -> None:
        self._file.close()
        raise ValueError(
            f"'{path}' has other contents in line {number}: choose another file to write to, or "
            "replace this one by --overwrite"
        )

    def write(self, records: Iterable[dict[str, Any]]) -> None:
        """Append records and flush them to the file."""
        lines = [json.dumps(r, ensure_ascii=False, separators=(",", ":")) + "\n" for r in records]
        # A lone surrogate, as in the name of a file that is not UTF-8, becomes a JSON escape.
        self._file.write("".join(lines).encode("utf-8", errors="backslashreplace"))
        self._file.flush()

    def close(self) -> None:
        self._file.close()

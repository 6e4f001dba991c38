"""The summarization sets of a data directory: ``NAME.LANG.SPLIT.jsonl``, or ``.jsonl.xz``.

They lie in the directory itself or in ``summarization``, one level down. SPLIT is train, dev (or
val) or test.
"""

import lzma
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import srsly

SPLITS = {"train": "train", "dev": "dev", "val": "dev", "test": "test"}
_FILE_NAME = re.compile(rf"(.+\.[^.-]+)\.({'|'.join(SPLITS)})\.jsonl(\.xz)?")


@dataclass(frozen=True)
class Corpus:
    """One set in one language and one split.

    name: NAME.LANG
    split: train, dev or test.
    """

    path: Path
    name: str
    split: str

    @property
    def lang(self) -> str:
        return self.name.rpartition(".")[2]

    def read_raw(self) -> Iterator[dict[str, Any]]:
        """Yield the records as they are. A line that is no JSON object raises a ValueError."""
        open_file = lzma.open if self.path.suffix == ".xz" else open
        with open_file(self.path, "rt", encoding="utf-8") as file_:
            for number, line in enumerate(file_, start=1):
                try:
                    record = srsly.json_loads(line)
                except ValueError:
                    record = None
                if not isinstance(record, dict):
                    raise ValueError(f"{self.path}, line {number}: not a JSON object")
                yield record

    def read(self, limit: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield records with ``id``, ``text`` and ``references``, a list of strings."""
        for record in islice(self.read_raw(), limit):
            summary = record["summary"]
            references = [summary] if isinstance(summary, str) else summary
            yield {"id": record["id"], "text": record["text"], "references": references}


def find_corpora(data: Path, split: str) -> list[Corpus]:
    """The sets that have a split, in alphabetical order.

    Cross-lingual sets, those with LANG-LANG2 for LANG, are left out; of two files of the same set
    and split, the first counts.

    data: The data directory.
    split: train, dev (or val, which is the same) or test.
    """
    folder = data / "summarization"
    corpora: dict[str, Corpus] = {}
    for path in sorted((folder if folder.is_dir() else data).iterdir()):
        match = _FILE_NAME.fullmatch(path.name)
        if match and SPLITS[match[2]] == SPLITS[split]:
            corpora.setdefault(match[1], Corpus(path, match[1], SPLITS[match[2]]))
    return [corpora[name] for name in sorted(corpora)]

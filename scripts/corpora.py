"""The summarization sets of a data directory: ``DATA/summarization/NAME.LANG.SPLIT.jsonl.xz``."""

import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import srsly


@dataclass(frozen=True)
class Corpus:
    """One set in one language and one split."""

    path: Path

    @property
    def name(self) -> str:
        """NAME.LANG"""
        return ".".join(self.path.name.split(".")[:2])

    @property
    def lang(self) -> str:
        return self.path.name.split(".")[1]

    def read(self, limit: int | None = None) -> Iterator[dict]:
        """Yield records with ``id``, ``text`` and ``references``, a list of strings."""
        with lzma.open(self.path, "rt", encoding="utf-8") as file_:
            for i, line in enumerate(file_):
                if limit is not None and i >= limit:
                    break
                record = srsly.json_loads(line)
                summary = record["summary"]
                references = [summary] if isinstance(summary, str) else summary
                yield {"id": record["id"], "text": record["text"], "references": references}


def find_corpora(data: Path, split: str) -> list[Corpus]:
    """The monolingual sets that have a split, in alphabetical order."""
    paths = sorted((data / "summarization").glob(f"*.{split}.jsonl.xz"))
    corpora = [Corpus(path) for path in paths]
    return [corpus for corpus in corpora if "-" not in corpus.lang]

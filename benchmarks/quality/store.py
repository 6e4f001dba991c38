"""Results are kept, so that a run which was stopped goes on, and another model costs no peer."""

import json
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

from benchmarks.peers.protocol import Extract
from benchmarks.quality.fingerprint import make_fingerprint
from benchmarks.quality.sets import TestSet
from benchmarks.quality.systems import Choice, System
from scripts.evaluation import score_extract
from spacy_bertsum import rouge

Scores = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Result:
    """A system on a set.

    scores: For each document and way, ROUGE-1, ROUGE-2 and ROUGE-L F1 × 100; empty if it took too
        long.
    """

    choice: Choice
    scores: list[Scores]


class Store:
    """A JSON lines file for each set and system: a line about all, then one for each document.

    directory: Where they are; to measure everything again, remove it.
    """

    def __init__(self, directory: Path):
        self.directory = directory

    def find(self, system: System, test_set: TestSet) -> Result | None:
        """The result of a system, if it is there and nothing it depends on is another.

        If it was stopped, that is a result only where it may not take longer now.
        """
        path = self.get_path(system, test_set)
        if not path.exists():
            return None
        head, *rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        if head["key"] != make_key(system, test_set):
            return None
        limit = head["choice"]["limit"]
        if limit is not None and (system.limit is None or system.limit > limit):
            return None
        extracts = [Extract(row["chosen"], row["ranking"]) for row in rows]
        choice = Choice(extracts, **head["choice"])
        if head["scores_key"] != make_scores_key(test_set):
            return self.add(system, test_set, choice)
        return Result(choice, [row["scores"] for row in rows])

    def add(self, system: System, test_set: TestSet, choice: Choice) -> Result:
        """Score what a system has chosen, and keep it."""
        scores = [
            score_extract(document.sents, record.references, *astuple(extract), document.n_chars)
            for document, record, extract in zip(
                test_set.documents, test_set.records, choice.extracts, strict=not choice.limit
            )
        ]
        about = asdict(choice)
        del about["extracts"]
        head = {
            "system": system.name,
            "key": make_key(system, test_set),
            "scores_key": make_scores_key(test_set),
            "choice": about,
        }
        rows = [
            {**asdict(extract), "scores": score}
            for extract, score in zip(choice.extracts, scores, strict=True)
        ]
        path = self.get_path(system, test_set)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all, wherever it is stopped.
        draft = path.with_suffix(".draft")
        draft.write_text("\n".join(map(json.dumps, [head, *rows])) + "\n", encoding="utf-8")
        draft.replace(path)
        return Result(choice, scores)

    def get_path(self, system: System, test_set: TestSet) -> Path:
        name = "".join(c if c.isalnum() else "-" for c in system.name)
        return self.directory / test_set.name / f"{name}.jsonl"


def make_key(system: System, test_set: TestSet) -> str:
    return make_fingerprint(system.name, system.fingerprint, test_set.fingerprint)


def make_scores_key(test_set: TestSet) -> str:
    return make_fingerprint(Path(rouge.__file__), test_set.fingerprint)

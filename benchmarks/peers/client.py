"""Peers, asked from outside their environment.

>>> peers = Peers(Path("build/peers"))
>>> run = peers.run("sumy LexRank", documents, threads=1)
>>> len(documents) / run.seconds  # documents per second
"""

import json
import os
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.environment import make_environment
from benchmarks.peers.protocol import Document, Extract
from benchmarks.peers.systems import SYSTEMS
from spacy_bertsum.rouge import tokenize

RUNNER = Path(__file__).parent / "runner.py"
# Whichever of them a library asks for the number of its threads.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def make_document(
    sents: Sequence[str], lang: str, n_sents: int, n_chars: int | None = None
) -> Document:
    """A document with the words of ROUGE: runs of letters and digits, or characters where a script
    puts nothing between words."""
    words = [tokenize(sent) for sent in sents]
    return Document(list(sents), words, lang, n_sents, n_chars)


@dataclass(frozen=True)
class PeerRun:
    """What a peer chose of documents, and what it took.

    extracts: For each document; empty if the peer was stopped.
    seconds: Wall clock for all documents, without loading, dividing into sentences and words.
    cpu_seconds: The same as CPU time of the process; that of what it did if it was stopped.
    seconds_to_load: To import and build it in a fresh process.
    seconds_to_fit: For `lexrank`, to count the words of the documents; part of no other number.
    peak_memory_mb: Of its process.
    failures: What it raised, by the number of the document. There, and where it chooses fewer
        sentences than it is asked for, the document's first ones take their place.
    is_stopped: Whether the limit was reached.
    """

    extracts: list[Extract]
    seconds: float
    cpu_seconds: float
    seconds_to_load: float
    seconds_to_fit: float
    peak_memory_mb: float
    failures: dict[int, str]
    is_stopped: bool = False

    @property
    def rankings(self) -> list[list[int]]:
        """The sentences of each document, the best first."""
        return [extract.ranking for extract in self.extracts]


class Peers:
    """All peers, in an environment of their own, made when the first of them is asked.

    directory: Where the environment is, and what the peers print.
    """

    def __init__(self, directory: Path):
        self.directory = directory
        self.names = list(SYSTEMS)

    def prepare(self) -> Path:
        """Make the environment if it is not there; returns its Python."""
        return make_environment(self.directory / "environment")

    def run(
        self,
        system: str,
        documents: Sequence[Document],
        threads: int = 1,
        limit: float | None = None,
    ) -> PeerRun:
        """Let a peer summarize documents in a fresh process, see `Peer.run`."""
        with self.open(system, threads) as peer:
            return peer.run(documents, limit)

    def open(self, system: str, threads: int = 1) -> "Peer":
        """Load a peer in a process of its own, for several sets of documents.

        RAISES: ValueError if there is no such peer, RuntimeError if it can't be loaded.
        """
        if system not in SYSTEMS:
            raise ValueError(f"No peer is called '{system}'. There are: {', '.join(SYSTEMS)}")
        python = self.prepare()
        log = self.directory / "logs" / f"{system.replace(' ', '_')}.txt"
        return Peer([str(python), str(RUNNER), system], log, threads)


class Peer(AbstractContextManager):
    """A peer in a process of its own.

    command: Starts the runner.
    log: File for what the peer prints.
    """

    def __init__(self, command: Sequence[str], log: Path, threads: int = 1):
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        # No hub is asked, whatever a library would like to look up.
        environment = {**os.environ, **dict.fromkeys(THREADS, str(threads)), "HF_HUB_OFFLINE": "1"}
        environment.pop("PYTHONPATH", None)
        with log.open("w", encoding="utf-8") as file:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                env=environment,
                text=True,
                encoding="utf-8",
            )
        self.seconds_to_load: float = self._read()["seconds"]

    def __exit__(self, *args: Any) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def run(
        self,
        documents: Sequence[Document],
        limit: float | None = None,
        progress: Iterable[Document] | None = None,
    ) -> PeerRun:
        """Summarize the documents of a set.

        limit: CPU seconds for all documents together; None for as many as it takes.
        progress: The documents again, in a progress bar.
        RAISES: RuntimeError if the peer's process ends.
        """
        fitted = self._ask({"fit": [asdict(document) for document in documents]})
        if "error" in fitted:
            raise RuntimeError(f"A peer can't take these documents: {fitted['error']}")
        extracts: list[Extract] = []
        failures: dict[int, str] = {}
        seconds = cpu_seconds = 0.0
        answer = fitted
        for i, document in enumerate(documents if progress is None else progress):
            left = None if limit is None else limit - cpu_seconds
            answer = self._ask({"select": asdict(document), "limit": left})
            seconds += answer["seconds"]
            cpu_seconds += answer["cpu_seconds"]
            if "stopped" in answer:
                extracts.clear()
                break
            if "error" in answer:
                failures[i] = answer["error"]
            extract = Extract(answer.get("chosen", []), answer.get("ranking", []))
            extracts.append(_complete(extract, document))
        return PeerRun(
            extracts,
            seconds,
            cpu_seconds,
            self.seconds_to_load,
            fitted["seconds"],
            answer["peak_memory_mb"],
            failures,
            is_stopped="stopped" in answer,
        )

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        # Where it has ended, reading says so, with the reason.
        with suppress(BrokenPipeError):
            print(json.dumps(request), file=self.process.stdin, flush=True)
        return self._read()

    def _read(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            end = self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
            command = " ".join(map(str, self.process.args))
            raise RuntimeError(f"A peer ended with code {code} ({command}):\n{end}")
        return json.loads(line)


def _complete(extract: Extract, document: Document) -> Extract:
    """Put the first sentences where a system chose too few."""
    n_sents = min(document.n_sents, len(document.sents))
    rest = [i for i in range(len(document.sents)) if i not in extract.chosen]
    chosen = sorted([*extract.chosen, *rest[: n_sents - len(extract.chosen)]])
    ranked = set(extract.ranking)
    rest = [i for i in range(len(document.sents)) if i not in ranked]
    return Extract(chosen, [*extract.ranking, *rest])

"""Runs one peer, inside the peers' environment: JSON lines in, JSON lines out.

    PYTHON benchmarks/peers/runner.py "sumy LexRank" < requests.jsonl

PYTHON is that of the peers' environment; nothing of spacy_bertsum is installed there. Requests:

    {"fit": [DOCUMENT, …]}                       the documents of a set, for those that count words
    {"select": DOCUMENT, "limit": SECONDS}       CPU seconds the peer may take, or null

with the fields of `protocol.Document`. The first line out is ``{"seconds": …}``, the time to import
and load the peer; then there is a line for each request: ``seconds`` (wall clock), ``cpu_seconds``
(of the process, whatever else the machine does), ``peak_memory_mb`` (of the process so far), and

    ``chosen``, ``ranking``   see `protocol.Extract`
    ``error``                 instead: what the peer raised
    ``stopped``               instead: true, the limit was reached
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, TextIO

from protocol import Document
from systems import load


class LimitReached(BaseException):
    """Not an Exception, so that no peer catches it."""


@contextmanager
def limit_cpu(seconds: float | None) -> Iterator[None]:
    """Raise LimitReached after so many CPU seconds of this process, which may have been paused."""

    def stop(*args: Any) -> None:
        raise LimitReached

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, 0 if seconds is None else max(seconds, 1e-3))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def measure(action: Callable[[], dict[str, Any] | None], limit: float | None) -> dict[str, Any]:
    """Do something, and say what came of it and what it cost."""
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        with limit_cpu(limit):
            outcome = action() or {}
    except LimitReached:
        outcome = {"stopped": True}
    except Exception as error:
        outcome = {"error": f"{type(error).__name__}: {error}"}
    return {
        **outcome,
        "seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
        "peak_memory_mb": measure_peak_memory(),
    }


def measure_peak_memory() -> float:
    # Not getrusage: a new process begins with the peak of the one that started it.
    with open("/proc/self/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:"))


def answer(system: Any, request: dict[str, Any]) -> dict[str, Any]:
    if "fit" in request:
        documents = [Document(**fields) for fields in request["fit"]]
        return measure(lambda: system.fit(documents), None)
    document = Document(**request["select"])
    return measure(lambda: asdict(system.select(document)), request.get("limit"))


def reserve_stdout() -> TextIO:
    """A file for the answers alone: what a peer prints goes to stderr."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def main(name: str) -> None:
    answers = reserve_stdout()
    start = time.perf_counter()
    system = load(name)
    print(json.dumps({"seconds": time.perf_counter() - start}), file=answers, flush=True)
    for line in sys.stdin.buffer:
        print(json.dumps(answer(system, json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

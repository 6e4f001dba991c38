"""How fast the LSTM of `RecurrentHead` trains, beside torch's on packed sequences.

    python -m benchmarks.recurrent --output benchmarks/results/recurrent.md

An LSTM of the size of the embedded model's, on batches of documents whose lengths are drawn between
half of the longest and that; forward and backward, in turns.
"""

import copy
import time
from collections.abc import Callable
from pathlib import Path

import numpy
import torch
import typer
from torch import Tensor

from benchmarks.page import describe_run, publish
from spacy_bertsum.layers.recurrent import PaddedLstm

N_IN, WIDTH, DEPTH = 296, 256, 2
# Documents, and the sentences of the longest.
BATCHES = ((40, 8), (20, 15), (8, 40), (3, 100), (2, 300))

Run = Callable[[Tensor, Tensor], Tensor]


def make_runs() -> dict[str, Run]:
    lstm = PaddedLstm(N_IN, WIDTH, DEPTH)
    # In use it packs, as torch's own would; it has no dropout by which training differs.
    return {"packed": copy.deepcopy(lstm).eval(), "padded": lstm.train()}


def draw_batch(n_docs: int, length: int) -> tuple[Tensor, Tensor]:
    """Vectors, (documents, sentences, width), and the mask of real sentences."""
    sizes = torch.randint(length // 2, length + 1, (n_docs, 1))
    sizes[0] = length
    return torch.randn(n_docs, length, N_IN), torch.arange(length) < sizes


def measure_step(run: Run, vectors: Tensor, mask: Tensor) -> float:
    """The milliseconds of a step."""
    start = time.perf_counter()
    run(vectors, mask)[mask].square().mean().backward()
    return 1e3 * (time.perf_counter() - start)


def main(
    rounds: int = 7,
    threads: int = 2,
    output: Path | None = typer.Option(None, help="Markdown file for the table"),
) -> None:
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    runs = make_runs()
    lines = ["| documents | sentences | packed, ms | padded, ms | ratio |", "| ---: " * 5 + "|"]
    for n_docs, length in BATCHES:
        batch = draw_batch(n_docs, length)
        times = {name: [] for name in runs}
        for _ in range(rounds):
            for name, run in runs.items():
                times[name].append(measure_step(run, *batch))
        packed, padded = (numpy.array(times[name][1:]) for name in runs)
        cells = (numpy.median(packed), numpy.median(padded), numpy.median(packed / padded))
        figures = f"{cells[0]:.0f} | {cells[1]:.0f} | {cells[2]:.1f}"
        lines.append(f"| {n_docs} | up to {length} | {figures} |")
    page = (
        f"# An LSTM in training\n\n{describe_run(('torch',))}, {threads} threads. Medians of "
        f"{rounds - 1} rounds in turns. Command: `python -m benchmarks.recurrent --rounds {rounds} "
        f"--threads {threads}`\n\n" + "\n".join(lines) + "\n"
    )
    publish(page, output)


if __name__ == "__main__":
    typer.run(main)

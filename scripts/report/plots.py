"""The figures of a report, as PNG files."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import numpy
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from scripts.evaluation import SENTENCES, SYSTEMS

# Okabe & Ito's colors, which differ in lightness too; markers for those who print in gray.
COLORS = {"lead": "#E69F00", "model": "#0072B2", "oracle": "#4D4D4D"}
MARKERS = {"lead": "s", "model": "o", "oracle": "D"}
LABELS = {
    "lead": "LEAD (first sentences)",
    "model": "model",
    "oracle": "oracle (knows the reference)",
}
METRICS = {
    "rouge_1": ("ROUGE-1", "#0072B2", "o"),
    "rouge_2": ("ROUGE-2", "#D55E00", "s"),
    "rouge_l": ("ROUGE-L", "#009E73", "^"),
}
WIDTH = 8.0
STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "figure.dpi": 150,
    "savefig.facecolor": "white",
}


@contextmanager
def draw(
    path: Path, height: float, n_panels: int = 1, n_rows: int = 1
) -> Iterator[tuple[Figure, Sequence[Axes]]]:
    """Panels, row by row, in a figure that is written at the end."""
    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(
            n_rows, n_panels, figsize=(WIDTH, height), layout="constrained", squeeze=False
        )
        yield figure, list(axes.flat)
        figure.savefig(path)
        pyplot.close(figure)


def plot_training(path: Path, rows: Sequence[Mapping[str, Any]], best: int) -> None:
    """Loss, and ROUGE on the dev documents, by training step.

    rows: The evaluations, see `scripts.report.training.read_log`.
    best: The step of the model that was kept.
    """
    steps = [row["step"] for row in rows]
    with draw(path, 3.2, n_panels=2) as (figure, (left, right)):
        left.plot(steps, [row["loss"] for row in rows], color="#4D4D4D", marker=".")
        left.set_ylim(bottom=0)
        left.set_ylabel("training loss (cross-entropy)")
        for metric, (label, color, marker) in METRICS.items():
            values = [row["scores"].get(metric) for row in rows]
            if None not in values:
                right.plot(steps, values, color=color, marker=marker, markersize=4, label=label)
        right.set_ylabel("ROUGE F1 on dev (× 100)")
        for axes in (left, right):
            line = axes.axvline(best, color="#777777", linestyle=":", linewidth=1.4)
            axes.set_xlabel("training step")
            axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, steps=[1, 2, 5, 10]))
        line.set_label(f"model kept (step {best:,})")
        figure.legend(loc="outside upper center", ncols=len(METRICS) + 1)


def plot_languages(
    path: Path, rows: Sequence[Mapping[str, Any]], averages: Sequence[Mapping[str, Any]]
) -> None:
    """ROUGE of the systems in each language, with intervals, and means below a line."""
    everything = [*rows, *averages]
    y = numpy.arange(len(everything), dtype=float)
    y[len(rows) :] += 0.4
    with draw(path, 1.3 + 0.42 * len(everything)) as (_, (axes,)):
        for system, offset in zip(SYSTEMS, (-0.22, 0.0, 0.22), strict=True):
            cells = [row[SENTENCES][system] for row in everything]
            means = numpy.array([cell["mean"] for cell in cells])
            errors = [
                means - [cell["low"] for cell in cells],
                [cell["high"] for cell in cells] - means,
            ]
            axes.errorbar(
                means,
                y + offset,
                xerr=errors,
                fmt=MARKERS[system],
                color=COLORS[system],
                markersize=5,
                elinewidth=1.4,
                label=LABELS[system],
            )
        if averages:
            axes.axhline(len(rows) - 0.3, color="#777777", linewidth=0.8)
        axes.set_yticks(y, [row["label"] for row in everything])
        axes.grid(axis="y", visible=False)
        axes.set_ylim(y[-1] + 0.6, -0.6)
        axes.set_xlim(left=0)
        axes.set_xlabel("mean of ROUGE-1, -2 and -L F1 (× 100), with 95 % intervals")
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(SYSTEMS))


def plot_positions(path: Path, positions: Mapping[str, Sequence[float]]) -> None:
    """Where in the documents the chosen sentences stand."""
    n = len(positions["model"])
    centers = (numpy.arange(n) + 0.5) * 100 / n
    width = 100 / n / 3.6
    with draw(path, 3.2) as (_, (axes,)):
        for system, offset in zip(SYSTEMS, (-width, 0.0, width), strict=True):
            values = 100 * numpy.array(positions[system])
            axes.bar(centers + offset, values, width, color=COLORS[system], label=LABELS[system])
        axes.grid(axis="x", visible=False)
        axes.set_xticks(numpy.linspace(0, 100, n + 1))
        axes.set_xlim(0, 100)
        axes.set(
            xlabel="position in the document (%; 0 is its beginning)",
            ylabel="chosen sentences (%)",
        )
        axes.legend(loc="upper right")

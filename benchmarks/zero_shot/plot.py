"""The zero-shot matrix as a heat map."""

from collections.abc import Sequence
from pathlib import Path

import numpy
from matplotlib.patches import Rectangle

from benchmarks.zero_shot.matrix import Row, divide, order_languages
from scripts.report.plots import draw

# What is further from LEAD than this has the darkest color.
LIMIT = 0.4


def plot_matrix(path: Path, rows: Sequence[Row], trained: Sequence[str]) -> None:
    """Heads by test languages, one panel for each kind of input; cells are outlined where the head
    was trained on the language.

    path: A PNG or SVG file.
    """
    languages = order_languages(rows, trained)
    panels = divide(rows)
    n_rows = max(map(len, panels.values()))
    with draw(path, 1.2 + 0.22 * n_rows * len(panels), n_rows=len(panels)) as (figure, all_axes):
        for axes, (inputs, own) in zip(all_axes, panels.items(), strict=True):
            shares = [[row.shares[lang].mean() for lang in languages] for row in own]
            image = axes.imshow(
                numpy.array(shares), cmap="RdBu", vmin=-LIMIT, vmax=LIMIT, aspect="auto"
            )
            for y, row in enumerate(own):
                for x, lang in enumerate(languages):
                    if lang in row.trained_on:
                        outline = {"fill": False, "edgecolor": "black", "linewidth": 1.2}
                        axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, **outline))
            axes.grid(visible=False)
            axes.set_xticks(range(len(languages)), languages, fontsize=7)
            axes.set_yticks(range(len(own)), [row.name for row in own], fontsize=7)
            axes.set_title(f"{inputs}: tested on", fontsize=9)
        bar = figure.colorbar(image, ax=all_axes, shrink=0.6, extend="both")
        bar.set_label("share of the way from LEAD (0) to the oracle (1)", fontsize=8)

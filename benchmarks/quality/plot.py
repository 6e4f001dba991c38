"""The figure of a comparison: how far systems go from LEAD to the oracle on each set."""

from collections.abc import Sequence
from pathlib import Path

import numpy

from benchmarks.quality.model import MODEL
from benchmarks.quality.page import TITLES
from benchmarks.quality.scores import SetScores, join_languages
from benchmarks.quality.systems import LEAD
from scripts.evaluation import SENTENCES, WAYS
from scripts.report.plots import COLORS, draw

PEER_COLOR = "#D55E00"
# Further to the left than this there is nothing to see: an arrow stands at the edge.
LEFT, RIGHT = -0.62, 0.82


def plot_closed(path: Path, sets: Sequence[SetScores], peers: Sequence[str]) -> None:
    """The share closed by the model and by the best peer on each set, languages of a set as one.

    path: A PNG or SVG file.
    """
    groups = join_languages(sets)
    groups = [group for group in groups if all(group.scores[way].closed for way in WAYS)]
    groups.sort(key=lambda group: -group.scores[SENTENCES].closed[MODEL])
    y = numpy.arange(len(groups))
    with draw(path, 1.4 + 0.34 * len(groups), n_panels=len(WAYS)) as (figure, panels):
        for axes, way in zip(panels, WAYS, strict=True):
            scores = [group.scores[way] for group in groups]
            best = [score.find_best(peers) for score in scores]
            theirs = [score.closed[name] for score, name in zip(scores, best, strict=True)]
            ours = [score.closed[MODEL] for score in scores]
            axes.axvline(0, color=COLORS["lead"], linewidth=1.6, label=f"{LEAD} (0)")
            axes.hlines(y, numpy.maximum(theirs, LEFT), ours, color="#BBBBBB", linewidth=1.2)
            axes.plot(ours, y, "o", color=COLORS["model"], label=MODEL, markersize=6)
            for place, share, name in zip(y, theirs, best, strict=True):
                marker = "s" if share > LEFT else "<"
                share = max(share, LEFT)
                (line,) = axes.plot(share, place, marker, color=PEER_COLOR, markersize=4.5)
                axes.annotate(
                    name,
                    (share, place),
                    (0, -8),
                    textcoords="offset points",
                    ha="left" if share < LEFT + 0.1 else "center",
                    fontsize=5.5,
                    color="#666666",
                )
            line.set_label("best of the other summarizers on the set")
            axes.set(xlim=(LEFT - 0.05, RIGHT), ylim=(y[-1] + 0.7, -0.7), title=TITLES[way])
            axes.title.set_size(9)
            axes.grid(axis="y", visible=False)
            axes.set_yticks(y, [group.name for group in groups] if axes is panels[0] else [])
        figure.supxlabel("share of the way from LEAD (0) to the oracle (1)", fontsize=9)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=3)

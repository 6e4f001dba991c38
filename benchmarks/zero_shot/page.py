"""The zero-shot matrix as a page in Markdown."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.zero_shot.matrix import (
    AS_SHIPPED,
    FEATURES,
    VECTORS,
    Row,
    average_left_out,
    divide,
    order_languages,
)

WAYS = ("By sentences", "By characters")
ABOUT = """\
Heads trained on documents in one language, or in all but one of these, and tested on the test
documents of all languages. A cell says how far the head goes from LEAD (0) to the greedy oracle
(1), the mean over the sets in that language; below 0 it is worse than the first sentences. The
oracle takes as many sentences as a head does, where that of `benchmarks.quality` stops when no more
is won: of sets with long references shares are larger here.
**bold**: a language that the head was not trained on. "others": the mean over all languages that no
head was trained on. "Left out": the mean over the languages of what the head that was trained on
all but that one reaches in it."""
ENCODER = """\
the encoder is that of the embedded model, frozen, which **has** been trained on summaries in all of
these languages, and on translations: those rows say what the head's training languages matter, not
what a model would do in a language that nobody ever summarized for it."""
ABOUT_INPUTS = {
    VECTORS: f"With *vectors and features* {ENCODER}",
    AS_SHIPPED: f"""\
*As the embedded model's head* is trained: vectors and features; half of the training documents in
each batch are moved into another language, the one left out among them: the mean difference
between the vectors of translations is added to theirs; and passages of running text, in that
language as well, are beside them, whose own first sentences are the reference. That takes parallel
sentences and running text, and no summaries. Here, too, {ENCODER}""",
    FEATURES: """\
With *features alone* the head sees no vectors, only position, length, centrality and layout:
neither it nor anything before it has learnt from a document in another language.""",
}


def format_page(rows: Sequence[Row], trained: Sequence[str], origin: str, plot: Path | None) -> str:
    parts = [
        "# Zero-shot matrix",
        origin,
        ABOUT,
        *(ABOUT_INPUTS[inputs] for inputs in divide(rows)),
    ]
    if plot is not None:
        parts.append(f"![Share closed, mean of both ways of counting]({plot.name})")
    for inputs, own in divide(rows).items():
        for way, title in enumerate(WAYS):
            parts += [f"## {inputs.capitalize()}: {title.lower()}", format_table(own, trained, way)]
    return "\n\n".join(parts) + "\n"


def format_table(rows: Sequence[Row], trained: Sequence[str], way: int) -> str:
    """way: 0 for sentences, 1 for characters."""
    languages = order_languages(rows, trained)
    own, others = languages[: len(trained)], languages[len(trained) :]
    head = ["trained on", *own, *(["others"] if others else [])]
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for row in rows:
        cells = [row.name]
        for lang in own:
            share = f"{row.shares[lang][way]:.2f}"
            cells.append(share if lang in row.trained_on else f"**{share}**")
        if others:
            cells.append(f"**{row.mean(others)[way]:.2f}**")
        lines.append(f"| {' | '.join(cells)} |")
    left_out = average_left_out(rows, own)[way]
    return "\n".join(lines) + f"\n\nLeft out: **{left_out:.2f}**"

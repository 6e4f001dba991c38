"""Step `boilerplate` of the embedded model: documents between lines that belong to the page, not to
the text.

Articles come off the web with bylines, dates, captions, advertisements and requests to subscribe.
No summarization set has them: who has learnt from these alone takes such lines for sentences, and
short ones at the beginning for the best.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import srsly
import typer
from spacy.language import Language

from scripts.corpora import Corpus, find_corpora
from scripts.mini.prepare import build_pipeline, count_lent, prepare_corpora
from scripts.mini.running_text import find_running_text

LINES = Path(__file__).parents[2] / "assets" / "boilerplate"
SET = "boilerplate"
# For documents in languages that there are no lines in.
OTHER = "en"
# The most lines before, within and after a document. Within long ones, one more for so many
# sentences.
MOST = (3, 2, 5)
SENTS_A_LINE = 40
# Sets do not keep where paragraphs end. If lines of the page alone stood by themselves, a line
# break would tell them from the text.
BROKEN = 0.5
SENTS_A_PARAGRAPH = 2.5


@dataclass(frozen=True)
class Page:
    """A text with lines that do not belong to it.

    spans: Where these are, (start, stop) in characters.
    """

    text: str
    spans: list[tuple[int, int]]


class Boilerplate:
    """Lines by language, with names, dates and numbers to fill in.

    path: JSONL with "lang", "names" and "lines", in which {name}, {date}, {time} and {n} are
        replaced.
    """

    def __init__(self, path: Path):
        self.lines = {record["lang"]: record for record in srsly.read_jsonl(path)}

    def insert(self, sents: Sequence[str], lang: str, rng: random.Random) -> Page:
        """Put lines before, between and after the sentences of a document.

        sents: The raw text of the sentences, with the white space after each.
        """
        most = (MOST[0], MOST[1] + len(sents) // SENTS_A_LINE, MOST[2])
        before, within, after = (self._draw(rng.randint(0, n), lang, rng) for n in most)
        places = range(1, len(sents))
        breaks = rng.sample(places, min(len(within), len(places)))
        is_broken = rng.random() < BROKEN
        parts: list[tuple[str, bool]] = [(line, True) for line in before]
        paragraph = ""
        for i, sent in enumerate(sents):
            if i in breaks or (is_broken and rng.random() < 1 / SENTS_A_PARAGRAPH):
                parts.append((paragraph.strip(), False))
                paragraph = ""
            if i in breaks:
                parts.append((within.pop(), True))
            paragraph += sent
        parts.append((paragraph.strip(), False))
        parts += [(line, True) for line in after]
        return _join([part for part in parts if part[0]], rng.choice(["\n", "\n\n"]))

    def _draw(self, count: int, lang: str, rng: random.Random) -> list[str]:
        known = self.lines.get(lang, self.lines[OTHER])
        lines = rng.sample(known["lines"], min(count, len(known["lines"])))
        return [_fill(line, known["names"], rng) for line in lines]


def _fill(line: str, names: list[str], rng: random.Random) -> str:
    while "{name}" in line:
        line = line.replace("{name}", rng.choice(names), 1)
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(2005, 2026)
    dates = (f"{year}-{month:02}-{day:02}", f"{day:02}/{month:02}/{year}", f"{day}.{month}.{year}")
    return line.format(
        date=rng.choice(dates),
        time=f"{rng.randint(0, 23)}:{rng.randint(0, 59):02}",
        n=rng.randint(1, 40),
    )


def _join(parts: Sequence[tuple[str, bool]], gap: str) -> Page:
    text, spans = "", []
    for part, is_line in parts:
        text += gap if text else ""
        if is_line:
            spans.append((len(text), len(text) + len(part)))
        text += part
    return Page(text, spans)


@dataclass(frozen=True)
class Pages(Corpus):
    """The documents of a set between lines that don't belong to them.

    documents: The set.
    first: How many of its documents are left out at the beginning.
    """

    documents: Corpus
    first: int = 0

    def read(self, limit: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield records like those of any set, with ``boilerplate``, the `Page.spans`."""
        nlp = build_pipeline(self.lang)
        boilerplate = Boilerplate(LINES / "train.jsonl")
        rng = random.Random(self.name)
        stop = None if limit is None else self.first + limit
        for record in islice(self.documents.read(stop), self.first, None):
            page = boilerplate.insert(split(nlp, record["text"]), self.lang, rng)
            yield {**record, "text": page.text, "boilerplate": page.spans}


def split(nlp: Language, text: str) -> list[str]:
    """The sentences of a text, with the white space after each."""
    doc = nlp(text)
    starts = [*(sent.start_char for sent in doc.sents), len(text)]
    return [text[start:stop] for start, stop in pairwise(starts)]


def find_pages(data: Path) -> list[Pages]:
    """Of all sets that have training documents, and of running text."""
    return [
        Pages(corpus.path, f"{SET}_{corpus.name}", "train", corpus, count_lent(corpus))
        for corpus in [*find_corpora(data, "train"), *find_running_text(data)]
    ]


def main(
    data: Path = typer.Argument(..., exists=True, file_okay=False, help="Data directory"),
    work: Path = typer.Argument(..., help="Gets prepared/"),
    tokenizer: Path = typer.Argument(..., exists=True, help="Of the embedded model"),
    documents: int = typer.Option(600, help="Of each set, in all its languages together"),
    workers: int = 2,
) -> None:
    folder = work / "prepared"
    folder.mkdir(parents=True, exist_ok=True)
    pages = find_pages(data)
    groups = [one.name.split(".")[0] for one in pages]
    jobs = [
        (one, "train", slice(0, documents // groups.count(group)))
        for one, group in zip(pages, groups, strict=True)
    ]
    prepare_corpora(jobs, folder, tokenizer, workers)


if __name__ == "__main__":
    typer.run(main)

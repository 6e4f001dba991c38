"""Documents as they come off the web: what a summary takes of lines that belong to the page.

    python -m benchmarks.boilerplate DATA

Bylines, dates, captions, advertisements and requests to subscribe are put before, between and after
the sentences of test documents (`scripts.mini.boilerplate`): the lines of
assets/boilerplate/test.jsonl, of which the embedded model has seen none in training.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy
import typer
from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm

from benchmarks.page import describe_run, publish
from benchmarks.quality.changed import make_rng
from benchmarks.quality.model import build_pipeline
from benchmarks.quality.sets import TestSet, read_set
from scripts.corpora import find_corpora
from scripts.evaluation import choose
from scripts.mini import prepare
from scripts.mini.boilerplate import LINES, Boilerplate, Page, split
from spacy_bertsum.cli.pipelines import get_bertsum, make_doc
from spacy_bertsum.rouge import score_rouge

# Of a summary whose lines are counted.
N_SENTS = 3
HEADS = (
    "lines among sentences",
    "among the first three",
    "best",
    "among the best three",
    "LEAD on the text",
    "model on the text",
    "LEAD on the page",
    "model on the page",
)


def make_pages(boilerplate: Boilerplate, test_set: TestSet) -> Iterator[Page]:
    """The same in every run."""
    nlp = prepare.build_pipeline(test_set.lang)
    for record in test_set.records:
        rng = make_rng(test_set, record)
        yield boilerplate.insert(split(nlp, record.text), test_set.lang, rng)


def measure_set(nlp: Language, boilerplate: Boilerplate, test_set: TestSet) -> numpy.ndarray:
    """The columns of `HEADS` for each document, shape (documents, columns)."""
    summarize_attr = get_bertsum(nlp).cfg["summarize_attr"]
    n_sents = test_set.n_sents

    def pick(doc: Doc, n_sents: int) -> list[int]:
        return choose(doc, n_sents, summarize_attr)

    rows = []
    for record, page in zip(test_set.records, make_pages(boilerplate, test_set), strict=True):
        docs = [nlp(make_doc(nlp, text, test_set.lang)) for text in (record.text, page.text)]
        is_line = prepare.mark(docs[1], page.spans)
        shares = [is_line, is_line[:N_SENTS]]
        shares += [is_line[pick(docs[1], n)] for n in (1, N_SENTS)]
        row = [share.mean() for share in shares]
        for doc in docs:
            sents = [sent.text.strip() for sent in doc.sents]
            lead = list(range(min(n_sents, len(sents))))
            row += [score(sents, c, record.references) for c in (lead, pick(doc, n_sents))]
        rows.append(row)
    return numpy.array(rows)


def score(sents: list[str], chosen: list[int], references: tuple[str, ...]) -> float:
    """The mean of ROUGE-1, ROUGE-2 and ROUGE-L F1 × 100 of an extract."""
    scores = score_rouge(references, " ".join(sents[i] for i in chosen))
    return 100 * float(numpy.mean(list(scores.values())))


def format_table(rows: dict[str, numpy.ndarray]) -> str:
    """rows: By set, its documents' columns."""
    groups = defaultdict(list)
    for name, values in rows.items():
        groups[name.split(".")[0]].append(values.mean(axis=0))
    means = {name: numpy.mean(values, axis=0) for name, values in groups.items()}
    means["**mean**"] = numpy.mean(list(means.values()), axis=0)
    lines = [f"| set | {' | '.join(HEADS)} |", "| --- |" + " ---: |" * len(HEADS)]
    for name, values in means.items():
        cells = [f"{v:.2f}" for v in values[:4]] + [f"{v:.1f}" for v in values[4:]]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(
    data: Path = typer.Argument(..., exists=True, file_okay=False, help="Data directory"),
    model: str = typer.Option("xx_bertsum_mini", help="Model name, model directory or pipeline"),
    split: str = "test",
    limit: int = typer.Option(30, help="Documents of each set"),
    output: Path | None = typer.Option(None, help="Markdown file for the table"),
) -> None:
    corpora = find_corpora(data, split)
    if not corpora:
        raise typer.BadParameter(f"{data} has no {split} sets")
    nlp = build_pipeline(model)
    boilerplate = Boilerplate(LINES / "test.jsonl")
    rows = {}
    for corpus in tqdm(corpora, desc="sets"):
        rows[corpus.name] = measure_set(nlp, boilerplate, read_set(nlp, corpus, limit))
    command = f"python -m benchmarks.boilerplate DATA --model {model} --split {split}"
    text = (
        f"# Lines of the page: {model}\n\n"
        f"{describe_run()}. {limit} documents a set and language, {split} split, by themselves (on "
        "the text) and between lines that belong to the page. Share of such lines among its "
        f"sentences, among its first {N_SENTS}, how often the model takes one for the best "
        f"sentence, and their share among its best {N_SENTS}; mean of ROUGE-1, ROUGE-2 and ROUGE-L "
        "F1 × 100, with as many sentences as the references have. Command: "
        f"`{command} --limit {limit}`\n\n"
        f"{format_table(rows)}\n"
    )
    publish(text, output)


if __name__ == "__main__":
    typer.run(main)

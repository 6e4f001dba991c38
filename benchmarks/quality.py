"""How good the summaries are: LEAD, model and oracle on every set of a data directory.

    python -m benchmarks.quality DATA --output benchmarks/results/quality.md

All systems choose among the same sentences, and the mean of ROUGE-1, ROUGE-2 and ROUGE-L F1 is
taken in two ways: with the same number of sentences, that of the set's references on average; and
with the same number of characters, those of the document's reference, the last sentence cut.
"closed" is the share of the way from LEAD to the greedy oracle.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy
import spacy
import typer
from spacy.language import Language
from tqdm import tqdm

from benchmarks.page import describe_run, publish
from scripts.corpora import Corpus, find_corpora
from scripts.evaluation import (
    CHARACTERS,
    SENTENCES,
    WAYS,
    Comparison,
    compare,
    evaluate,
    mean_reference_sents,
)
from spacy_bertsum.cli.pipelines import FACTORY, SENTENCIZER, TOKENIZER, load_pipeline
from spacy_bertsum.records import Record


@dataclass(frozen=True)
class Row:
    """A set: how many documents it has, how many sentences are chosen, and the scores."""

    name: str
    n_docs: int
    n_sents: int
    scores: dict[str, Comparison]


def build_pipeline(model: str) -> Language:
    if (Path(model) / "meta.json").exists():
        return load_pipeline(model)
    nlp = spacy.blank("xx", config={"nlp": {"tokenizer": TOKENIZER}})
    nlp.add_pipe(SENTENCIZER)
    config = {"@architectures": "spacy-bertsum.Pretrained.v1", "name": model}
    nlp.add_pipe(FACTORY, config={"model": config})
    return nlp


def evaluate_corpus(nlp: Language, corpus: Corpus, limit: int | None) -> Row:
    records = [
        Record(record["text"], tuple(record["references"]), id=record["id"])
        for record in corpus.read(limit)
        if any(record["references"])
    ]
    n_sents = mean_reference_sents(nlp, records)
    results = evaluate(nlp, records, lambda lang: n_sents)
    results = list(tqdm(results, total=len(records), desc=corpus.name, leave=False))
    scores = {way: compare(results, way) for way in WAYS}
    return Row(corpus.name, len(results), n_sents, scores)


def format_table(rows: list[Row]) -> str:
    lines = [
        "| set | documents | n | LEAD | model | oracle | closed | model - LEAD, 95 % "
        "| LEAD (chars) | model (chars) | oracle (chars) | closed (chars) |",
        "| --- " * 12 + "|",
    ]
    for row in rows:
        by_sents, by_chars = row.scores[SENTENCES], row.scores[CHARACTERS]
        low, high = by_sents.difference_interval
        cells = [row.name, str(row.n_docs), str(row.n_sents)]
        cells += [*map(_points, by_sents.means), f"{by_sents.closed:.2f}"]
        cells += [f"{low:+.1f} … {high:+.1f}"]
        cells += [*map(_points, by_chars.means), f"{by_chars.closed:.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    weights = numpy.ones(len(rows))
    lines.append(_mean_line("mean over sets", rows, weights))
    names = [row.name.split(".")[0] for row in rows]
    weights = numpy.array([1 / names.count(name) for name in names])
    lines.append(_mean_line("mean, languages of a set as one", rows, weights))
    return "\n".join(lines)


def _points(mean: float) -> str:
    return f"{mean:.1f}"


def _mean_line(label: str, rows: list[Row], weights: numpy.ndarray) -> str:
    cells = [f"**{label}**", str(sum(row.n_docs for row in rows)), ""]
    for way in WAYS:
        scores = [row.scores[way] for row in rows]
        means = numpy.average([s.means for s in scores], axis=0, weights=weights)
        cells += [*map(_points, means)]
        cells += [f"{numpy.average([s.closed for s in scores], weights=weights):.2f}"]
        if way == SENTENCES:
            cells.append("")
    return "| " + " | ".join(cells) + " |"


def main(
    data: Path = typer.Argument(..., exists=True, file_okay=False, help="Data directory"),
    model: str = typer.Option("xx_bertsum_mini", help="Model name, model directory or pipeline"),
    split: str = "test",
    limit: int = typer.Option(150, help="Documents of each set; 0 for all"),
    output: Path | None = typer.Option(None, help="Markdown file for the table"),
) -> None:
    nlp = build_pipeline(model)
    rows = []
    for corpus in tqdm(find_corpora(data, split), desc="sets"):
        rows.append(evaluate_corpus(nlp, corpus, limit or None))
    header = (
        f"# Quality: {model}, {split} split\n\n"
        f"{describe_run()}. Mean of ROUGE-1, ROUGE-2 and ROUGE-L F1 × 100; n = sentences chosen. "
        f"Command: `python -m benchmarks.quality DATA --model {model} --split {split} "
        f"--limit {limit}`\n"
    )
    text = f"{header}\n{format_table(rows)}\n"
    publish(text, output)


if __name__ == "__main__":
    typer.run(main)

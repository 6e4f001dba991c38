"""What a summary goes on with where the reference has said all it says.

    python -m benchmarks.longer DATA

Users ask for three sentences of news whose references are headlines. ROUGE against a headline can't
tell a good third sentence from a bad one, so this counts what a reader would notice: how long the
second and the third sentence are, beside the mean sentence of the document, and where they stand.
On sets whose references have one sentence, documents of six sentences or more.
"""

from collections import defaultdict
from pathlib import Path

import numpy
import typer
from tqdm import tqdm

from benchmarks.page import describe_run, publish
from benchmarks.quality.model import build_pipeline, summarize
from benchmarks.quality.sets import TestSet, read_set
from scripts.corpora import find_corpora

MIN_SENTS = 6
# Of the ranking.
FURTHER = slice(1, 3)


def describe_further(sents: list[str], ranking: list[int]) -> tuple[float, float]:
    """Of the second and third sentence of a ranking, on average: the length, in mean sentences of
    the document, and the place, from 0 for the first sentence to 1 for the last."""
    lengths = numpy.array([len(sent) for sent in sents])
    further = ranking[FURTHER]
    return lengths[further].mean() / lengths.mean(), numpy.mean(further) / (len(sents) - 1)


def measure(sets: list[TestSet], rankings: dict[str, list[list[int]]]) -> dict[str, numpy.ndarray]:
    """By set, languages as one: the means of length and place, and those of LEAD, (4,)."""
    values = defaultdict(list)
    for test_set in sets:
        for document, ranking in zip(test_set.documents, rankings[test_set.name], strict=True):
            if len(document.sents) >= MIN_SENTS:
                lead = describe_further(document.sents, list(range(len(document.sents))))
                ours = describe_further(document.sents, ranking)
                values[test_set.name.split(".")[0]].append([*ours, *lead])
    return {name: numpy.mean(rows, axis=0) for name, rows in values.items()}


def format_table(means: dict[str, numpy.ndarray]) -> str:
    lines = [
        "| set | length | place | length (LEAD) | place (LEAD) |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    rows = {**means, "**mean**": numpy.mean(list(means.values()), axis=0)}
    for name, row in rows.items():
        lines.append(f"| {name} | {' | '.join(f'{value:.2f}' for value in row)} |")
    return "\n".join(lines)


def main(
    data: Path = typer.Argument(..., exists=True, file_okay=False, help="Data directory"),
    model: str = typer.Option("xx_bertsum_mini", help="Model name, model directory or pipeline"),
    split: str = "test",
    limit: int = typer.Option(50, help="Documents of each set"),
    output: Path | None = typer.Option(None, help="Markdown file for the table"),
) -> None:
    nlp = build_pipeline(model)
    corpora = find_corpora(data, split)
    sets = [read_set(nlp, corpus, limit) for corpus in tqdm(corpora, desc="sets")]
    sets = [test_set for test_set in sets if test_set.n_sents == 1]
    if not sets:
        raise typer.BadParameter(f"{data} has no {split} set whose references have one sentence")
    rankings = {
        test_set.name: [extract.ranking for extract in summarize(nlp, test_set)]
        for test_set in tqdm(sets, desc="summaries")
    }
    text = (
        f"# Beyond the reference: {model}\n\n"
        f"{describe_run()}. The second and third sentence of the ranking, of documents whose "
        f"reference has one: length in mean sentences of the document; place from 0, its first "
        f"sentence, to 1, its last. {limit} documents a set and language, {split} split. "
        f"Command: `python -m benchmarks.longer DATA --model {model} --split {split} "
        f"--limit {limit}`\n\n"
        f"{format_table(measure(sets, rankings))}\n"
    )
    publish(text, output)


if __name__ == "__main__":
    typer.run(main)

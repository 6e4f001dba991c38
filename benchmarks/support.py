"""How well `min_support` tells written sentences that the source supports from those it does not.

    python -m benchmarks.support flores200-devtest.multi.jsonl.gz

Documents are stretches of parallel sentences, in one language. A sentence in another language is
supported if the one that it translates is in the document. Where that is taken out, the best of the
others stands in for it: what a summary made up would score. The threshold is chosen on the first
half of the sentences, the figures are of the second.
"""

from pathlib import Path

import numpy
import typer

from benchmarks.page import describe_run, publish
from benchmarks.retrieval import encode_parallel, read_parallel
from spacy_bertsum.abstractive.component import DEFAULT_CONFIG
from spacy_bertsum.abstractive.support import find_support

# Sentences of a document.
LENGTH = 20
THRESHOLDS = numpy.round(numpy.arange(0.2, 0.96, 0.01), 2)


def score(written: numpy.ndarray, sources: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Support of sentences, all there and each with its own sentence taken out of the document."""
    with_own, without = [], []
    for start in range(0, len(written) - LENGTH + 1, LENGTH):
        document = sources[start : start + LENGTH]
        for i, sentence in enumerate(written[start : start + LENGTH]):
            with_own.append(find_support(sentence[None], document)[0][1])
            without.append(find_support(sentence[None], numpy.delete(document, i, 0))[0][1])
    return numpy.array(with_own), numpy.array(without)


def judge(with_own: numpy.ndarray, without: numpy.ndarray, least: float) -> numpy.ndarray:
    """The share of supported sentences that count as supported, and of others that do not."""
    return numpy.array([(with_own >= least).mean(), (without < least).mean()])


def choose(scores: list[tuple[numpy.ndarray, numpy.ndarray]]) -> float:
    """The threshold with the best mean of the two, over all pairs of languages."""
    means = [numpy.mean([judge(*pair, least) for pair in scores]) for least in THRESHOLDS]
    return float(THRESHOLDS[int(numpy.argmax(means))])


def halve(pair: tuple[numpy.ndarray, numpy.ndarray], part: slice) -> tuple:
    return tuple(values[part] for values in pair)


def format_table(rows: dict[str, tuple], least: float, standard: float) -> str:
    columns = ["written ← read", "supported, median", "taken out, median"]
    columns += [f"{verdict} at {at}" for at in (standard, least) for verdict in ("kept", "flagged")]
    lines = [f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|"]
    judged = []
    for name, pair in rows.items():
        shares = numpy.concatenate([judge(*pair, standard), judge(*pair, least)])
        judged.append([*(float(numpy.median(values)) for values in pair), *shares])
        lines.append(f"| {name} | {' | '.join(f'{value:.2f}' for value in judged[-1])} |")
    mean = numpy.mean(judged, axis=0)
    lines.append(f"| **mean** | {' | '.join(f'{value:.2f}' for value in mean)} |")
    return "\n".join(lines)


def main(
    path: Path = typer.Argument(..., exists=True, help="Parallel sentences, JSON lines"),
    model: str = typer.Option("xx_bertsum_mini", help="Model name, model directory or pipeline"),
    pivot: str = "en",
    output: Path | None = typer.Option(None, help="Markdown file for the table"),
) -> None:
    vectors = encode_parallel(model, read_parallel(path))
    scores = {}
    for lang in (lang for lang in vectors if lang != pivot):
        scores[f"{pivot} ← {lang}"] = score(vectors[pivot], vectors[lang])
        scores[f"{lang} ← {pivot}"] = score(vectors[lang], vectors[pivot])
    middle = len(next(iter(scores.values()))[0]) // 2
    least = choose([halve(pair, slice(middle)) for pair in scores.values()])
    rows = {name: halve(pair, slice(middle, None)) for name, pair in scores.items()}
    publish(
        f"# Support of written sentences: {model}\n\n"
        f"{describe_run()}. {path.name}, documents of {LENGTH} sentences. Command: "
        f"`python -m benchmarks.support {path.name} --model {model}`\n\n"
        "**supported**: similarity of a sentence to the nearest of a document that has its "
        "translation; **taken out**: the same without the translation. **kept**: supported "
        f"sentences that reach a threshold; **flagged**: the others that do not. Of all {least} is "
        "best on the first half of the sentences; the figures are of the second.\n\n"
        f"{format_table(rows, least, DEFAULT_CONFIG['min_support'])}\n",
        output,
    )


if __name__ == "__main__":
    typer.run(main)

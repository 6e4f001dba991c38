"""How well sentence vectors meet across languages: retrieval among parallel sentences.

    python -m benchmarks.retrieval flores200-devtest.multi.jsonl.gz

Every line of the file is an object with the same sentence in several languages, {"en": …, "de": …}.
For each pair of languages, the share of sentences whose translation is the nearest of all, by the
cosine of the vectors that the summarizer's head gets; every sentence is encoded by itself.
"""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path

import numpy
import typer
from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm

from benchmarks.page import describe_run, publish
from benchmarks.quality.model import build_pipeline
from spacy_bertsum.cli.pipelines import get_bertsum

BATCH_SIZE = 64


def read_parallel(path: Path) -> dict[str, list[str]]:
    """Sentences by language, those of one index translations of each other."""
    open_file = gzip.open if path.suffix == ".gz" else open
    with open_file(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return {lang: [row[lang] for row in rows] for lang in sorted(rows[0])}


def encode(nlp: Language, texts: list[str]) -> numpy.ndarray:
    """Unit vectors, shape (texts, width)."""
    bertsum = get_bertsum(nlp)
    vectors = []
    for start in range(0, len(texts), BATCH_SIZE):
        docs = [as_one_sentence(nlp.make_doc(text)) for text in texts[start : start + BATCH_SIZE]]
        vectors += [rows[0] for rows in bertsum.encode(docs)]
    matrix = numpy.stack(vectors)
    return matrix / numpy.linalg.norm(matrix, axis=1, keepdims=True)


def encode_parallel(model: str, texts: dict[str, list[str]]) -> dict[str, numpy.ndarray]:
    """Those of texts by language, encoded by a model."""
    nlp = build_pipeline(model)
    return {lang: encode(nlp, texts[lang]) for lang in tqdm(texts, desc="languages")}


def as_one_sentence(doc: Doc) -> Doc:
    for token in doc:
        token.is_sent_start = token.i == 0
    return doc


def accuracy(queries: numpy.ndarray, targets: numpy.ndarray) -> float:
    """The share of queries whose nearest target is that of the same index."""
    nearest = (queries @ targets.T).argmax(axis=1)
    return float((nearest == numpy.arange(len(queries))).mean())


def format_table(vectors: dict[str, numpy.ndarray], pivot: str) -> str:
    others = [lang for lang in vectors if lang != pivot]
    scores = {(a, b): accuracy(vectors[a], vectors[b]) for a in vectors for b in vectors if a != b}
    lines = [
        f"| language | to {pivot} | from {pivot} | to the others, mean | lowest of these |",
        "| --- " * 5 + "|",
    ]
    for lang in others:
        rest = {b: scores[lang, b] for b in others if b != lang}
        worst = min(rest, key=rest.__getitem__, default=None)
        lowest = "" if worst is None else f"{rest[worst]:.3f} ({worst})"
        cells = [scores[lang, pivot], scores[pivot, lang], _mean(rest.values())]
        lines.append(f"| {lang} | {' | '.join(map(_share, cells))} | {lowest} |")
    cells = [
        _mean(scores[lang, pivot] for lang in others),
        _mean(scores[pivot, lang] for lang in others),
        _mean(scores[a, b] for a in others for b in others if a != b),
    ]
    lines.append(f"| **mean** | {' | '.join(map(_share, cells))} | |")
    return "\n".join(lines)


def _mean(shares: Iterable[float]) -> float | None:
    values = list(shares)
    return sum(values) / len(values) if values else None


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def main(
    path: Path = typer.Argument(..., exists=True, help="Parallel sentences, JSON lines"),
    model: str = typer.Option("xx_bertsum_mini", help="Model name, model directory or pipeline"),
    pivot: str = "en",
    output: Path | None = typer.Option(None, help="Markdown file for the table"),
) -> None:
    texts = read_parallel(path)
    vectors = encode_parallel(model, texts)
    text = (
        f"# Sentence retrieval across languages: {model}\n\n"
        f"{describe_run()}. {path.name}, {len(texts[pivot])} sentences in {len(texts)} "
        f"languages. The share of sentences whose translation is the nearest of "
        f"all. Command: `python -m benchmarks.retrieval {path.name} --model {model}`\n\n"
        f"{format_table(vectors, pivot)}\n"
    )
    publish(text, output)


if __name__ == "__main__":
    typer.run(main)

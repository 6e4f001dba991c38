"""How fast the embedded model summarizes, from text to summary, in each precision.

    python -m benchmarks.speed --output benchmarks/results/speed.md

The documents are put together from the sample corpus of the repository, in languages that put
spaces between words. Precisions take turns, so that whatever else runs slows both; of the rounds
the median counts.
"""

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy
import spacy
import srsly
import torch
import typer
from spacy.language import Language

from benchmarks.page import describe_run, publish
from spacy_bertsum.cli.pipelines import FACTORY, SENTENCIZER, TOKENIZER

CORPUS = Path(__file__).parent.parent / "assets" / "corpus"
LANGS = ("de", "en", "es", "fr", "ru")
LOADING = (
    "import time, spacy, spacy_bertsum.cli.pipelines as p; "
    "t = time.perf_counter(); p.make_pipeline(); print(time.perf_counter() - t)"
)


def make_texts(n: int, n_words: int, seed: int = 0) -> list[str]:
    """Texts of so many words, each in one language: paragraphs of the sample corpus, shuffled."""
    rng = random.Random(seed)
    paragraphs = {
        lang: [
            paragraph
            for record in srsly.read_jsonl(CORPUS / f"sample.{lang}.train.jsonl")
            for paragraph in record["text"].splitlines()
            if paragraph
        ]
        for lang in LANGS
    }
    texts = []
    for i in range(n):
        words: list[str] = []
        while len(words) < n_words:
            *others, last = rng.choice(paragraphs[LANGS[i % len(LANGS)]]).split()
            words += [*others, f"{last}\n"]
        texts.append(" ".join(words[:n_words]).replace("\n ", "\n"))
    return texts


def build_pipeline(model: str, mixed_precision: bool) -> Language:
    nlp = spacy.blank("xx", config={"nlp": {"tokenizer": TOKENIZER}})
    nlp.add_pipe(SENTENCIZER)
    config = {"@architectures": "spacy-bertsum.Pretrained.v1", "name": model}
    nlp.add_pipe(FACTORY, config={"model": {**config, "mixed_precision": mixed_precision}})
    return nlp


def summarize(nlp: Language, texts: list[str]) -> tuple[list[str], float]:
    """The summaries, and the seconds they took."""
    start = time.perf_counter()
    summaries = [doc._.summary for doc in nlp.pipe(texts)]
    return summaries, time.perf_counter() - start


def seconds_to_load() -> float:
    """To make the first pipeline of a fresh process in which spaCy is imported, torch is not."""
    command = [sys.executable, "-c", LOADING]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main(
    model: str = typer.Option("xx_bertsum_mini", help="Model name or model directory"),
    docs: int = 64,
    words: int = typer.Option(500, help="Of a document"),
    rounds: int = 5,
    threads: int = 2,
    output: Path | None = typer.Option(None, help="Markdown file for the table"),
) -> None:
    torch.set_num_threads(threads)
    texts = make_texts(docs, words)
    pipelines = {"float32": build_pipeline(model, False), "bfloat16": build_pipeline(model, True)}
    summaries: dict[str, list[str]] = {}
    seconds: dict[str, list[float]] = {name: [] for name in pipelines}
    for nlp in pipelines.values():
        summarize(nlp, texts[:4])
    for _ in range(rounds):
        for name, nlp in pipelines.items():
            summaries[name], elapsed = summarize(nlp, texts)
            seconds[name].append(elapsed)
    rates = {name: docs / numpy.array(values) for name, values in seconds.items()}
    lines = [
        "| precision | documents/s | lowest … highest | words/s | ratio | same summaries |",
        "| --- " * 6 + "|",
    ]
    for name, rate in rates.items():
        ratio = numpy.median(rate / rates["float32"])
        same = numpy.mean(
            [a == b for a, b in zip(summaries[name], summaries["float32"], strict=True)]
        )
        lines.append(
            f"| {name} | {numpy.median(rate):.1f} | {rate.min():.1f} … {rate.max():.1f} "
            f"| {numpy.median(rate) * words:,.0f} | {ratio:.2f} | {100 * same:.0f} % |"
        )
    loading = numpy.median([seconds_to_load() for _ in range(3)])
    text = (
        f"# Speed: {model}\n\n"
        f"{describe_run()}, {torch.backends.cpu.get_cpu_capability()}, {threads} threads. "
        f"{docs} documents of "
        f"{words} words, text to summary, median of {rounds} rounds in turns. "
        f"The first pipeline of a process, with all it imports but spaCy: {loading:.1f} s. "
        f"Command: `python -m benchmarks.speed --docs {docs} --words {words} --rounds {rounds} "
        f"--threads {threads}`\n\n" + "\n".join(lines) + "\n"
    )
    publish(text, output)


if __name__ == "__main__":
    typer.run(main)

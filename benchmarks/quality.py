"""How good the summaries are: LEAD, model and oracle on every set of a data directory.

    python -m benchmarks.quality DATA --output benchmarks/results/quality.md

All systems choose among the same sentences, and the mean of ROUGE-1, ROUGE-2 and ROUGE-L F1 is
taken in two ways: with the same number of sentences, that of the set's references on average; and
with the same number of characters, those of the document's reference, the last sentence cut.
"closed" is the share of the way from LEAD to the greedy oracle.
"""

import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy
import spacy
import torch
import typer
from spacy.language import Language
from tqdm import tqdm

import spacy_bertsum
from scripts.corpora import Corpus, find_corpora
from spacy_bertsum.oracle import greedy_oracle, sentence_gains
from spacy_bertsum.rouge import score_rouge

SYSTEMS = ("lead", "model", "oracle")
RESAMPLES = 1_000


@dataclass
class Row:
    """The scores of a set: for each way of counting and system one number a document."""

    name: str
    n_sents: int
    sentences: dict[str, list[float]] = field(default_factory=lambda: {s: [] for s in SYSTEMS})
    characters: dict[str, list[float]] = field(default_factory=lambda: {s: [] for s in SYSTEMS})


def build_pipeline(model: str) -> Language:
    if Path(model).exists() and (Path(model) / "meta.json").exists():
        return spacy.load(model)
    tokenizer = {"@tokenizers": "spacy-bertsum.MultilingualTokenizer.v1"}
    nlp = spacy.blank("xx", config={"nlp": {"tokenizer": tokenizer}})
    nlp.add_pipe("multilingual_sentencizer")
    config = {"@architectures": "spacy-bertsum.Pretrained.v1", "name": model}
    nlp.add_pipe("bertsum", config={"model": config})
    return nlp


def score(references: Sequence[str], summary: str) -> float:
    return float(numpy.mean(list(score_rouge(references, summary).values())))


def fill_budget(sents: Sequence[str], ranking: Sequence[int], budget: int) -> str:
    """Take sentences by rank until `budget` characters are full, cutting the last of them."""
    parts: dict[int, str] = {}
    for i in ranking:
        if budget <= 0:
            break
        parts[i] = sents[i][:budget]
        budget -= len(parts[i]) + 1
    return " ".join(parts[i] for i in sorted(parts))


def rank_by_oracle(sents: Sequence[str], references: Sequence[str]) -> list[int]:
    """The oracle's sentences, then all others, each by its own ROUGE."""
    chosen = set(greedy_oracle(sents, references))
    gains = sentence_gains(sents, references)
    return sorted(range(len(sents)), key=lambda i: (i not in chosen, -gains[i]))


def evaluate_corpus(nlp: Language, corpus: Corpus, limit: int | None) -> Row:
    records = [record for record in corpus.read(limit) if any(record["references"])]
    with nlp.select_pipes(disable=["bertsum"]):
        references = (reference for record in records for reference in record["references"])
        lengths = [len(list(doc.sents)) for doc in nlp.pipe(references)]
    row = Row(corpus.name, max(1, round(float(numpy.mean(lengths)))))
    docs = nlp.pipe((record["text"] for record in records), batch_size=16)
    for doc, record in tqdm(
        zip(docs, records, strict=True), total=len(records), desc=corpus.name, leave=False
    ):
        sents = [sent.text.strip() for sent in doc.sents]
        references = record["references"]
        rankings = {
            "lead": list(range(len(sents))),
            "model": numpy.argsort(-doc._.summary_scores, kind="stable").tolist(),
            "oracle": rank_by_oracle(sents, references),
        }
        choices = {system: ranking[: row.n_sents] for system, ranking in rankings.items()}
        choices["oracle"] = greedy_oracle(sents, references, row.n_sents)
        budget = round(numpy.mean([len(reference) for reference in references]))
        for system, ranking in rankings.items():
            extract = " ".join(sents[i] for i in sorted(choices[system]))
            row.sentences[system].append(score(references, extract))
            row.characters[system].append(score(references, fill_budget(sents, ranking, budget)))
    return row


def closed(scores: dict[str, list[float]]) -> float:
    lead, model, oracle = (numpy.mean(scores[system]) for system in SYSTEMS)
    return float((model - lead) / max(oracle - lead, 1e-6))


def interval(scores: dict[str, list[float]], seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval (paired over documents) of model - LEAD, in points."""
    differences = numpy.array(scores["model"]) - numpy.array(scores["lead"])
    rng = numpy.random.default_rng(seed)
    n = len(differences)
    means = differences[rng.integers(0, n, (RESAMPLES, n))].mean(axis=1) * 100
    return float(numpy.quantile(means, 0.025)), float(numpy.quantile(means, 0.975))


def format_table(rows: list[Row]) -> str:
    lines = [
        "| set | documents | n | LEAD | model | oracle | closed | model - LEAD, 95 % "
        "| LEAD (chars) | model (chars) | oracle (chars) | closed (chars) |",
        "| --- " * 12 + "|",
    ]
    for row in rows:
        low, high = interval(row.sentences)
        by_sents = [f"{100 * numpy.mean(row.sentences[s]):.1f}" for s in SYSTEMS]
        by_chars = [f"{100 * numpy.mean(row.characters[s]):.1f}" for s in SYSTEMS]
        cells = [row.name, str(len(row.sentences["lead"])), str(row.n_sents), *by_sents]
        cells += [f"{closed(row.sentences):.2f}", f"{low:+.1f} … {high:+.1f}"]
        cells += [*by_chars, f"{closed(row.characters):.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    weights = numpy.ones(len(rows))
    lines.append(_mean_line("mean over sets", rows, weights))
    names = [row.name.split(".")[0] for row in rows]
    weights = numpy.array([1 / names.count(name) for name in names])
    lines.append(_mean_line("mean, languages of a set as one", rows, weights))
    return "\n".join(lines)


def _mean_line(label: str, rows: list[Row], weights: numpy.ndarray) -> str:
    def mean(way: str, system: str) -> str:
        means = [numpy.mean(getattr(row, way)[system]) for row in rows]
        return f"{100 * numpy.average(means, weights=weights):.1f}"

    by_sents = [mean("sentences", system) for system in SYSTEMS]
    by_chars = [mean("characters", system) for system in SYSTEMS]
    shares = [
        numpy.average([closed(getattr(row, way)) for row in rows], weights=weights)
        for way in ("sentences", "characters")
    ]
    cells = [f"**{label}**", str(sum(len(r.sentences["lead"]) for r in rows)), "", *by_sents]
    cells += [f"{shares[0]:.2f}", "", *by_chars, f"{shares[1]:.2f}"]
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
        f"spacy-bertsum {spacy_bertsum.__version__}, {date.today()}, {platform.machine()} CPU, "
        f"Python {platform.python_version()}, torch {torch.__version__}. "
        f"Mean of ROUGE-1, ROUGE-2 and ROUGE-L F1 × 100; n = sentences chosen. "
        f"Command: `python -m benchmarks.quality DATA --model {model} --split {split} "
        f"--limit {limit}`\n"
    )
    text = f"{header}\n{format_table(rows)}\n"
    print(text)
    if output is not None:
        output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)

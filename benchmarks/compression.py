"""What compressing the embedded model gives and what it costs: size, speed, ROUGE.

    python -m benchmarks.compression DATA --output benchmarks/results/compression.md

Every row is a pipeline that ``python -m spacy bertsum compress`` makes, saved and loaded again,
without any training afterwards. Speeds are taken in turns in one run.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy
import spacy
import torch
import typer
from spacy.language import Language
from tqdm import tqdm

from benchmarks.page import describe_run, publish
from benchmarks.quality.model import MODEL, make_model_system
from benchmarks.quality.scores import Scores, average_sets, join_languages, score_set
from benchmarks.quality.sets import TestSet, read_set
from benchmarks.quality.store import Store
from benchmarks.quality.systems import LEAD, ORACLE, make_baselines
from benchmarks.speed import Row, make_texts, measure_rates, time_pipeline
from scripts.corpora import find_corpora
from scripts.evaluation import WAYS
from spacy_bertsum.cli.pipelines import make_pipeline
from spacy_bertsum.compression.pipeline import Compression, compress

# Documents of each set that say which word pieces its language needs.
DOCS_FOR_VOCABULARY = 300


@dataclass
class Variant:
    """A pipeline, what it weighs, how fast it is and what it scores.

    langs: The languages that it still reads; all if None.
    megabytes: Of its directory.
    """

    name: str
    compression: Compression | None
    langs: frozenset[str] | None = None
    megabytes: float = 0.0
    speed: Row | None = None
    scores: dict[str, dict[str, Scores]] = field(default_factory=dict)


def make_variants(vocabulary: list[str], langs: frozenset[str]) -> list[Variant]:
    pruned = f"vocabulary of {', '.join(sorted(langs))}"
    return [
        Variant("float32", None),
        Variant("int8", Compression(int8=True)),
        Variant("a quarter of the heads pruned", Compression(heads=0.25)),
        Variant("half of the heads pruned", Compression(heads=0.5)),
        Variant("one layer of four dropped", Compression(layers=1)),
        Variant("two layers of four dropped", Compression(layers=2)),
        Variant(pruned, Compression(vocabulary), langs),
        Variant(f"{pruned}; int8", Compression(vocabulary, int8=True), langs),
    ]


def read_texts(data: Path, langs: frozenset[str]) -> Iterator[str]:
    """Training documents and their references in some languages."""
    for corpus in find_corpora(data, "train"):
        if corpus.lang in langs:
            for record in islice(corpus.read(), DOCS_FOR_VOCABULARY):
                yield from (record["text"], *record["references"])


def make(variant: Variant, folder: Path) -> Language:
    nlp = make_pipeline()
    if variant.compression is not None:
        for line in compress(nlp, variant.compression):
            tqdm.write(f"{variant.name}: {line}")
    nlp.to_disk(folder)
    files = [path for path in folder.rglob("*") if path.is_file()]
    variant.megabytes = sum(path.stat().st_size for path in files) / 1e6
    return spacy.load(folder)


def measure_scores(
    variant: Variant, nlp: Language, folder: Path, sets: list[TestSet], store: Store
) -> list:
    """The scores on the sets in the variant's languages, of LEAD and the oracle too."""
    systems = [*(s for s in make_baselines() if s.name in (LEAD, ORACLE))]
    systems.append(make_model_system(nlp, str(folder)))
    scores = []
    for test_set in sets:
        if variant.langs is None or test_set.lang in variant.langs:
            results = {}
            for system in systems:
                result = store.find(system, test_set)
                if result is None:
                    with system.open() as choose:
                        result = store.add(system, test_set, choose(test_set))
                results[system.name] = result
            scores.append(score_set(test_set, results))
    return scores


def average(scores: list) -> dict[str, Scores]:
    return average_sets(join_languages(scores), "").scores


def format_table(variants: list[Variant]) -> str:
    first = variants[0]
    head = ["pipeline", "MB", "× documents/s"]
    for label in ("all languages", "those kept"):
        head += [f"{label}: points by {way}" for way in WAYS]
    lines = ["| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
    for variant in variants:
        cells = [variant.name, f"{variant.megabytes:.1f}"]
        cells.append(f"{variant.speed.relative_to(first.speed):.2f}")
        for label in ("all", "kept"):
            for way in WAYS:
                scores = variant.scores.get(label)
                before = first.scores[label][way].means[MODEL]
                cells.append("" if scores is None else _points(scores[way].means[MODEL], before))
        lines.append("| " + " | ".join(cells) + " |")
    for name in (LEAD, ORACLE):
        cells = [name, "", ""]
        cells += [
            f"{first.scores[k][way].means[name]:.2f}" for k in ("all", "kept") for way in WAYS
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _points(mean: float, before: float) -> str:
    return f"{mean:.2f}" if mean == before else f"{mean:.2f} ({mean - before:+.2f})"


def main(
    data: Path = typer.Argument(..., exists=True, file_okay=False, help="Data directory"),
    split: str = "test",
    limit: int = typer.Option(40, help="Documents of each set; 0 for all"),
    names: str = typer.Option("", "--sets", help="Names of sets, with commas; all if not given"),
    keep: str = typer.Option("en,fr", help="Languages whose word pieces are kept"),
    docs: int = typer.Option(32, help="Documents of 500 words to measure speed by"),
    rounds: int = 5,
    threads: int = 2,
    store: Path = typer.Option(Path("build/compression"), help="For results"),
    output: Path | None = typer.Option(None, help="Markdown file for the table"),
) -> None:
    torch.set_num_threads(threads)
    langs = frozenset(keep.split(","))
    nlp = make_pipeline()
    corpora = find_corpora(data, split)
    if names:
        corpora = [c for c in corpora if c.name.rpartition(".")[0] in names.split(",")]
    if not {corpus.lang for corpus in corpora} & langs:
        raise typer.BadParameter(f"{data} has no such sets with the split {split} in {keep}")
    sets = [read_set(nlp, corpus, limit or None) for corpus in tqdm(corpora, desc="sets")]
    texts = make_texts(docs, 500)
    variants = make_variants(list(read_texts(data, langs)), langs)
    with tempfile.TemporaryDirectory() as folder:
        for i, variant in enumerate(tqdm(variants, desc="pipelines")):
            path = Path(folder) / str(i)
            nlp = make(variant, path)
            variant.speed = Row(variant.name, time_pipeline(nlp, texts))
            scores = measure_scores(variant, nlp, path, sets, Store(store / str(i)))
            if variant.langs is None:
                variant.scores["all"] = average(scores)
            kept = [s for s in scores if s.name.rpartition(".")[2] in langs]
            variant.scores["kept"] = average(kept)
        measure_rates([variant.speed for variant in variants], rounds)
    n_docs = sum(len(test_set.records) for test_set in sets)
    text = (
        "# Compression of xx_bertsum_mini\n\n"
        f"{describe_run()}, {torch.backends.cpu.get_cpu_capability()}, {threads} threads. MB: the "
        "pipeline's directory. Documents a second: medians of the ratios to float32 over "
        f"{rounds} rounds in turns, {docs} documents of 500 words, "
        f"{numpy.median(variants[0].speed.rates):.1f} a second in float32. Points: mean of "
        "ROUGE-1, ROUGE-2 and ROUGE-L F1 × 100, "
        f"languages of a set as one, {n_docs:,} documents of {len(sets)} sets. Nothing was trained "
        "afterwards. "
        f"Command: `python -m benchmarks.compression DATA --split {split} --limit {limit} "
        f"{f'--sets {names} ' if names else ''}--keep {keep} --docs {docs} --rounds {rounds} "
        f"--threads {threads}`\n\n"
        f"{format_table(variants)}\n"
    )
    publish(text, output)


if __name__ == "__main__":
    typer.run(main)

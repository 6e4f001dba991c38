"""A report on a trained pipeline: how good its summaries are, in each language.

    python -m scripts.report training/model-best training/corpus/test.jsonl training/report \
        --train-log training/log.jsonl --trained-on de,fr

writes a page (``report.md``), its plots, and all numbers, those of each document too
(``report.json``). Test documents are records with ``text`` and ``summary``, and if known ``id``,
``lang``, ``set``, ``sents`` and ``labels``.
"""

import dataclasses
import os
import platform
import shlex
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import srsly
import typer
from spacy.cli._util import setup_gpu
from spacy.language import Language
from tqdm import tqdm
from wasabi import msg

from scripts.evaluation import Result, evaluate, mean_reference_sents
from scripts.report.numbers import count_positions, group_by, summarize
from scripts.report.page import LANGUAGES_PLOT, POSITIONS_PLOT, TRAINING_PLOT, format_page
from scripts.report.plots import plot_languages, plot_positions, plot_training
from scripts.report.training import get_settings, read_log
from spacy_bertsum.cli.pipelines import get_bertsum, load_pipeline
from spacy_bertsum.language import detect_language
from spacy_bertsum.records import BadRecord, Record, make_record, parse_line, read_lines
from spacy_bertsum.sentencizer import MULTIPLE

PACKAGES = ("spacy-bertsum", "spacy", "thinc", "torch", "transformers", "numpy")


def read_documents(path: Path, nlp: Language) -> tuple[list[Record], list[str | None], int]:
    """Read test documents. Where only labels are given, the gold sentences are the reference.

    RETURNS: The documents, all with their language; the set of each; and how many others have
        nothing to compare with.
    RAISES: ValueError if a line is bad or no document is left.
    """
    records, sets, skipped = [], [], 0
    with path.open("rb") as file:
        for number, line in read_lines(file):
            try:
                fields = parse_line(line)
                record = make_record(fields)
            except BadRecord as error:
                raise ValueError(f"{path}, line {number}: {error}") from error
            references = record.references
            if not references:
                pairs = zip(record.sents, record.labels, strict=True)
                gold = [record.text[start:end] for (start, end), label in pairs if label]
                references = (" ".join(gold),) if gold else ()
            lang = record.lang or nlp.lang
            lang = detect_language(record.text) if lang in MULTIPLE else lang
            if references:
                records.append(dataclasses.replace(record, references=references, lang=lang))
                sets.append(fields.get("set"))
            else:
                skipped += 1
    if not records:
        raise ValueError(f"{path} has no document with a summary")
    return records, sets, skipped


def choose_counts(nlp: Language, records: list[Record]) -> tuple[dict[str, int], str]:
    """How many sentences to choose in each language: the pipeline's n_sents; if it has none, as
    many as the references in that language have on average.

    RETURNS: The numbers, and where they come from: "pipeline" or "references".
    """
    langs = {record.lang for record in records}
    n_sents = get_bertsum(nlp).selection.n_sents
    if n_sents is not None:
        return dict.fromkeys(langs, n_sents), "pipeline"
    return {
        lang: mean_reference_sents(nlp, [r for r in records if r.lang == lang]) for lang in langs
    }, "references"


def summarize_documents(
    results: list[Result], sets: list[str | None], counts: dict[str, int], trained_on: list[str]
) -> dict[str, Any]:
    """The part of a report that is about summaries."""
    langs = [result.lang for result in results]
    by_lang = group_by(results, langs)
    seen = [lang for lang in by_lang if lang in trained_on]
    unseen = [lang for lang in by_lang if trained_on and lang not in trained_on]
    means = {"mean": list(by_lang)}
    if seen and unseen:
        means |= {"mean, seen": seen, "mean, zero-shot": unseen}
    languages, averages = summarize(by_lang, means)
    for row in languages:
        row["zero_shot"] = row["name"] in unseen if trained_on else None
        if row["zero_shot"]:
            row["label"] = f"{row['name']} (zero-shot)"
        row["n_sents"] = counts[row["name"]]
    names = [name or "none" for name in sets]
    by_set = group_by(results, names)
    # Where each set is a language of its own, a table by set would say the same again.
    same = len(by_set) == len(by_lang) == len(set(zip(langs, names, strict=True)))
    sets_, set_means = ([], []) if same else summarize(by_set, {"mean": list(by_set)})
    return {
        "languages": languages,
        "means": averages,
        "sets": sets_,
        "set_means": set_means,
        "positions": count_positions(results),
        "documents": [
            {**dataclasses.asdict(result), "set": name}
            for result, name in zip(results, sets, strict=True)
        ],
    }


def describe_model(path: Path, nlp: Language) -> dict[str, Any]:
    """The part of a report that is about the pipeline."""
    name = get_bertsum(nlp).name
    config = nlp.config.interpolate()
    architecture = config["components"][name]["model"]
    is_pretrained = architecture["@architectures"].startswith("spacy-bertsum.Pretrained.")
    performance = nlp.meta.get("performance", {})
    return {
        "path": str(path),
        "name": f"{nlp.meta['lang']}_{nlp.meta['name']}",
        "version": nlp.meta["version"],
        "pipeline": nlp.pipe_names,
        "starts_from": architecture["name"] if is_pretrained else None,
        "settings": get_settings(config, name, trained=bool(performance)),
        "performance": performance,
    }


def describe_training(log: Path | None, nlp: Language) -> dict[str, Any]:
    """The part of a report that is about the course of the training."""
    if log is None or not log.exists():
        note = "no log was given (`--train-log`)" if log is None else f"there is no `{log}`"
        return {"evaluations": [], "best_step": None, "note": note}
    accumulate = nlp.config["training"].get("accumulate_gradient") or 1
    rows = read_log(log, get_bertsum(nlp).name, accumulate)
    if not rows:
        return {"evaluations": [], "best_step": None, "note": f"`{log}` is empty"}
    best = max(rows, key=lambda row: row["score"])
    return {"evaluations": rows, "best_step": best["step"], "note": None}


def write_report(output: Path, report: dict[str, Any]) -> None:
    """Write the page, its plots and the numbers into a directory."""
    output.mkdir(parents=True, exist_ok=True)
    training = report["training"]
    if training["evaluations"]:
        plot_training(output / TRAINING_PLOT, training["evaluations"], training["best_step"])
    else:
        # Of a report that was written here before.
        (output / TRAINING_PLOT).unlink(missing_ok=True)
    plot_languages(output / LANGUAGES_PLOT, report["languages"], report["means"])
    plot_positions(output / POSITIONS_PLOT, report["positions"])
    srsly.write_json(output / "report.json", report)
    (output / "report.md").write_text(format_page(report), encoding="utf-8")


def main(
    model: Path = typer.Argument(..., exists=True, file_okay=False, help="Saved pipeline"),
    test: Path = typer.Argument(..., exists=True, dir_okay=False, help="Test documents, JSONL"),
    output: Path = typer.Argument(..., file_okay=False, help="Directory for the report"),
    train_log: Path | None = typer.Option(
        None, help="Log of the training: the output_file of spacy.ConsoleLogger.v3"
    ),
    metrics: Path | None = typer.Option(None, help="What spacy evaluate wrote to its --output"),
    title: str = typer.Option("Summaries: a report", help="Of the page"),
    trained_on: str = typer.Option(
        "", help="Languages that were trained on, such as de,en; the others are marked zero-shot"
    ),
    use_gpu: int = typer.Option(-1, "--gpu-id", "-g", help="GPU ID or -1 for CPU"),
) -> None:
    setup_gpu(use_gpu)
    try:
        nlp = load_pipeline(str(model))
        records, sets, skipped = read_documents(test, nlp)
        training = describe_training(train_log, nlp)
        evaluated = srsly.read_json(metrics) if metrics is not None else None
    except (ValueError, OSError) as error:
        msg.fail("No report", str(error), exits=1)
    seen = [lang.strip() for lang in trained_on.split(",") if lang.strip()]
    counts, counts_from = choose_counts(nlp, records)
    results = list(tqdm(evaluate(nlp, records, counts.__getitem__), total=len(records)))
    report = {
        "title": title,
        "date": str(date.today()),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
        + (f", GPU {use_gpu}" if use_gpu >= 0 else ""),
        "versions": {"Python": platform.python_version()}
        | {package: version(package) for package in PACKAGES},
        "command": shlex.join(["python", "-m", "scripts.report", *sys.argv[1:]]),
        "data": {"path": str(test), "documents": len(records), "skipped": skipped},
        "trained_on": seen,
        "n_sents_from": counts_from,
        "model": describe_model(model, nlp),
        "training": training,
        "metrics": evaluated,
        **summarize_documents(results, sets, counts, seen),
    }
    write_report(output, report)
    msg.good(f"{output / 'report.md'}: {len(records):,} documents")


if __name__ == "__main__":
    typer.run(main)

"""Documents with summaries in other languages, from a data directory: what `bertsum_abs` learns.

Writes OUTPUT/train.jsonl, dev.jsonl and test.jsonl with "text", "lang" and "summaries". They come
from sets whose summaries are in another language (``summarization/NAME.SOURCE-TARGET.SPLIT``), from
sets that have the same document's summary in several (``meta.summaries``), and, for training
alone, from parallel sentences (``text/parallel/en-LANG.tsv``), each of which is a document whose
summary is its translation.
"""

import random
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import srsly
import typer
from tqdm import tqdm

from scripts.corpora import SPLITS, Corpus, find_corpora
from spacy_bertsum.records import OPENERS

_CROSSLINGUAL = re.compile(
    r"(?P<name>[^.]+)\.(?P<source>\w+)-(?P<target>\w+)\.(?P<split>\w+)\.jsonl(\.xz)?"
)
# Shorter sentences are mostly names and headings.
MIN_CHARS = 12


def read_crosslingual(data: Path, split: str, langs: set[str]) -> Iterator[dict[str, Any]]:
    """Documents of sets with summaries in another language, those of one document together."""
    folder = data / "summarization"
    summaries: dict[tuple[str, str, str], dict[str, str]] = defaultdict(dict)
    for path in sorted((folder if folder.is_dir() else data).iterdir()):
        match = _CROSSLINGUAL.fullmatch(path.name)
        if match and match["target"] in langs and SPLITS.get(match["split"]) == split:
            for record in Corpus(path, match["name"], split).read_raw():
                key = (match["name"], match["source"], record["text"])
                summaries[key][match["target"]] = record["summary"]
                if english := record.get("meta", {}).get("summary_en"):
                    summaries[key]["en"] = english
    for (name, source, text), by_lang in summaries.items():
        yield {"set": name, "lang": source, "text": text, "summaries": by_lang}


def read_parallel_summaries(data: Path, split: str, langs: set[str]) -> Iterator[dict[str, Any]]:
    """Documents of sets that have the summary in several languages."""
    for corpus in find_corpora(data, split):
        if corpus.lang not in langs:
            continue
        for record in corpus.read_raw():
            others = record.get("meta", {}).get("summaries", {})
            kept = {lang: text for lang, text in others.items() if lang in langs}
            if kept:
                summaries = {**kept, corpus.lang: record["summary"]}
                name = corpus.name.rpartition(".")[0]
                yield {
                    "set": name,
                    "lang": corpus.lang,
                    "text": record["text"],
                    "summaries": summaries,
                }


def read_sentences(data: Path, langs: set[str], n_pairs: int) -> Iterator[dict[str, Any]]:
    """Parallel sentences in both directions, the first of each language pair."""
    for path in sorted((data / "text" / "parallel").glob("en-*.tsv*")):
        lang = path.name.partition(".")[0].removeprefix("en-")
        if not {"en", lang} <= langs:
            continue
        with OPENERS.get(path.suffix, open)(path, "rt", encoding="utf-8") as file_:
            rows = (line.rstrip("\n").split("\t")[1:3] for line in file_)
            pairs = (row for row in rows if len(row) == 2 and len(row[0]) >= MIN_CHARS and row[1])
            for english, other in islice(pairs, n_pairs):
                yield {"set": "parallel", "lang": "en", "text": english, "summaries": {lang: other}}
                yield {"set": "parallel", "lang": lang, "text": other, "summaries": {"en": english}}


def main(
    data: Path = typer.Argument(..., exists=True, file_okay=False, help="Data directory"),
    output: Path = typer.Argument(..., help="Directory of the JSONL files"),
    languages: str = typer.Option("de,en,it,ja,zh", help="Codes of those read and written"),
    n_pairs: int = typer.Option(20_000, help="Parallel sentences of each language"),
    repeat: int = typer.Option(2, help="How often each document of a set is in train.jsonl"),
    n_dev: int = typer.Option(60, help="Documents in dev.jsonl"),
    seed: int = 0,
) -> None:
    langs = set(languages.split(","))
    rng = random.Random(seed)
    output.mkdir(parents=True, exist_ok=True)
    for split in ("train", "dev", "test"):
        records = [
            *read_crosslingual(data, split, langs),
            *read_parallel_summaries(data, split, langs),
        ]
        rng.shuffle(records)
        if split == "train":
            records = [*records * repeat, *tqdm(read_sentences(data, langs, n_pairs), "pairs")]
            rng.shuffle(records)
        elif split == "dev":
            records = records[:n_dev]
        if not records:
            raise typer.BadParameter(f"'{data}' has no cross-lingual documents for {split}")
        srsly.write_jsonl(output / f"{split}.jsonl", records)
        print(f"{split}: {len(records)} documents")


if __name__ == "__main__":
    typer.run(main)

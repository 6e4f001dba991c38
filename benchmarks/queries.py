"""How well a query in any language finds its sentence.

    python -m benchmarks.queries

assets/queries.jsonl, written for this project, has questions and keywords, most facts asked for in
three languages, about the documents of assets/sample, each with the beginning of the sentence that
answers it. Counted is how often that sentence is the best, and among the best three, by weight of
the query against the summary's scores: at weight 0 the query is not looked at. How relevance is
measured was chosen by the queries without "later"; those with it were written afterwards.
"""

from collections import defaultdict
from itertools import chain
from pathlib import Path

import numpy
import srsly
import typer
from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm

from benchmarks.page import describe_run, publish
from benchmarks.quality.model import build_pipeline

ROOT = Path(__file__).parent.parent
WEIGHTS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0)
KINDS = ("all", "of its language", "in English", "in another language", "written later")


def read_documents(folder: Path) -> dict[str, str]:
    """Texts by id."""
    records = chain.from_iterable(map(srsly.read_jsonl, sorted(folder.glob("*.jsonl"))))
    return {record["id"]: record["text"] for record in records}


def find_rank(doc: Doc, query: dict[str, str], weight: float) -> int:
    """The place of the answer, 0 the best; ties count against it."""
    n_sents = len(list(doc.sents))
    ranking = doc._.summarize(
        query=query["query"], query_weight=weight, n_sents=n_sents, order="score", as_spans=True
    )
    at = doc.text.index(query["answer"])
    (rank,) = [i for i, s in enumerate(ranking) if s.start_char <= at < s.end_char]
    return rank


def measure(
    nlp: Language, texts: dict[str, str], queries: list[dict[str, str]]
) -> dict[tuple[str, float], list[int]]:
    """The ranks of answers by kind of query and weight."""
    docs = {name: nlp(texts[name]) for name in {query["doc"] for query in queries}}
    ranks = defaultdict(list)
    # All queries for a fact; the first of them is in the language of the document.
    seen: set[tuple[str, str]] = set()
    for query in tqdm(queries, desc="queries"):
        fact = (query["doc"], query["answer"])
        kind = KINDS[3]
        if fact not in seen:
            kind = KINDS[1]
        elif query["lang"] == "en":
            kind = KINDS[2]
        seen.add(fact)
        kinds = [KINDS[0], kind]
        if query.get("later"):
            kinds.append(KINDS[4])
        for weight in WEIGHTS:
            rank = find_rank(docs[query["doc"]], query, weight)
            for name in kinds:
                ranks[name, weight].append(rank)
    return ranks


def format_table(ranks: dict[tuple[str, float], list[int]]) -> str:
    heads = [f"{kind} ({len(ranks[kind, 0.0])})" for kind in KINDS]
    lines = [f"| weight | {' | '.join(heads)} |", "| --- " * (len(KINDS) + 1) + "|"]
    for weight in WEIGHTS:
        cells = []
        for kind in KINDS:
            places = numpy.array(ranks[kind, weight])
            cells.append(f"{(places < 1).mean():.2f} / {(places < 3).mean():.2f}")
        lines.append(f"| {weight} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(
    model: str = typer.Option("xx_bertsum_mini", help="Model name, model directory or pipeline"),
    output: Path | None = typer.Option(None, help="Markdown file for the table"),
) -> None:
    texts = read_documents(ROOT / "assets" / "sample")
    queries = list(srsly.read_jsonl(ROOT / "assets" / "queries.jsonl"))
    table = format_table(measure(build_pipeline(model), texts, queries))
    text = (
        f"# Queries: {model}\n\n"
        f"{describe_run()}. {len(queries)} queries on "
        f"{len({query['doc'] for query in queries})} documents. "
        "How often the sentence that answers is the best / among the best three, by weight of the "
        f"query. Command: `python -m benchmarks.queries --model {model}`\n\n{table}\n"
    )
    publish(text, output)


if __name__ == "__main__":
    typer.run(main)

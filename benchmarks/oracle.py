"""How fast the greedy oracle is, beside the plain one that gives the same labels.

    python -m benchmarks.oracle DATA --limit 100 --output benchmarks/results/oracle.md

The plain oracle does what its definition says: at each step it scores every extract that has one
sentence more. Both get the same sentences, and tokenize them. Times are of the processor.
"""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from time import process_time

import spacy
import typer
from tqdm import tqdm

from benchmarks.page import describe_run, publish
from scripts.corpora import Corpus, find_corpora
from spacy_bertsum.cli.pipelines import MAX_LENGTH, SENTENCIZER, TOKENIZER
from spacy_bertsum.oracle import greedy_oracle
from spacy_bertsum.rouge import tokenize


@dataclass
class Row:
    """A set: totals over its documents, times in seconds."""

    name: str
    documents: int = 0
    sentences: int = 0
    identical: int = 0
    plain: float = 0.0
    fast: float = 0.0


def plain_oracle(sentences: Sequence[str], references: Sequence[str]) -> list[int]:
    """The definition of `greedy_oracle`, word for word."""
    tokens = [tokenize(sentence) for sentence in sentences]
    found = [find_extract(tokens, tokenize(reference)) for reference in references]
    _, chosen = max(found, key=lambda pair: pair[0])
    return sorted(chosen)


def find_extract(sentences: list[list[str]], reference: list[str]) -> tuple[Fraction, list[int]]:
    counted = [count_ngrams(sentence) for sentence in sentences]
    wanted = count_ngrams(reference)
    best, chosen = Fraction(0), []
    while True:
        scores = {
            i: score([counted[j] for j in [*chosen, i]], wanted)
            for i in range(len(sentences))
            if i not in chosen
        }
        candidate = max(scores, key=scores.__getitem__, default=None)
        if candidate is None or scores[candidate] <= best:
            return best, chosen
        best = scores[candidate]
        chosen.append(candidate)


def count_ngrams(tokens: list[str]) -> tuple[Counter, Counter]:
    return Counter(tokens), Counter(pairwise(tokens))


def score(extract: list[tuple[Counter, Counter]], wanted: tuple[Counter, Counter]) -> Fraction:
    """ROUGE-1 F + ROUGE-2 F."""
    total = Fraction(0)
    for n in (0, 1):
        ngrams = Counter()
        for counts in extract:
            ngrams.update(counts[n])
        hits = (ngrams & wanted[n]).total()
        total += Fraction(2 * hits, max(ngrams.total() + wanted[n].total(), 1))
    return total


def measure(oracle: Callable, *arguments: Sequence[str]) -> tuple[list[int], float]:
    start = process_time()
    chosen = oracle(*arguments)
    return chosen, process_time() - start


def measure_corpus(corpus: Corpus, limit: int | None) -> Row:
    nlp = spacy.blank("xx", config={"nlp": {"tokenizer": TOKENIZER}})
    nlp.max_length = MAX_LENGTH
    nlp.add_pipe(SENTENCIZER, config={"lang": corpus.lang})
    row = Row(corpus.name)
    for record in islice(corpus.read(), limit):
        sents = [sent.text for sent in nlp(record["text"]).sents]
        plain, plain_time = measure(plain_oracle, sents, record["references"])
        fast, fast_time = measure(greedy_oracle, sents, record["references"])
        row.documents += 1
        row.sentences += len(sents)
        row.identical += fast == plain
        row.plain += plain_time
        row.fast += fast_time
    return row


def format_table(rows: list[Row]) -> str:
    lines = [
        "| set | documents | sentences | plain, ms | fast, ms | ratio | identical labels |",
        "| --- " * 7 + "|",
    ]
    fields = ("documents", "sentences", "identical", "plain", "fast")
    total = Row("**all**", *(sum(getattr(row, field) for row in rows) for field in fields))
    for row in [*rows, total]:
        n = row.documents
        cells = [row.name, str(n), f"{row.sentences / n:.0f}"]
        cells += [f"{1000 * row.plain / n:.2f}", f"{1000 * row.fast / n:.2f}"]
        cells += [f"{row.plain / row.fast:.0f}", str(row.identical)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(
    data: Path = typer.Argument(..., exists=True, file_okay=False, help="Data directory"),
    split: str = "test",
    limit: int = typer.Option(100, help="Documents of each set; 0 for all"),
    output: Path | None = typer.Option(None, help="Markdown file for the table"),
) -> None:
    corpora = find_corpora(data, split)
    if not corpora:
        raise typer.BadParameter(f"{data} has no sets with the split '{split}'")
    greedy_oracle(["The first call prepares the tokenizer."], "It does.")
    rows = [measure_corpus(corpus, limit or None) for corpus in tqdm(corpora, desc="sets")]
    header = (
        f"# Greedy oracle: plain and fast, {split} split\n\n"
        f"{describe_run(['numpy'])}, one of {os.cpu_count()} cores. Sentences and "
        "times are means of a document; the last column counts documents. "
        f"Command: `python -m benchmarks.oracle DATA --split {split} "
        f"--limit {limit}`\n"
    )
    text = f"{header}\n{format_table(rows)}\n"
    publish(text, output)


if __name__ == "__main__":
    typer.run(main)

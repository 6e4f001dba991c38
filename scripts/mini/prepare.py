"""Step `prepare` of the embedded model: documents → sentences, word pieces, features and labels.

What comes out needs neither spaCy nor the data directory any more: one file a set and split.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import islice
from pathlib import Path
from typing import Any

import numpy
import spacy
import torch
import typer
from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm
from transformers import AutoTokenizer

from scripts.corpora import Corpus, find_corpora
from spacy_bertsum.layers.salience import doc_salience
from spacy_bertsum.oracle import NgramTable, greedy_oracle, sentence_gains
from spacy_bertsum.surprisal import describe, weigh_pieces

# Long ones: fewer of these.
TRAIN_LIMITS = {
    "ectsum": 700,
    "klexikon": 400,
}
TRAIN_LIMIT = 12_000
VAL_LIMIT = 100
# Large sets without val documents lend some of their training documents.
HELD_OUT = ("bbcsum", "indosum")
MAX_SENTS = 1_000


def count_lent(corpus: Corpus) -> int:
    """How many training documents of a set, its first ones, serve for val."""
    return VAL_LIMIT if corpus.name.split(".")[0] in HELD_OUT else 0


def build_pipeline(lang: str = "xx") -> Language:
    tokenizer = {"@tokenizers": "spacy-bertsum.MultilingualTokenizer.v1"}
    nlp = spacy.blank("xx", config={"nlp": {"tokenizer": tokenizer}})
    nlp.add_pipe("multilingual_sentencizer", config={"lang": lang if lang != "xx" else None})
    nlp.max_length = 10**8
    return nlp


def prepare_document(nlp: Language, tokenizer: Any, weights: numpy.ndarray, record: dict) -> dict:
    doc = nlp(record["text"])
    sents = [sent.text.strip() for sent in doc.sents]
    # Neither the oracle nor the features of a book-long document are worth the wait.
    sents = sents[:MAX_SENTS]
    pieces = tokenizer(sents, add_special_tokens=False, verbose=False)["input_ids"]
    features = numpy.hstack([describe(pieces, weights), doc_salience(doc)[:MAX_SENTS]])
    labels = numpy.zeros(len(sents), dtype="i1")
    labels[greedy_oracle(sents, record["references"])] = 1
    is_boilerplate = mark(doc, record.get("boilerplate", ()))[:MAX_SENTS]
    labels[is_boilerplate] = 0
    table = NgramTable(sents, record["references"])
    summaries = [len(list(nlp(reference).sents)) for reference in record["references"]]
    return {
        "id": record["id"],
        "sents": sents,
        "references": record["references"],
        "reference_sents": float(numpy.mean(summaries)),
        "pieces": numpy.array([i for row in pieces for i in row], dtype="u2"),
        "lengths": numpy.array([len(row) for row in pieces], dtype="i4"),
        "features": features.astype("f2"),
        "labels": labels,
        "boilerplate": is_boilerplate,
        "gains": sentence_gains(sents, record["references"]).astype("f4"),
        "ngrams": numpy.stack([table.slots, table.columns, table.counts]).astype("i4"),
        "sizes": table.sizes.astype("i4"),
        "wanted": numpy.stack([wanted for wanted, _ in table.references]).astype("u2"),
        "wanted_sizes": numpy.stack([sizes[:, 0] for _, sizes in table.references]).astype("i4"),
    }


def mark(doc: Doc, spans: Sequence[tuple[int, int]]) -> numpy.ndarray:
    """Which sentences of a document have most of their characters in spans of characters, bool,
    shape (sentences,)."""
    inside = numpy.zeros(len(doc.text) + 1, dtype="i8")
    for start, stop in spans:
        inside[start + 1 : stop + 1] = 1
    before = inside.cumsum()
    bounds = numpy.array([(sent.start_char, sent.end_char) for sent in doc.sents]).reshape(-1, 2)
    return 2 * (before[bounds[:, 1]] - before[bounds[:, 0]]) > bounds[:, 1] - bounds[:, 0]


def prepare_corpus(corpus: Corpus, output: Path, tokenizer_path: Path, part: slice) -> int:
    if not output.exists():
        nlp = build_pipeline(corpus.lang)
        tokenizer = AutoTokenizer.from_pretrained(tokenizer_path)
        records = islice(corpus.read(), part.start, part.stop)
        weights = weigh_pieces(tokenizer)
        documents = [prepare_document(nlp, tokenizer, weights, record) for record in records]
        partial = output.with_suffix(".partial")
        torch.save([doc for doc in documents if len(doc["sents"]) > 1], partial)
        partial.rename(output)
    return output.stat().st_size


def prepare_corpora(
    jobs: Iterable[tuple[Corpus, str, slice]], folder: Path, tokenizer: Path, workers: int
) -> None:
    """Prepare parts of corpora for a split each, in so many processes, and save those that are not
    there yet as ``NAME.LANG.SPLIT.pt``."""
    with ProcessPoolExecutor(workers) as pool:
        futures = [
            pool.submit(
                prepare_corpus, corpus, folder / f"{corpus.name}.{split}.pt", tokenizer, part
            )
            for corpus, split, part in jobs
        ]
        for future in tqdm(as_completed(futures), total=len(futures), desc="sets"):
            future.result()


def main(
    data: Path = typer.Argument(..., exists=True, file_okay=False, help="Data directory"),
    work: Path = typer.Argument(..., help="Holds tokenizer/, gets prepared/"),
    workers: int = 2,
    test: bool = typer.Option(False, help="Test documents too, for benchmarks.zero_shot"),
) -> None:
    folder = work / "prepared"
    folder.mkdir(exist_ok=True)
    jobs = [(corpus, "val", slice(0, VAL_LIMIT)) for corpus in find_corpora(data, "val")]
    if test:
        jobs += [(corpus, "test", slice(0, VAL_LIMIT)) for corpus in find_corpora(data, "test")]
    for corpus in find_corpora(data, "train"):
        lent = count_lent(corpus)
        if lent:
            jobs.append((corpus, "val", slice(0, lent)))
        limit = TRAIN_LIMITS.get(corpus.name.split(".")[0], TRAIN_LIMIT)
        jobs.append((corpus, "train", slice(lent, limit)))
    prepare_corpora(jobs, folder, work / "tokenizer", workers)


if __name__ == "__main__":
    typer.run(main)

"""bertsum, the system that this is about."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm

import spacy_bertsum
from benchmarks.peers.protocol import Document, Extract
from benchmarks.quality.fingerprint import make_fingerprint
from benchmarks.quality.sets import TestSet
from benchmarks.quality.systems import Ready, System
from scripts.evaluation import BATCH_SIZE, choose, rank_by_scores
from spacy_bertsum.cli.pipelines import (
    get_bertsum,
    load_pipeline,
    make_doc,
    make_pipeline,
)
from spacy_bertsum.pretrained import find_model

MODEL = "bertsum"
SOURCES = Path(spacy_bertsum.__file__).parent


def build_pipeline(model: str) -> Language:
    if (Path(model) / "meta.json").exists():
        return load_pipeline(model)
    return make_pipeline({"@architectures": "spacy-bertsum.Pretrained.v1", "name": model})


def make_model_system(nlp: Language, model: str) -> System:
    return System(MODEL, fingerprint_model(model), lambda: Ready(lambda s: summarize(nlp, s)))


def fingerprint_model(model: str, *more: Path) -> str:
    """Of the model's files, of the code that runs it and of more files."""
    folder = find_model(model) or Path(model)
    files = [*folder.rglob("*"), *SOURCES.rglob("*.py"), *more]
    return make_fingerprint(*sorted(path for path in files if path.is_file()))


def summarize(
    nlp: Language, test_set: TestSet, name: str = MODEL, **settings: Any
) -> Iterator[Extract]:
    """settings: Of `doc._.summarize`, beside the number of sentences."""
    docs = (make_doc(nlp, record.text, record.lang) for record in test_set.records)
    yield from select(nlp, docs, test_set, name, **settings)


def select(
    nlp: Language, docs: Iterator[Doc], test_set: TestSet, name: str, **settings: Any
) -> Iterator[Extract]:
    cfg = get_bertsum(nlp).cfg
    docs = nlp.pipe(docs, batch_size=BATCH_SIZE)
    docs = tqdm(docs, total=len(test_set.records), desc=f"{name}: {test_set.name}", leave=False)
    for doc, document in zip(docs, test_set.documents, strict=True):
        if len(list(doc.sents)) != len(document.sents):
            raise ValueError(f"{test_set.name}: the pipeline divides a document in two ways")
        ranking = rank_by_scores(doc, cfg["scores_attr"])
        if settings:
            first = rank_by_choice(doc, document, cfg["summarize_attr"], **settings)
            ranking = first + [i for i in ranking if i not in first]
        yield Extract(choose(doc, document.n_sents, cfg["summarize_attr"], **settings), ranking)


def rank_by_choice(doc: Doc, document: Document, summarize_attr: str, **settings: Any) -> list[int]:
    """The sentences in the order in which summaries of one more each take them, until they fill the
    document's number of characters."""
    ranking: list[int] = []
    n_chars = 0
    while n_chars < document.n_chars:
        new = set(choose(doc, len(ranking) + 1, summarize_attr, **settings)).difference(ranking)
        if not new:
            break
        ranking += new
        n_chars += sum(len(document.sents[i]) + 1 for i in new)
    return ranking

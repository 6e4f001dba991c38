"""bertsum, the system that this is about."""

import random
from collections.abc import Iterator
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm

import spacy_bertsum
from benchmarks.peers.protocol import Extract
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
from spacy_bertsum.language import LANG
from spacy_bertsum.pretrained import find_model

MODEL = "bertsum"
SHUFFLED = "bertsum shuffled"
SOURCES = Path(spacy_bertsum.__file__).parent


def build_pipeline(model: str) -> Language:
    if (Path(model) / "meta.json").exists():
        return load_pipeline(model)
    return make_pipeline({"@architectures": "spacy-bertsum.Pretrained.v1", "name": model})


def make_model_system(nlp: Language, model: str) -> System:
    return System(MODEL, fingerprint_model(model), lambda: Ready(lambda s: summarize(nlp, s)))


def make_shuffled_system(nlp: Language, model: str) -> System:
    """The same on documents whose sentences are in another order, the same in every run.

    What it chooses is put back into the order of the document: what is lost against the model on
    the documents themselves is what it knows by the places of sentences.
    """
    return System(
        SHUFFLED,
        fingerprint_model(model),
        lambda: Ready(lambda s: summarize_shuffled(nlp, s)),
    )


def fingerprint_model(model: str) -> str:
    """Of the model's files and of the code that runs it."""
    folder = find_model(model) or Path(model)
    files = [*folder.rglob("*"), *SOURCES.rglob("*.py")]
    return make_fingerprint(*sorted(path for path in files if path.is_file()))


def summarize(nlp: Language, test_set: TestSet) -> Iterator[Extract]:
    docs = (make_doc(nlp, record.text, record.lang) for record in test_set.records)
    yield from _select(nlp, docs, test_set, MODEL)


def summarize_shuffled(nlp: Language, test_set: TestSet) -> Iterator[Extract]:
    orders = []
    for record, document in zip(test_set.records, test_set.documents, strict=True):
        order = list(range(len(document.sents)))
        random.Random(f"{test_set.name} {record.id}").shuffle(order)
        orders.append(order)
    docs = (
        join_sents(nlp, [document.sents[i] for i in order], make_doc(nlp, record.text, record.lang))
        for order, record, document in zip(
            orders, test_set.records, test_set.documents, strict=True
        )
    )
    extracts = _select(nlp, docs, test_set, SHUFFLED)
    for order, extract in zip(orders, extracts, strict=True):
        yield Extract(sorted(order[i] for i in extract.chosen), [order[i] for i in extract.ranking])


def join_sents(nlp: Language, sents: list[str], original: Doc) -> Doc:
    """A document of these sentences, a line each, in the language of the original."""
    docs = [nlp.make_doc(f"{sent}\n") for sent in sents]
    doc = Doc.from_docs(docs, ensure_whitespace=False)
    starts = set()
    length = 0
    for part in docs:
        starts.add(length)
        length += len(part)
    for token in doc:
        token.is_sent_start = token.i in starts
    doc.user_data[LANG] = original.user_data[LANG]
    return doc


def _select(nlp: Language, docs: Iterator[Doc], test_set: TestSet, name: str) -> Iterator[Extract]:
    cfg = get_bertsum(nlp).cfg
    docs = nlp.pipe(docs, batch_size=BATCH_SIZE)
    docs = tqdm(docs, total=len(test_set.records), desc=f"{name}: {test_set.name}", leave=False)
    for doc, document in zip(docs, test_set.documents, strict=True):
        if len(list(doc.sents)) != len(document.sents):
            raise ValueError(f"{test_set.name}: the pipeline divides a document in two ways")
        yield Extract(
            choose(doc, document.n_sents, cfg["summarize_attr"]),
            rank_by_scores(doc, cfg["scores_attr"]),
        )

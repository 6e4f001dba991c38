"""Test documents, divided into sentences once: all systems choose among the same ones."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

from spacy.language import Language
from tqdm import tqdm

from benchmarks.peers.client import make_document
from benchmarks.peers.protocol import Document
from benchmarks.quality.fingerprint import make_fingerprint
from scripts.corpora import Corpus
from scripts.evaluation import BATCH_SIZE, count_characters, mean_reference_sents
from spacy_bertsum.cli.pipelines import get_bertsum, make_doc
from spacy_bertsum.records import Record


@dataclass(frozen=True)
class TestSet:
    """A set in one language.

    name: NAME.LANG
    n_sents: How many sentences are chosen of each document: what the references have on average.
    documents: As systems are given them; `n_chars` is the mean length of the document's references.
    """

    __test__ = False  # pytest would take it for a test

    name: str
    lang: str
    n_sents: int
    records: list[Record]
    documents: list[Document]

    @cached_property
    def fingerprint(self) -> str:
        """Of all that systems choose from and are scored against."""
        references = [record.references for record in self.records]
        return make_fingerprint(self.name, list(map(asdict, self.documents)), references)

    @property
    def keys(self) -> list[str]:
        """One for each document, the same for its translations: those with its id in the set."""
        group = self.name.rpartition(".")[0]
        return [
            f"{self.name} {i}" if record.id is None else f"{group} {record.id}"
            for i, record in enumerate(self.records)
        ]


def read_set(nlp: Language, corpus: Corpus, limit: int | None) -> TestSet:
    """Read those of the first `limit` documents of a set that have a reference.

    nlp: The pipeline whose sentences they are.
    """
    records = [
        Record(record["text"], tuple(record["references"]), id=record["id"])
        for record in corpus.read(limit)
        if any(record["references"])
    ]
    n_sents = mean_reference_sents(nlp, records)
    divided = divide(nlp, records, corpus.name)
    documents = [
        make_document(sents, corpus.lang, n_sents, count_characters(record.references))
        for sents, record in zip(divided, records, strict=True)
    ]
    return TestSet(corpus.name, corpus.lang, n_sents, records, documents)


def divide(nlp: Language, records: Sequence[Record], name: str) -> list[list[str]]:
    """The sentences of documents."""
    with nlp.select_pipes(disable=[get_bertsum(nlp).name]):
        docs = (make_doc(nlp, record.text, record.lang) for record in records)
        docs = nlp.pipe(docs, batch_size=BATCH_SIZE)
        docs = tqdm(docs, total=len(records), desc=f"sentences of {name}", leave=False)
        return [[sent.text.strip() for sent in doc.sents] for doc in docs]

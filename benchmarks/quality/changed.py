"""bertsum on documents that were changed: what it knows by the order of sentences, and by words."""

import random
from collections.abc import Iterator
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc

from benchmarks.peers.protocol import Extract
from benchmarks.quality.model import MODEL, fingerprint_model, select
from benchmarks.quality.sets import TestSet
from benchmarks.quality.systems import Ready, System
from scripts.mini import respell
from spacy_bertsum.cli.pipelines import make_doc
from spacy_bertsum.language import LANG
from spacy_bertsum.records import Record

SHUFFLED = f"{MODEL} shuffled"
# Names, and of how many letters: like a neighbouring language, and like one without relatives.
RESPELT = {f"{MODEL} respelt {share:.0%}": share for share in (0.35, 1.0)}
ABOUT = {
    SHUFFLED: f"""\
**{SHUFFLED}** gets the sentences of each document in an order of chance, and what it chooses is put
back into that of the document: what it then loses is what it knows by their places.""",
    **{
        name: f"""\
**{name}** gets documents in which {share:.0%} of the letters have changed places with others,
vowels with vowels, the same way throughout: a language that no encoder has seen."""
        for name, share in RESPELT.items()
    },
}


def make_changed_systems(nlp: Language, model: str) -> list[System]:
    """The model on documents whose sentences are in another order, and on such in another spelling,
    the same in every run."""
    return [
        make_shuffled_system(nlp, model),
        *(make_respelt_system(nlp, model, name) for name in RESPELT),
    ]


def make_shuffled_system(nlp: Language, model: str) -> System:
    """What it chooses is put back into the order of the document: what is lost against the model on
    the documents themselves is what it knows by the places of sentences."""
    return System(
        SHUFFLED,
        fingerprint_model(model),
        lambda: Ready(lambda s: summarize_shuffled(nlp, s)),
    )


def make_respelt_system(nlp: Language, model: str, name: str) -> System:
    """What is lost against the model on the documents themselves is what it knows by their words,
    and what is left what it does in a language that it doesn't know.

    name: One of `RESPELT`.
    """
    return System(
        name,
        fingerprint_model(model, Path(respell.__file__)),
        lambda: Ready(lambda s: summarize_respelt(nlp, s, name)),
    )


def summarize_shuffled(nlp: Language, test_set: TestSet) -> Iterator[Extract]:
    orders = []
    for record, document in zip(test_set.records, test_set.documents, strict=True):
        order = list(range(len(document.sents)))
        make_rng(test_set, record).shuffle(order)
        orders.append(order)
    docs = (
        join_sents(nlp, [document.sents[i] for i in order], make_doc(nlp, record.text, record.lang))
        for order, record, document in zip(
            orders, test_set.records, test_set.documents, strict=True
        )
    )
    extracts = select(nlp, docs, test_set, SHUFFLED)
    for order, extract in zip(orders, extracts, strict=True):
        yield Extract(sorted(order[i] for i in extract.chosen), [order[i] for i in extract.ranking])


def summarize_respelt(nlp: Language, test_set: TestSet, name: str) -> Iterator[Extract]:
    docs = (
        join_sents(
            nlp,
            respell.respell(document.sents, RESPELT[name], make_rng(test_set, record)),
            make_doc(nlp, record.text, record.lang),
        )
        for record, document in zip(test_set.records, test_set.documents, strict=True)
    )
    yield from select(nlp, docs, test_set, name)


def make_rng(test_set: TestSet, record: Record) -> random.Random:
    """The same for a document in every run."""
    return random.Random(f"{test_set.name} {record.id}")


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

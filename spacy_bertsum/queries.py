"""Sentences that answer a query: similarity to it beside the scores of the summary."""

from numbers import Real
from typing import Protocol
from weakref import WeakValueDictionary

import numpy
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.types import Floats1d, Floats2d

from .relevance import compare_letters, compare_pieces, compare_vectors

# On the queries of assets/queries.jsonl more adds nothing, less costs; benchmarks/queries.py.
QUERY_WEIGHT = 0.9


class SentenceEncoder(Protocol):
    """What has vectors of word pieces: the component `bertsum`.

    vocabs: Those of its documents by id. A component may be that of several pipelines.
    """

    vocab: Vocab
    vocabs: dict[int, Vocab]

    def encode_pieces(self, docs: list[Doc]) -> list[list[Floats2d]]: ...


# By vocabulary, which documents share with their pipeline, and attribute of the scores. An entry
# goes with its component, and no vocabulary before the component that holds it.
_encoders: "WeakValueDictionary[tuple[int, str], SentenceEncoder]" = WeakValueDictionary()


def register(encoder: SentenceEncoder, scores_attr: str, vocab: Vocab | None = None) -> None:
    """Let documents find their encoder.

    vocab: Of a document that the encoder's component has scored; None for a component that is
        new, which takes no document away from another.
    """
    if vocab is None:
        _encoders.setdefault((id(encoder.vocab), scores_attr), encoder)
    else:
        encoder.vocabs[id(vocab)] = vocab
        _encoders[id(vocab), scores_attr] = encoder


def check_query(query: str, weight: float = QUERY_WEIGHT) -> None:
    """RAISES: ValueError if the query is blank or the weight is out of its range."""
    if not isinstance(query, str) or not query.strip():
        raise ValueError(f"query must be a text, not {query!r}")
    if not isinstance(weight, Real) or isinstance(weight, bool) or not 0 <= weight <= 1:
        raise ValueError(f"query_weight must be a number from 0 to 1, not {weight!r}")


def score_by_query(
    doc: Doc, scores: Floats1d, query: str, scores_attr: str, weight: float = QUERY_WEIGHT
) -> Floats1d:
    """Scores of a document's sentences that take account of a query, in any language.

    Logits and relevance to the query (the sum of what `spacy_bertsum.relevance` measures) are each
    brought to mean 0 and variance 1 within the document, so that a weight means the same whatever
    the model.

    scores: A probability for each sentence.
    scores_attr: The attribute that they are from.
    weight: Of relevance against the scores, 0 to 1.
    RETURNS: New scores between 0 and 1; 0.5 is the mean of the document.
    RAISES: ValueError if the query is blank, the weight is out of its range, or the pipeline that
        has scored the document is not there.
    """
    check_query(query, weight)
    encoder = _encoders.get((id(doc.vocab), scores_attr))
    if encoder is None:
        raise ValueError(
            "A query needs the pipeline that has scored the document, with its encoder and its "
            "vocabulary. Load it, and read stored documents with it: "
            "list(doc_bin.get_docs(nlp.vocab))"
        )
    if not len(scores):
        return scores
    question = Doc(doc.vocab, words=[query.strip()], sent_starts=[True])
    (wanted,), pieces = encoder.encode_pieces([question, doc])
    views = (
        compare_vectors(wanted, pieces),
        compare_pieces(wanted, pieces),
        compare_letters(query, [sent.text for sent in doc.sents]),
    )
    relevance = _standardize(sum(map(_standardize, views)))
    clipped = numpy.clip(scores.astype("f8"), 1e-7, 1 - 1e-7)
    salience = _standardize(numpy.log(clipped / (1 - clipped)))
    return 1 / (1 + numpy.exp(-(1 - weight) * salience - weight * relevance))


def _standardize(values: Floats1d) -> Floats1d:
    return (values - values.mean()) / max(float(values.std()), 1e-9)

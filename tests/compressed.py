"""Small pipelines to compress, and what they are compared by."""

from collections.abc import Iterable
from pathlib import Path

import numpy
import spacy
from spacy.language import Language
from spacy.training import Example

from spacy_bertsum.compression.pipeline import Compression, compress, find_shims
from spacy_bertsum.layers.encoder_shim import EncoderShim


def make_pipeline(checkpoint: Path, **settings) -> Language:
    """BERTSUM around a checkpoint, from texts to summaries.

    settings: Of BertSumTransformer.
    """
    spacy.util.fix_random_seed(0)
    transformer = {
        "@architectures": "spacy-bertsum.BertSumTransformer.v1",
        "name": str(checkpoint),
        "overlap": 16,
        **settings,
    }
    encoder = {"@architectures": "spacy-bertsum.SentenceEncoder.v1", "transformer": transformer}
    head = {"@architectures": "spacy-bertsum.LinearHead.v1"}
    model = {"@architectures": "spacy-bertsum.BertSum.v1", "tok2vec": encoder, "head": head}
    nlp = spacy.blank("xx")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("bertsum", config={"model": model, "n_sents": 1})
    nlp.initialize(lambda: [make_example(nlp)])
    return nlp


def make_example(nlp: Language) -> Example:
    gold = nlp.make_doc("The library opens. Nobody knows when.")
    gold.spans["summary"] = [gold[:4]]
    return Example(nlp.make_doc(gold.text), gold)


def squeeze(nlp: Language, texts: Iterable[str] | None = None, **settings) -> list[str]:
    """Compress a pipeline in place.

    settings: Of Compression.
    RETURNS: What has been said of it.
    """
    return list(compress(nlp, Compression(**settings), texts))


def get_shim(nlp: Language) -> EncoderShim:
    [shim] = find_shims(nlp)
    return shim


def encode(nlp: Language, texts: Iterable[str]) -> numpy.ndarray:
    """The vectors of all sentences of texts."""
    with nlp.select_pipes(disable=["bertsum"]):
        docs = list(nlp.pipe(texts))
    model = nlp.get_pipe("bertsum").model
    layer = next(layer for layer in model.walk() if layer.name == "sentence_encoder")
    return numpy.concatenate(layer.predict(docs))


def score(nlp: Language, texts: Iterable[str]) -> list[list[float]]:
    """The scores of the sentences of each text."""
    return [doc._.summary_scores.tolist() for doc in nlp.pipe(texts)]


def cosines(ours: numpy.ndarray, theirs: numpy.ndarray) -> numpy.ndarray:
    """How alike vectors are, row by row."""
    norms = numpy.linalg.norm(ours, axis=1) * numpy.linalg.norm(theirs, axis=1)
    return (ours * theirs).sum(axis=1) / norms

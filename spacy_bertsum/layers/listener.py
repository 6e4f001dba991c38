"""Sentence vectors from a ``transformer`` pipe that other components use as well."""

from collections.abc import Callable

import numpy
from spacy.tokens import Doc
from spacy_transformers.data_classes import TransformerData
from spacy_transformers.layers.listener import TransformerListener
from spacy_transformers.layers.listener import forward as listen
from thinc.api import Model
from thinc.types import Floats2d
from transformers.modeling_outputs import BaseModelOutput

from .pieces import get_sents
from .shared import SentenceTransformerData


class SentenceListener(TransformerListener):
    """Listens to a ``transformer`` pipe and takes the [CLS] vectors of the sentences.

    upstream: The name of the pipe, or "*" for any.
    """

    name = "sentence_listener"

    def __init__(self, upstream: str, grad_factor: float):
        super().__init__(upstream)
        self.attrs["grad_factor"] = grad_factor
        self.replace_callbacks(_listen)


def _listen(
    model: SentenceListener, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable]:
    data, backprop_listener = listen(model, docs, is_train)
    rows, lengths = [], []
    for doc, doc_data in zip(docs, data, strict=True):
        doc_rows, doc_lengths = _rows_of(model, doc, doc_data)
        rows.append(doc_rows)
        lengths.append(doc_lengths)
    vectors, backprop_mean = _mean_rows(
        model, model.ops.flatten(rows), numpy.concatenate(lengths or [numpy.zeros(0, "i4")])
    )

    def backprop(d_vectors: list[Floats2d]) -> list[Doc]:
        d_rows = backprop_mean(model.ops.flatten(d_vectors)) * model.attrs["grad_factor"]
        split = model.ops.unflatten(d_rows, model.ops.asarray1i([len(r) for r in rows]))
        gradients = [
            _gradient_of(model, doc_data, d_doc_rows)
            for doc_data, d_doc_rows in zip(data, split, strict=True)
            if "last_hidden_state" in doc_data.model_output
        ]
        backprop_listener(gradients)
        return docs

    n_sents = [len(doc_lengths) for doc_lengths in lengths]
    return model.ops.unflatten(vectors, model.ops.asarray1i(n_sents)), backprop


def _mean_rows(
    model: Model, rows: Floats2d, lengths: numpy.ndarray
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    """Average the rows of each sentence. Most have one; a divided sentence has more."""
    if len(rows) == len(lengths):
        return rows, lambda d_rows: d_rows
    counts = model.ops.asarray1i(lengths)
    means = model.ops.reduce_mean(rows, counts)
    return means, lambda d_means: model.ops.backprop_reduce_mean(d_means, counts)


def _rows_of(
    model: SentenceListener, doc: Doc, data: TransformerData
) -> tuple[Floats2d, numpy.ndarray]:
    if len(doc) == 0:
        return model.ops.alloc2f(0, model.get_dim("nO")), numpy.zeros(0, "i4")
    if not isinstance(data, SentenceTransformerData):
        if doc._.trf_data is None:
            # As TransformerListener does when its pipe has not run, in initialization.
            n_sents = len(get_sents(doc))
            return model.ops.alloc2f(n_sents, model.get_dim("nO")), numpy.ones(n_sents, "i4")
        raise ValueError(
            "SentenceListener needs a transformer that knows sentences. Set the model of the "
            f"'{model.upstream_name}' component to "
            '@architectures = "spacy-bertsum.BertSumTransformer.v1".'
        )
    hidden = data.model_output.last_hidden_state
    return hidden.reshape(-1, hidden.shape[-1])[data.cls_rows], data.cls_lengths


def _gradient_of(
    model: SentenceListener, data: SentenceTransformerData, d_rows: Floats2d
) -> TransformerData:
    hidden = data.model_output.last_hidden_state
    gradient = model.ops.alloc(hidden.shape, dtype=hidden.dtype)
    # A row can't be two sentences' [CLS], so plain assignment adds everything up.
    gradient.reshape(-1, hidden.shape[-1])[data.cls_rows] = d_rows
    output = BaseModelOutput(last_hidden_state=gradient)
    return TransformerData(data.wordpieces, output, data.align)

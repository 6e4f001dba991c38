"""Docs → one vector a sentence: three ways to get List[Floats2d] for a head.

`SentenceEncoder` runs BERTSUM's encoder itself, `SentenceListener` takes the vectors from a shared
``transformer`` pipe, and `sentence_pooling` pools the token vectors of any tok2vec layer.
"""

from collections.abc import Callable

import numpy
from spacy.tokens import Doc
from spacy_transformers.data_classes import TransformerData
from spacy_transformers.layers.listener import TransformerListener
from spacy_transformers.layers.listener import forward as listen
from thinc.api import Model
from thinc.types import Floats2d, Ragged
from transformers.modeling_outputs import BaseModelOutput

from .pieces import get_sents
from .transformer import SentenceTransformerData, pieces_of


def sentence_encoder(
    transformer: Model, pooling: str, grad_factor: float
) -> Model[list[Doc], list[Floats2d]]:
    """Encode sentences with a BertSumTransformer, keeping no more of its output than they need.

    pooling: "cls" or "mean", see `spacy_bertsum.architectures.build_sentence_encoder`.
    """
    return Model(
        "sentence_encoder",
        _encode,
        init=_init_encoder,
        dims={"nO": transformer.get_dim("nO") if transformer.has_dim("nO") else None},
        layers=[transformer],
        attrs={"pooling": pooling, "grad_factor": grad_factor},
    )


def _init_encoder(model: Model, X: list[Doc] | None = None, Y: object = None) -> None:
    transformer = model.layers[0]
    transformer.initialize(X=X)
    model.set_dim("nO", transformer.get_dim("nO"))


def _encode(model: Model, docs: list[Doc], is_train: bool) -> tuple[list[Floats2d], Callable]:
    transformer = model.layers[0]
    packed = pieces_of(transformer, docs).packed
    if model.attrs["pooling"] == "mean":
        places, lengths = packed.piece_rows()
    else:
        places, lengths = packed.cls_rows, packed.cls_lengths
    rows, backprop_encoder = transformer.layers[0]((packed, places), is_train)
    vectors, backprop_mean = _mean_rows(model, rows, lengths)

    def backprop(d_vectors: list[Floats2d]) -> list[Doc]:
        d_rows = backprop_mean(model.ops.flatten(d_vectors))
        backprop_encoder(d_rows * model.attrs["grad_factor"])
        return docs

    return model.ops.unflatten(vectors, model.ops.asarray1i(packed.n_sents)), backprop


def _mean_rows(
    model: Model, rows: Floats2d, lengths: numpy.ndarray
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    """Average the rows of each sentence. For [CLS] most have one; a divided sentence has more."""
    if len(rows) == len(lengths):
        return rows, lambda d_rows: d_rows
    counts = model.ops.asarray1i(lengths)
    means = model.ops.reduce_mean(rows, counts)
    return means, lambda d_means: model.ops.backprop_reduce_mean(d_means, counts)


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


def sentence_pooling(
    tok2vec: Model[list[Doc], list[Floats2d]], pooling: Model[Ragged, Floats2d]
) -> Model[list[Doc], list[Floats2d]]:
    """Pool token vectors into one vector a sentence."""
    return Model(
        "sentence_pooling",
        _pool,
        init=_init_pooling,
        dims={"nO": None},
        layers=[tok2vec, pooling],
    )


def _init_pooling(model: Model, X: list[Doc] | None = None, Y: object = None) -> None:
    tok2vec = model.layers[0]
    tok2vec.initialize(X=X)
    model.set_dim("nO", tok2vec.get_dim("nO"))


def _pool(model: Model, docs: list[Doc], is_train: bool) -> tuple[list[Floats2d], Callable]:
    tok2vec, pooling = model.layers
    lengths = [[len(sent) for sent in get_sents(doc)] for doc in docs]
    tokens, backprop_tokens = tok2vec(docs, is_train)
    flat_lengths = model.ops.asarray1i([n for doc_lengths in lengths for n in doc_lengths])
    ragged = Ragged(model.ops.flatten(tokens), flat_lengths)
    vectors, backprop_pooling = pooling(ragged, is_train)

    def backprop(d_vectors: list[Floats2d]) -> list[Doc]:
        d_ragged = backprop_pooling(model.ops.flatten(d_vectors))
        n_tokens = model.ops.asarray1i([len(doc) for doc in docs])
        return backprop_tokens(model.ops.unflatten(d_ragged.dataXd, n_tokens))

    n_sents = model.ops.asarray1i([len(doc_lengths) for doc_lengths in lengths])
    return model.ops.unflatten(vectors, n_sents), backprop

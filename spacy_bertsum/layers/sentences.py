"""Docs → one vector a sentence: two of three ways to get List[Floats2d] for a head.

`sentence_encoder` runs BERTSUM's encoder itself, and `sentence_pooling` pools the token vectors of
any tok2vec layer. The third, `spacy_bertsum.layers.listener`, takes them from a shared
``transformer`` pipe.
"""

from collections.abc import Callable
from itertools import islice

import numpy
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d, Ragged

from ..surprisal import FEATURES, describe
from .encoder import Request
from .encoder_shim import EncoderShim
from .pieces import Pieces, get_sents
from .transformer import get_shim, pieces_of


def sentence_encoder(
    transformer: Model, pooling: str, grad_factor: float, surprisal: bool = False
) -> Model[list[Doc], list[Floats2d]]:
    """Encode sentences with a BertSumTransformer, keeping no more of its output than they need.

    pooling, surprisal: See `spacy_bertsum.architectures.build_sentence_encoder`.
    """
    model: Model[list[Doc], list[Floats2d]] = Model(
        "sentence_encoder",
        _encode,
        init=_init_encoder,
        dims={"nO": None},
        layers=[transformer],
        attrs={"pooling": pooling, "grad_factor": grad_factor, "surprisal": surprisal},
    )
    if transformer.has_dim("nO"):
        _set_width(model)
    return model


def _init_encoder(model: Model, X: list[Doc] | None = None, Y: object = None) -> None:
    transformer = model.layers[0]
    transformer.initialize(X=X)
    _set_width(model)
    if model.attrs["surprisal"]:
        # A tokenizer that can't tell shows before training.
        get_shim(transformer).piece_weights()


def _set_width(model: Model) -> None:
    n_features = len(FEATURES) if model.attrs["surprisal"] else 0
    model.set_dim("nO", model.layers[0].get_dim("nO") + n_features)


def _encode(model: Model, docs: list[Doc], is_train: bool) -> tuple[list[Floats2d], Callable]:
    transformer = model.layers[0]
    pieces = pieces_of(transformer, docs)
    packed = pieces.packed
    if model.attrs["pooling"] == "mean":
        rows, lengths = packed.piece_rows()
    else:
        # Most sentences have one; one that is longer than a window has several.
        rows, lengths = packed.cls_rows, packed.cls_lengths
    vectors, backprop_encoder = transformer.layers[0](Request(packed, rows, lengths), is_train)
    width = vectors.shape[1]
    if model.attrs["surprisal"]:
        features = model.ops.asarray2f(get_surprisal(get_shim(transformer), pieces))
        vectors = model.ops.xp.hstack([vectors, features])

    def backprop(d_vectors: list[Floats2d]) -> list[Doc]:
        gradient = model.ops.as_contig(model.ops.flatten(d_vectors)[:, :width])
        backprop_encoder(gradient * model.attrs["grad_factor"])
        return docs

    return model.ops.unflatten(vectors, model.ops.asarray1i(packed.n_sents)), backprop


def get_surprisal(shim: EncoderShim, pieces: Pieces) -> numpy.ndarray:
    """The features of all sentences of a batch, float32, shape (sentences, len(FEATURES))."""
    sents = iter(pieces.ids)
    features = [numpy.zeros((0, len(FEATURES)), dtype="f")]
    for n in pieces.packed.n_sents:
        features.append(describe(list(islice(sents, n)), shim.piece_weights()))
    return numpy.concatenate(features)


def predict_pieces(encoder: Model, docs: list[Doc]) -> list[list[Floats2d]]:
    """What the encoder of a `sentence_encoder` layer makes of the word pieces of documents.

    RETURNS: For every document and sentence an array in main memory, shape (pieces, width), that of
        [CLS] first; of a sentence longer than a window, that of each part's [CLS] before the part.
    """
    transformer = encoder.layers[0]
    packed = pieces_of(transformer, docs).packed
    rows, lengths = packed.piece_rows()
    request = Request(packed, rows, numpy.ones(len(rows), dtype="i4"))
    vectors = encoder.ops.to_numpy(transformer.layers[0].predict(request))
    sents = iter(numpy.split(vectors, lengths.cumsum()[:-1]))
    return [[next(sents) for _ in range(n)] for n in packed.n_sents]


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

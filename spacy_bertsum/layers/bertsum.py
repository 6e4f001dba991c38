"""The whole model: sentence vectors, with salience features beside them, into a head."""

from collections.abc import Callable
from typing import Any

from spacy.tokens import Doc
from thinc.api import Model, chain
from thinc.types import Floats1d, Floats2d


def bertsum(
    tok2vec: Model[list[Doc], list[Floats2d]],
    head: Model[list[Floats2d], list[Floats1d]],
    salience: Model[list[Doc], list[Floats2d]] | None,
) -> Model[list[Doc], list[Floats1d]]:
    """Score every sentence of every document with a logit."""
    vectors = tok2vec if salience is None else side_by_side(tok2vec, salience)
    model = chain(vectors, head)
    model.name = "bertsum"
    return model


def side_by_side(
    left: Model[list[Doc], list[Floats2d]], right: Model[list[Doc], list[Floats2d]]
) -> Model[list[Doc], list[Floats2d]]:
    """Concatenate the sentence vectors of two layers (⊕).

    thinc's `concatenate` takes lengths from its input: a Doc's are its tokens, not its sentences.
    """
    return Model("side_by_side", _forward, init=_init, dims={"nO": None}, layers=[left, right])


def _init(model: Model, X: list[Doc] | None = None, Y: Any = None) -> None:
    for layer in model.layers:
        layer.initialize(X=X)
    model.set_dim("nO", sum(layer.get_dim("nO") for layer in model.layers))


def _forward(model: Model, docs: list[Doc], is_train: bool) -> tuple[list[Floats2d], Callable]:
    left, right = model.layers
    left_vectors, backprop_left = left(docs, is_train)
    right_vectors, backprop_right = right(docs, is_train)
    width = left.get_dim("nO")

    def backprop(d_vectors: list[Floats2d]) -> list[Doc]:
        backprop_right([model.ops.as_contig(d[:, width:]) for d in d_vectors])
        return backprop_left([model.ops.as_contig(d[:, :width]) for d in d_vectors])

    pairs = zip(left_vectors, right_vectors, strict=True)
    return [model.ops.xp.hstack(pair) for pair in pairs], backprop

"""BERTSUM's encoder as spacy-transformers knows encoders: Docs → FullTransformerBatch.

So it can stand in the stock ``transformer`` pipe, where tagger, ner and bertsum share one forward
pass, and inside a component of its own.
"""

from collections.abc import Callable
from typing import Any

from spacy.tokens import Doc
from thinc.api import Model

from .encoder import Request, window_encoder
from .encoder_shim import EncoderShim
from .pieces import Pieces, make_pieces


def bertsum_transformer(
    name: str,
    *,
    max_length: int | None,
    overlap: int | None,
    max_batch_tokens: int,
    mixed_precision: bool,
    grad_scaler: Any,
    replace_listener: Callable,
    replace_listener_cfg: Callable,
) -> Model[list[Doc], Any]:
    """Make the layer; see `spacy_bertsum.architectures.build_bertsum_transformer`."""
    shim = EncoderShim(mixed_precision=mixed_precision, grad_scaler=grad_scaler)
    return Model(
        "bertsum_transformer",
        _forward,
        init=_init,
        dims={"nO": None},
        layers=[window_encoder(shim, max_batch_tokens)],
        attrs={
            "name": str(name),
            "max_length": max_length,
            "overlap": overlap,
            "replace_listener": replace_listener,
            "replace_listener_cfg": replace_listener_cfg,
        },
    )


def get_shim(transformer: Model) -> EncoderShim:
    """The shim that holds the encoder and tokenizer of a BertSumTransformer layer."""
    return transformer.layers[0].shims[0]


def load_encoder(transformer: Model, name: Any) -> None:
    """Load an encoder by hub name or directory into a BertSumTransformer layer."""
    shim = get_shim(transformer)
    shim.load(name)
    width = shim.encoder.config.hidden_size
    transformer.set_dim("nO", width)
    transformer.layers[0].set_dim("nO", width)


def pieces_of(transformer: Model, docs: list[Doc]) -> Pieces:
    """The word pieces of documents as this BertSumTransformer layer reads them."""
    shim = get_shim(transformer)
    if not shim.is_built:
        raise ValueError(
            f"The encoder '{transformer.attrs['name']}' has not been loaded yet: call "
            "nlp.initialize(), or load a trained pipeline, before using it."
        )
    return make_pieces(
        shim, docs, max_length=transformer.attrs["max_length"], overlap=transformer.attrs["overlap"]
    )


def _init(model: Model, X: Any = None, Y: Any = None) -> None:
    if not get_shim(model).is_built:
        load_encoder(model, model.attrs["name"])


def _forward(model: Model, docs: list[Doc], is_train: bool) -> tuple[Any, Callable]:
    # spacy-transformers takes seconds to import, and most pipelines never come here.
    from .shared import get_gradient, make_batch

    pieces = pieces_of(model, docs)
    request = Request.of_all(pieces.packed)
    rows = request.rows
    vectors, backprop_encoder = model.layers[0](request, is_train)
    lengths = [len(ids) for ids in pieces.packed.input_ids]
    hidden = model.ops.alloc3f(len(lengths), max(lengths, default=0), model.get_dim("nO"))
    hidden[rows[:, 0], rows[:, 1]] = vectors

    def backprop(d_batch: Any) -> list[Doc]:
        backprop_encoder(get_gradient(d_batch)[rows[:, 0], rows[:, 1]])
        return docs

    return make_batch(get_shim(model), pieces, hidden), backprop

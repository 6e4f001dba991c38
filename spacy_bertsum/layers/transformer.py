"""BERTSUM's encoder as spacy-transformers knows encoders: Docs → FullTransformerBatch.

So it can stand in the stock ``transformer`` pipe, where tagger, ner and bertsum share one forward
pass, and inside a component of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy
from spacy.tokens import Doc
from spacy_transformers.align import get_alignment_via_offset_mapping
from spacy_transformers.data_classes import FullTransformerBatch, TransformerData, WordpieceBatch
from spacy_transformers.layers.split_trf import split_trf_batch
from thinc.api import Model, chain, torch2xp, xp2torch
from transformers.modeling_outputs import BaseModelOutput

from .encoder import window_encoder
from .pieces import Pieces, make_pieces, window_offsets, window_spans
from .shim import EncoderShim


@dataclass
class SentenceTransformerData(TransformerData):
    """TransformerData that knows where the [CLS] of each sentence is.

    cls_rows: Rows of the document's own windows laid end to end, (windows * length, width): one or
        more for each sentence.
    cls_lengths: The number of rows of each sentence.
    """

    cls_rows: numpy.ndarray = field(default_factory=lambda: numpy.zeros(0, "i8"))
    cls_lengths: numpy.ndarray = field(default_factory=lambda: numpy.zeros(0, "i4"))


@dataclass
class SentenceTransformerBatch(FullTransformerBatch):
    """FullTransformerBatch whose documents know where the [CLS] of each sentence is.

    cls: For each document, the cls_rows and cls_lengths of its SentenceTransformerData.
    """

    cls: list[tuple[numpy.ndarray, numpy.ndarray]] = field(default_factory=list)

    def split_by_doc(self) -> list[TransformerData]:
        return [
            SentenceTransformerData(data.wordpieces, data.model_output, data.align, *cls)
            for data, cls in zip(super().split_by_doc(), self.cls, strict=True)
        ]


def bertsum_transformer(
    name: str,
    *,
    max_length: int | None,
    overlap: int,
    max_batch_tokens: int,
    mixed_precision: bool,
    grad_scaler: Any,
    replace_listener: Callable,
    replace_listener_cfg: Callable,
) -> Model[list[Doc], FullTransformerBatch]:
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


def load_checkpoint(transformer: Model, name: Any) -> None:
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
        load_checkpoint(model, model.attrs["name"])


def _forward(
    model: Model, docs: list[Doc], is_train: bool
) -> tuple[FullTransformerBatch, Callable]:
    encoder = model.layers[0]
    pieces = pieces_of(model, docs)
    lengths = [len(ids) for ids in pieces.packed.input_ids]
    width = max(lengths, default=0)
    rows = numpy.argwhere(numpy.arange(width) < numpy.array(lengths, dtype="i8")[:, None])
    vectors, backprop_encoder = encoder((pieces.packed, rows), is_train)
    padded = model.ops.alloc3f(len(lengths), width, model.get_dim("nO"))
    padded[rows[:, 0], rows[:, 1]] = vectors
    spans = window_spans(pieces)
    batch = SentenceTransformerBatch(
        spans=spans,
        wordpieces=_wordpieces(get_shim(model), pieces, lengths),
        model_output=BaseModelOutput(last_hidden_state=xp2torch(padded)),
        align=get_alignment_via_offset_mapping(
            [span for doc_spans in spans for span in doc_spans], window_offsets(pieces)
        ),
        cls=_cls_by_doc(pieces, width),
    )

    def backprop(d_batch: FullTransformerBatch) -> list[Doc]:
        d_padded = torch2xp(next(iter(d_batch.model_output.values())))
        backprop_encoder(d_padded[rows[:, 0], rows[:, 1]])
        return docs

    return batch, backprop


def _wordpieces(shim: EncoderShim, pieces: Pieces, lengths: list[int]) -> WordpieceBatch:
    special = shim.special_ids()
    shape = (len(lengths), max(lengths, default=0))
    ids = numpy.full(shape, special.pad, dtype="i8")
    segments = numpy.zeros(shape, dtype="i8")
    for i, length in enumerate(lengths):
        ids[i, :length] = pieces.packed.input_ids[i]
        segments[i, :length] = pieces.packed.segment_ids[i]
    return WordpieceBatch(
        strings=[shim.tokenizer.convert_ids_to_tokens(row) for row in ids],
        input_ids=ids,
        attention_mask=(numpy.arange(shape[1]) < numpy.array(lengths)[:, None]).astype("f"),
        lengths=lengths,
        token_type_ids=segments if shim.n_segments() > 1 else None,
    )


def _cls_by_doc(pieces: Pieces, width: int) -> list[tuple[numpy.ndarray, numpy.ndarray]]:
    packed = pieces.packed
    result = []
    row = sent = window = 0
    for windows, n_sents in zip(packed.windows, packed.n_sents, strict=True):
        lengths = packed.cls_lengths[sent : sent + n_sents]
        rows = packed.cls_rows[row : row + lengths.sum()]
        result.append(((rows[:, 0] - window) * width + rows[:, 1], lengths))
        row, sent, window = row + len(rows), sent + n_sents, window + len(windows)
    return result


def token_encoder(
    transformer: Model[list[Doc], FullTransformerBatch],
) -> Model[list[Doc], list[TransformerData]]:
    """A BertSumTransformer that gives each document its own data, as a listener would."""
    return chain(transformer, split_trf_batch())

"""What a shared ``transformer`` pipe hands to its listeners: BERTSUM's encoder in the form that
spacy-transformers knows.

That library takes seconds to import, so only what shares a transformer imports this module.
"""

from dataclasses import dataclass, field

import numpy
from spacy.tokens import Doc
from spacy_transformers.align import get_alignment_via_offset_mapping
from spacy_transformers.data_classes import FullTransformerBatch, TransformerData, WordpieceBatch
from spacy_transformers.layers.split_trf import split_trf_batch
from thinc.api import Model, chain, torch2xp, xp2torch
from thinc.types import Floats3d
from transformers.modeling_outputs import BaseModelOutput

from .encoder_shim import EncoderShim
from .pieces import Pieces, window_offsets, window_spans


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


def make_batch(shim: EncoderShim, pieces: Pieces, hidden: Floats3d) -> SentenceTransformerBatch:
    """hidden: The vectors of all pieces, (windows, longest window, width)."""
    lengths = [len(ids) for ids in pieces.packed.input_ids]
    spans = window_spans(pieces)
    return SentenceTransformerBatch(
        spans=spans,
        wordpieces=_wordpieces(shim, pieces, lengths),
        model_output=BaseModelOutput(last_hidden_state=xp2torch(hidden)),
        align=get_alignment_via_offset_mapping(
            [span for doc_spans in spans for span in doc_spans], window_offsets(pieces)
        ),
        cls=_cls_by_doc(pieces, hidden.shape[1]),
    )


def get_gradient(d_batch: FullTransformerBatch) -> Floats3d:
    """The gradient with respect to `hidden` of `make_batch`."""
    return torch2xp(next(iter(d_batch.model_output.values())))


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

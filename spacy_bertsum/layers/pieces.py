"""Docs → packed windows: where spaCy's sentences meet an encoder's word pieces."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from spacy.tokens import Doc, Span

from ..packing import PackedDocs, pack, replace_reserved
from .encoder_shim import EncoderShim

# Of a window, in pieces: what most encoders have been trained with.
DEFAULT_MAX_LENGTH = 512
DEFAULT_OVERLAP = 128


@dataclass
class Pieces:
    """The word pieces of a batch of documents.

    sents: The sentences of each document.
    ids: For every sentence of the batch, its pieces.
    packed: Their windows.
    offsets: For every sentence of the batch, the (start, end) characters of its pieces, counted
        from the sentence's first character.
    """

    sents: list[list[Span]]
    ids: list[list[int]]
    packed: PackedDocs
    offsets: list[list[tuple[int, int]]]


def get_sents(doc: Doc) -> list[Span]:
    """The sentences of a document.

    Raises ValueError if nothing has set sentence boundaries.
    """
    if not doc.has_annotation("SENT_START"):
        raise ValueError(
            "bertsum needs sentence boundaries, and this document has none. Add a component that "
            'sets them before it, such as nlp.add_pipe("multilingual_sentencizer", first=True). '
            "In training, name that component in the config's [training] block too: "
            'annotating_components = ["multilingual_sentencizer"].'
        )
    return list(doc.sents)


def get_texts(sents: Sequence[Span]) -> list[str]:
    """The texts of a document's sentences, in a tenth of the time that their tokens would take."""
    if not sents:
        return []
    text = sents[0].doc.text
    return [text[sent.start_char : sent.end_char] for sent in sents]


def make_pieces(
    shim: EncoderShim, docs: Sequence[Doc], *, max_length: int | None, overlap: int | None
) -> Pieces:
    """Divide the sentences of all documents into pieces, in one call of the tokenizer.

    max_length: The length of a window in pieces; by default DEFAULT_MAX_LENGTH, or what the
        encoder can take.
    overlap: Pieces that windows share, at most; by default DEFAULT_OVERLAP, or half a window.

    Raises ValueError if max_length is more than the encoder can take, or the overlap not below the
        length of a window.
    """
    limit = shim.max_length()
    if max_length is None:
        max_length = min(limit, DEFAULT_MAX_LENGTH)
    elif max_length > limit:
        raise ValueError(
            f"max_length = {max_length} is more than the {limit} word pieces that this encoder "
            f"can take. Lower it to {limit} or less, or leave it out."
        )
    if overlap is None:
        # In a small encoder each window would read all but a sentence of the one before again.
        overlap = min(DEFAULT_OVERLAP, max_length // 2)
    elif overlap >= max_length:
        raise ValueError(
            f"overlap must be from 0 to {max_length - 1}, below the {max_length} word pieces "
            f"of a window of this encoder: {overlap}"
        )
    sents = [get_sents(doc) for doc in docs]
    texts = [text for doc_sents in sents for text in get_texts(doc_sents)]
    special = shim.special_ids()
    ids: list[list[int]] = []
    offsets: list[list[tuple[int, int]]] = []
    if texts:
        encoding = shim.tokenizer(
            texts,
            add_special_tokens=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            return_offsets_mapping=True,
            # Windows are made here; a warning about the length of a sentence would mislead.
            verbose=False,
        )
        ids = [replace_reserved(row, special) for row in encoding["input_ids"]]
        offsets = encoding["offset_mapping"]
    flat = iter(ids)
    packed = pack(
        [[next(flat) for _ in doc_sents] for doc_sents in sents],
        special,
        max_length=max_length,
        overlap=overlap,
        n_segments=shim.n_segments(),
    )
    return Pieces(sents, ids, packed, offsets)


def window_spans(pieces: Pieces) -> list[list[Span]]:
    """The stretch of its document that each window covers."""
    return [
        [
            sents[window[0].sentence].doc[
                sents[window[0].sentence].start : sents[window[-1].sentence].end
            ]
            for window in windows
        ]
        for sents, windows in zip(pieces.sents, pieces.packed.windows, strict=True)
    ]


def window_offsets(pieces: Pieces) -> numpy.ndarray:
    """The characters of every piece, counted from the start of its window's span.

    RETURNS: Ints, shape (windows, longest window, 2); (0, 0) for special pieces and padding.
    """
    lengths = [len(ids) for ids in pieces.packed.input_ids]
    result = numpy.zeros((len(lengths), max(lengths, default=0), 2), dtype="i8")
    row = first_sent = 0
    for sents, windows in zip(pieces.sents, pieces.packed.windows, strict=True):
        for window in windows:
            window_start = sents[window[0].sentence].start_char
            for part in window:
                offsets = pieces.offsets[first_sent + part.sentence][part.start : part.stop]
                if offsets:
                    shift = sents[part.sentence].start_char - window_start
                    result[row, part.position + 1 : part.end - 1] = numpy.array(offsets) + shift
            row += 1
        first_sent += len(sents)
    return result

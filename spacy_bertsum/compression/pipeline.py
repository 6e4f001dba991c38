"""Compressing the encoders of a pipeline."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from spacy.language import Language

from ..layers.bert import MODEL_TYPES, Bert
from ..layers.encoder_shim import EncoderShim
from ..layers.int8 import is_int8, quantize
from .heads import check_depth, drop_layers, prune_heads
from .vocabulary import check_vocabulary, prune_vocabulary
from .windows import cut_windows, draw_windows, runner


@dataclass(frozen=True)
class Compression:
    """What to do to an encoder, in this order.

    vocabulary: Texts in the languages whose pieces stay; None keeps all.
    layers: The number of layers to drop.
    heads: The share of attention heads to prune, 0 to below 1.
    int8: Whether to go over to 8-bit integers.
    """

    vocabulary: Sequence[str] | None = None
    layers: int = 0
    heads: float = 0.0
    int8: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.heads < 1:
            raise ValueError(f"The share of heads must be from 0 to below 1, not {self.heads}")
        if self.layers < 0:
            raise ValueError(f"The number of layers can't be negative: {self.layers}")
        if not (self.prunes or self.int8):
            raise ValueError(
                "Nothing to do: name --quantize, --prune-heads, --drop-layers or --prune-vocab"
            )

    @property
    def prunes(self) -> bool:
        return bool(self.vocabulary is not None or self.layers or self.heads)


@dataclass(frozen=True)
class Size:
    """What is left of an encoder. Of a pipeline with several, of all of them."""

    n_parameters: int
    n_bytes: int
    n_pieces: int
    n_layers: int
    n_heads: int


def find_shims(nlp: Language) -> list[EncoderShim]:
    """The encoders of a pipeline's components, each once.

    RAISES: ValueError if there is none.
    """
    shims: dict[int, EncoderShim] = {}
    for _, pipe in nlp.pipeline:
        for layer in pipe.model.walk() if hasattr(pipe, "model") else ():
            shims.update((id(s), s) for s in layer.shims if isinstance(s, EncoderShim))
    built = [shim for shim in shims.values() if shim.is_built]
    if not built:
        raise ValueError(
            "The pipeline has no encoder that could be compressed: it needs a model with the "
            'architecture "spacy-bertsum.BertSumTransformer.v1"'
        )
    return built


def compress(
    nlp: Language, compression: Compression, texts: Iterable[str] | None = None
) -> Iterator[str]:
    """Compress the encoders of a pipeline in place.

    texts: Documents like those that the pipeline will read, to measure heads, layers and
        activations on. By default random pieces of the vocabulary.
    YIELDS: What has been done, a line after each step.
    RAISES: ValueError, before anything is changed, if an encoder does not allow it.
    """
    shims = find_shims(nlp)
    for shim in shims:
        _check(shim, compression)
    docs = None if texts is None else [_split(nlp, text) for text in texts if text.strip()]
    if docs == []:
        raise ValueError("There is no text among those to measure on")
    for shim in shims:
        encoder = shim._model.encoder
        if compression.vocabulary is not None:
            before = len(shim.tokenizer)
            shim.set(encoder, prune_vocabulary(encoder, shim.tokenizer, compression.vocabulary))
            yield f"Kept {len(shim.tokenizer):,} of {before:,} word pieces"
        run = runner(shim, draw_windows(shim) if docs is None else cut_windows(shim, docs))
        if compression.layers:
            gone = drop_layers(encoder, compression.layers, run)
            yield f"Dropped layers {', '.join(str(i + 1) for i in gone)}"
        if compression.heads:
            gone = prune_heads(encoder, compression.heads, run)
            yield f"Pruned heads by layer: {', '.join(str(len(heads)) for heads in gone)}"
        if compression.int8:
            quantize(encoder, run)
            yield "Quantized to 8-bit integers"
        # It may have been packed for another shape.
        shim.set(encoder, shim.tokenizer)


def measure(nlp: Language) -> Size:
    """The size of a pipeline's encoders."""
    encoders = [shim._model.encoder for shim in find_shims(nlp)]
    tensors = [tensor for encoder in encoders for tensor in encoder.state_dict().values()]
    layers = [layer for e in encoders if isinstance(e, Bert) for layer in e.encoder.layer]
    return Size(
        n_parameters=sum(tensor.numel() for tensor in tensors),
        n_bytes=sum(tensor.numel() * tensor.element_size() for tensor in tensors),
        n_pieces=sum(len(shim.tokenizer) for shim in find_shims(nlp)),
        n_layers=len(layers),
        n_heads=sum(layer.n_heads for layer in layers),
    )


def _check(shim: EncoderShim, compression: Compression) -> None:
    if is_int8(shim._model):
        raise ValueError(
            "The encoder is in int8 already: compress the pipeline that it was made from, with all "
            "that is to be done named at once"
        )
    if compression.prunes and not isinstance(shim._model.encoder, Bert):
        raise ValueError(
            f"Of this kind of encoder, {type(shim.encoder).__name__}, nothing can be pruned, only "
            f"of {', '.join(MODEL_TYPES)}: --quantize int8 works with any"
        )
    if compression.vocabulary is not None:
        check_vocabulary(shim._model.encoder, shim.tokenizer)
    if compression.layers:
        check_depth(shim._model.encoder, compression.layers)


def _split(nlp: Language, text: str) -> list[str]:
    doc = nlp(text)
    return [sent.text for sent in doc.sents]

"""Registered architectures: they only assemble the layers of `spacy_bertsum.layers`."""

from typing import Any, Literal

from spacy.tokens import Doc
from thinc.api import Model, PyTorchGradScaler, chain, reduce_mean
from thinc.types import Floats1d, Floats2d, Ragged

from .layers import heads
from .layers.bertsum import bertsum
from .layers.head import head as wrap_head
from .layers.pieces import DEFAULT_MAX_LENGTH
from .layers.salience import salience_layer
from .layers.sentences import sentence_encoder, sentence_pooling
from .layers.transformer import bertsum_transformer
from .packing import SPECIAL_PIECES

# spacy-transformers takes seconds to import, which only what shares a transformer pays for.
FullTransformerBatch = Any

# [CLS], [SEP] and a piece between them.
MIN_MAX_LENGTH = SPECIAL_PIECES + 1


def build_bertsum(
    tok2vec: Model[list[Doc], list[Floats2d]],
    head: Model[list[Floats2d], list[Floats1d]],
    salience: Model[list[Doc], list[Floats2d]] | None = None,
) -> Model[list[Doc], list[Floats1d]]:
    """BERTSUM for extraction (Liu & Lapata 2019): sentence vectors and a summarization layer.

    tok2vec: Sentence vectors, one row a sentence: SentenceEncoder, SentenceListener or
        SentencePooling.
    head: The summarization layer, which sees all sentences of a document.
    salience: Features that stand beside the vectors, or none, as in the paper.
    RETURNS: A model with a logit for every sentence.
    """
    return bertsum(tok2vec, head, salience)


def build_bertsum_transformer(
    name: str,
    max_length: int | None = None,
    overlap: int | None = None,
    max_batch_tokens: int = 4096,
    mixed_precision: bool = False,
    grad_scaler_config: dict[str, Any] | None = None,
) -> Model[list[Doc], FullTransformerBatch]:
    """The paper's encoder: a [CLS] before every sentence, interval segments, several sentences to a
    window. It fits the ``transformer`` pipe of spacy-transformers and SentenceEncoder.

    name: An encoder with a fast tokenizer, by the name it has on the Hugging Face hub or by its
        directory. It is read in nlp.initialize(); a trained pipeline carries its own.
    max_length: Word pieces in a window, special ones included; by default 512, or as many as the
        encoder has positions for. Longer documents become several windows.
    overlap: Word pieces that neighbouring windows share, at most; by default 128, or half a window
        where that is less.
    max_batch_tokens: Word pieces, padding included, that enter the encoder at once in prediction.
        In training that is the batch that the training loop makes.
    mixed_precision: Matrix products in float16 on a GPU, and in bfloat16 on a CPU that has
        instructions for it (others go on in float32). Weights, gradients and vectors stay float32.
    grad_scaler_config: Settings of thinc's PyTorchGradScaler for mixed-precision training on a
        GPU; bfloat16 needs none.
    """
    if max_length is not None and max_length < MIN_MAX_LENGTH:
        raise ValueError(f"max_length must be at least {MIN_MAX_LENGTH}, not {max_length}")
    longest = max_length or DEFAULT_MAX_LENGTH
    if overlap is not None and not 0 <= overlap < longest:
        raise ValueError(f"overlap must be from 0 to {longest - 1}, below max_length: {overlap}")
    if max_batch_tokens < 1:
        raise ValueError(f"max_batch_tokens must be at least 1: {max_batch_tokens}")
    grad_scaler_config = {"enabled": mixed_precision, **(grad_scaler_config or {})}
    return bertsum_transformer(
        name,
        max_length=max_length,
        overlap=overlap,
        max_batch_tokens=max_batch_tokens,
        mixed_precision=mixed_precision,
        grad_scaler=PyTorchGradScaler(**grad_scaler_config),
        replace_listener=replace_listener,
        replace_listener_cfg=replace_listener_cfg,
    )


def build_sentence_encoder(
    transformer: Model[list[Doc], FullTransformerBatch],
    pooling: Literal["cls", "mean"] = "cls",
    grad_factor: float = 1.0,
    surprisal: bool = False,
) -> Model[list[Doc], list[Floats2d]]:
    """Sentence vectors from an encoder that belongs to this component alone.

    transformer: A BertSumTransformer.
    pooling: What stands for a sentence: its [CLS], as in the paper, or the mean of its pieces. An
        encoder without much pre-training has not learnt to gather a sentence at its [CLS].
    grad_factor: Multiplies the gradients that reach the encoder; 0 freezes it.
    surprisal: Puts features beside the vector that weigh the sentence's pieces by how rare they
        are, see `spacy_bertsum.surprisal`. Needs a Unigram tokenizer, like XLM-R's.
    """
    if pooling not in ("cls", "mean"):
        raise ValueError(f'pooling must be "cls" or "mean", not {pooling!r}')
    return sentence_encoder(transformer, pooling, grad_factor, surprisal)


def build_sentence_listener(
    upstream: str = "*", grad_factor: float = 1.0
) -> Model[list[Doc], list[Floats2d]]:
    """Sentence vectors from a ``transformer`` pipe that other components use as well.

    upstream: The name of that pipe, whose model must be a BertSumTransformer; "*" means any.
    grad_factor: Multiplies the gradients that this component sends upstream.
    """
    from .layers.listener import SentenceListener

    return SentenceListener(upstream, grad_factor)


def build_sentence_pooling(
    tok2vec: Model[list[Doc], list[Floats2d]],
    pooling: Model[Ragged, Floats2d] | None = None,
) -> Model[list[Doc], list[Floats2d]]:
    """Sentence vectors pooled from the token vectors of any tok2vec: a CNN, a listener.

    pooling: By default their mean.
    """
    return sentence_pooling(tok2vec, pooling or reduce_mean())


def build_token_encoder(
    transformer: Model[list[Doc], FullTransformerBatch],
    pooling: Model[Ragged, Floats2d],
    grad_factor: float = 1.0,
) -> Model[list[Doc], list[Floats2d]]:
    """Token vectors of a BertSumTransformer that belongs to this component alone: what
    spacy-transformers' TransformerListener becomes when its listener is replaced."""
    from spacy_transformers.layers.trfs2arrays import trfs2arrays

    from .layers.shared import token_encoder

    return chain(token_encoder(transformer), trfs2arrays(pooling, grad_factor))


def build_salience() -> Model[list[Doc], list[Floats2d]]:
    """Position, length, centrality and layout of each sentence: see `spacy_bertsum.salience` and
    `spacy_bertsum.layout`."""
    return salience_layer()


def build_linear_head() -> Model[list[Floats2d], list[Floats1d]]:
    """The paper's simple classifier: one linear layer, each sentence by itself."""
    return wrap_head(heads.LinearHead)


def build_inter_sentence_transformer(
    width: int | None = None,
    depth: int = 2,
    n_heads: int = 8,
    n_hidden: int = 2048,
) -> Model[list[Floats2d], list[Floats1d]]:
    """The paper's best layer: a transformer over all sentences of the document.

    width: By default that of the sentence vectors; n_heads must divide it.
    depth: The number of layers.
    n_hidden: The width of their feed-forward networks.
    RAISES: ValueError if one of them is below 1.
    """
    _check_sizes(width=width, depth=depth, n_heads=n_heads, n_hidden=n_hidden)
    return wrap_head(
        heads.InterSentenceTransformer,
        width=width,
        depth=depth,
        n_heads=n_heads,
        n_hidden=n_hidden,
    )


def build_recurrent_head(
    width: int | None = None, depth: int = 1
) -> Model[list[Floats2d], list[Floats1d]]:
    """The paper's recurrent layer: an LSTM over the sentences, here in both directions.

    width: Of the hidden state in each direction; by default that of the sentence vectors.
    RAISES: ValueError if one of them is below 1.
    """
    _check_sizes(width=width, depth=depth)
    return wrap_head(heads.RecurrentHead, width=width, depth=depth)


def build_fine_grained(
    width: int | None = None,
    depth: int = 2,
    n_heads: int = 8,
    n_hidden: int = 2048,
) -> Model[list[Floats2d], list[Floats1d]]:
    """Two towers: bidirectional sentence vectors ⊕ those of a causal transformer over the same
    sentences. The settings are those of InterSentenceTransformer, for each tower."""
    _check_sizes(width=width, depth=depth, n_heads=n_heads, n_hidden=n_hidden)
    return wrap_head(
        heads.FineGrained,
        width=width,
        depth=depth,
        n_heads=n_heads,
        n_hidden=n_hidden,
    )


def _check_sizes(**sizes: int | None) -> None:
    for name, size in sizes.items():
        if size is not None and size < 1:
            raise ValueError(f"{name} must be at least 1, not {size}")


def replace_listener(transformer: Model, listener: Model, pipe: Any) -> Model:
    """What takes a listener's place when a component gets a copy of the shared encoder."""
    from .layers.listener import SentenceListener
    from .layers.shared import token_encoder

    if isinstance(listener, SentenceListener):
        return sentence_encoder(transformer, "cls", listener.attrs["grad_factor"])
    return token_encoder(transformer)


def replace_listener_cfg(transformer_cfg: dict, listener_cfg: dict) -> dict:
    """The config of the layer that `replace_listener` makes."""
    if listener_cfg["@architectures"].startswith("spacy-bertsum.SentenceListener"):
        result = {"@architectures": "spacy-bertsum.SentenceEncoder.v1"}
    else:
        result = {
            "@architectures": "spacy-bertsum.TokenEncoder.v1",
            "pooling": listener_cfg["pooling"],
        }
    if "grad_factor" in listener_cfg:
        result["grad_factor"] = listener_cfg["grad_factor"]
    return {**result, "transformer": transformer_cfg}

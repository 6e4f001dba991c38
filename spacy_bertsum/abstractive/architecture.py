"""The registered architectures of encoder-decoders."""

from collections.abc import Sequence

from thinc.api import Model

from .settings import Pair, Request


def build_seq2seq(
    name: str | None = None,
    names: dict[str, str] | None = None,
    prefix: str | None = None,
    max_length: int | None = None,
    max_batch_tokens: int = 4096,
    label_smoothing: float = 0.1,
    mixed_precision: bool = False,
) -> Model[Request | Sequence[Pair], list]:
    """An encoder-decoder of the transformers library, loaded on ``initialize`` or on first use.

    name: A checkpoint by hub name or directory. With {source} and {target} in it (ISO 639-1
        codes), a checkpoint for each pair of languages, such as
        "Helsinki-NLP/opus-mt-{source}-{target}".
    names: Instead of a name, a table of pairs: {"de-en": name or directory}.
    prefix: Text before every input, with {source}, {target} (codes), {source_name} or
        {target_name} (English names) in it. By default that of the checkpoint's config.
    max_length: The most word pieces of an input; by default what the checkpoint can take. Longer
        texts become several inputs.
    max_batch_tokens: The most word pieces, padding included, that enter the encoder at once.
    label_smoothing: In training, the share of each reference piece's probability that is spread
        over all others; at least 0 and less than 1.
    mixed_precision: Whether to train in bfloat16, on a GPU or a CPU that has instructions for it.
    """
    if (name is None) == (not names):
        raise ValueError("spacy-bertsum.Seq2Seq.v1 needs either a name or names, a table of pairs")
    _check_training(max_batch_tokens, label_smoothing)
    # spaCy imports the factory next door for every pipeline: torch waits until it is needed.
    from .checkpoint import Seq2SeqShim
    from .generation import seq2seq

    return seq2seq(
        Seq2SeqShim(name and str(name), names, prefix=prefix, mixed_precision=mixed_precision),
        max_length=max_length,
        max_batch_tokens=max_batch_tokens,
        label_smoothing=label_smoothing,
    )


def build_encoder_decoder(
    encoder: str,
    langs: list[str],
    n_layers: int = 6,
    n_heads: int = 8,
    n_hidden: int = 2048,
    n_positions: int = 512,
    dropout: float = 0.1,
    max_length: int | None = None,
    max_batch_tokens: int = 4096,
    label_smoothing: float = 0.1,
    mixed_precision: bool = False,
) -> Model[Request | Sequence[Pair], list]:
    """An encoder with a new decoder, to be trained: BertSumAbs of Liu & Lapata (2019,
    https://aclanthology.org/D19-1387), or BertSumExtAbs, if it is the encoder of a trained
    `bertsum`, over a passage with one [CLS].

    The decoder is a transformer as wide as the encoder and starts with its word vectors. It is
    told what language to write by the token that it starts from, so one model writes all of them.

    encoder: A checkpoint by hub name or directory; or a trained bertsum, by the name of a model
        that comes with the package or the directory of a pipeline.
    langs: Codes of the languages it is to write.
    n_layers: Layers of the decoder.
    n_heads: Its attention heads, which must divide its width.
    n_hidden: Width of its feed-forward layers.
    n_positions: The most word pieces it can write.
    dropout: Of the decoder; the encoder keeps that of its config.
    max_length, max_batch_tokens, label_smoothing, mixed_precision: As in Seq2Seq.
    """
    _check_training(max_batch_tokens, label_smoothing)
    from .encoder_decoder import EncoderDecoderShim, check_langs
    from .generation import seq2seq

    shim = EncoderDecoderShim(
        str(encoder),
        mixed_precision,
        langs=check_langs(langs),
        n_layers=n_layers,
        n_heads=n_heads,
        n_hidden=n_hidden,
        n_positions=n_positions,
        dropout=dropout,
    )
    return seq2seq(
        shim,
        max_length=max_length,
        max_batch_tokens=max_batch_tokens,
        label_smoothing=label_smoothing,
    )


def _check_training(max_batch_tokens: int, label_smoothing: float) -> None:
    if max_batch_tokens < 1:
        raise ValueError(
            f"max_batch_tokens must be an integer of at least 1, not {max_batch_tokens}"
        )
    if not 0 <= label_smoothing < 1:
        raise ValueError(
            f"label_smoothing must be at least 0 and less than 1, not {label_smoothing}"
        )

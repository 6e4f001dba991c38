"""The registered architecture of encoder-decoders."""

from thinc.api import Model

from .settings import Request


def build_seq2seq(
    name: str | None = None,
    names: dict[str, str] | None = None,
    prefix: str | None = None,
    max_length: int | None = None,
    max_batch_tokens: int = 4096,
) -> Model[Request, list[str]]:
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
    """
    if (name is None) == (not names):
        raise ValueError("spacy-bertsum.Seq2Seq.v1 needs either a name or names, a table of pairs")
    if max_batch_tokens < 1:
        raise ValueError(
            f"max_batch_tokens must be an integer of at least 1, not {max_batch_tokens}"
        )
    # spaCy imports the factory next door for every pipeline: torch waits until it is needed.
    from .checkpoint import Seq2SeqShim
    from .generation import seq2seq

    shim = Seq2SeqShim(name and str(name), names, prefix=prefix)
    return seq2seq(shim, max_length=max_length, max_batch_tokens=max_batch_tokens)

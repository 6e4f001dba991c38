"""BERTSUM's abstractive model: an encoder that is there already, and a new decoder."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from transformers import BertConfig, BertLMHeadModel, EncoderDecoderModel, PreTrainedModel

from ..codes import normalize
from ..layers.checkpoints import to_transformers
from ..layers.encoder_shim import EncoderShim
from ..pretrained import find_model, load_model
from .checkpoint import ALL, Checkpoint, Seq2SeqShim


class EncoderDecoderShim(Seq2SeqShim):
    """An encoder-decoder that is made on ``initialize``; see `make_checkpoint`."""

    def __init__(self, encoder: str, mixed_precision: bool, **decoder: Any):
        super().__init__(encoder, None, mixed_precision=mixed_precision)
        self.decoder = decoder

    @property
    def is_pattern(self) -> bool:
        return False

    def load(self) -> None:
        self._keep(ALL, make_checkpoint(self.name, **self.decoder, **self.languages))


def make_checkpoint(
    encoder: str,
    *,
    langs: Sequence[str],
    n_layers: int,
    n_heads: int,
    n_hidden: int,
    n_positions: int,
    dropout: float,
    **languages: Any,
) -> Checkpoint:
    """Put a new decoder on an encoder; see `spacy_bertsum.abstractive.architecture`.

    The decoder is as wide as the encoder and starts with the encoder's word vectors, as in
    Liu & Lapata (2019). Every language has a token, "<2de>", that starts the decoder.

    RAISES: ValueError if there is no such encoder, or the number of heads doesn't divide its width.
    """
    model, tokenizer = _load_encoder(encoder)
    width = model.config.hidden_size
    if width % n_heads:
        raise ValueError(f"n_heads = {n_heads} does not divide the encoder's width, {width}")
    tokenizer = deepcopy(tokenizer)
    if tokenizer.eos_token is None:
        tokenizer.eos_token = tokenizer.sep_token
    tokens = [f"<2{lang}>" for lang in langs]
    tokenizer.add_special_tokens({"additional_special_tokens": tokens})
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        num_hidden_layers=n_layers,
        num_attention_heads=n_heads,
        intermediate_size=n_hidden,
        max_position_embeddings=n_positions,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        type_vocab_size=1,
        pad_token_id=tokenizer.pad_token_id,
        is_decoder=True,
        add_cross_attention=True,
    )
    decoder = BertLMHeadModel(config)
    _copy_words(model, decoder)
    both = EncoderDecoderModel(encoder=model, decoder=decoder)
    start = tokenizer.convert_tokens_to_ids(tokens[0])
    silent = sorted(set(tokenizer.all_special_ids) - {tokenizer.eos_token_id})
    for settings in (both.config, both.generation_config):
        settings.decoder_start_token_id = start
        settings.pad_token_id = tokenizer.pad_token_id
        settings.eos_token_id = tokenizer.eos_token_id
    # Nothing but text and its end is ever written.
    both.generation_config.suppress_tokens = silent
    both.config.vocab_size = len(tokenizer)
    return Checkpoint(both, tokenizer, **languages)


def check_langs(langs: Sequence[str]) -> list[str]:
    """Language codes in their usual form.

    RAISES: ValueError if there are none, or one is no code.
    """
    if not langs or isinstance(langs, str):
        raise ValueError('langs must be a list of language codes such as ["de", "en"]')
    return list(dict.fromkeys(map(normalize, langs)))


def _load_encoder(name: str) -> tuple[PreTrainedModel, Any]:
    """An encoder and its tokenizer: that of a trained bertsum, or a checkpoint."""
    path = find_model(name)
    if path is None:
        shim = EncoderShim()
        shim.load(name)
    else:
        _, trained = load_model(path)
        shims = [shim for layer in trained.walk() for shim in layer.shims]
        shim = next((shim for shim in shims if isinstance(shim, EncoderShim)), None)
        if shim is None:
            raise ValueError(f"The bertsum model in '{path}' has no encoder of its own")
    return to_transformers(shim._model.encoder), shim.tokenizer


def _copy_words(encoder: PreTrainedModel, decoder: PreTrainedModel) -> None:
    words = encoder.get_input_embeddings().weight
    own = decoder.get_input_embeddings().weight
    # A factorized table (ALBERT) is of another width.
    if words.shape[1] == own.shape[1]:
        n = min(len(words), len(own))
        with torch.no_grad():
            own[:n] = words[:n]

"""Checkpoint directories of encoders: what the transformers library reads and writes.

A directory of the usual kind is read without that library's models, whose import takes longer than
all the rest of loading a pipeline.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from huggingface_hub import save_torch_state_dict
from torch import nn

from .bert import Bert, is_bert
from .int8 import INT8, make_room
from .padded import PaddedEncoder

CONFIG = "config.json"
# msgpack holds at most 2 GiB in one value.
_MAX_SHARD_SIZE = "1GB"
# How checkpoints with more than the encoder name its weights.
_PREFIXES = ("", "bert.", "roberta.")


def load_checkpoint(name: str | Path) -> tuple[nn.Module, Any]:
    """Load an encoder by the name it has on a hub, or by its directory.

    RETURNS: A `Bert` or a `PaddedEncoder`, with weights in float32, and its tokenizer.
    RAISES: ValueError if there is no such checkpoint, or its tokenizer is not a fast one.
    """
    try:
        tokenizer = _load_tokenizer(Path(name))
        config = _read_json(Path(name) / CONFIG) or _ask_transformers(name).to_dict()
    except (OSError, ValueError) as error:
        raise ValueError(
            f"Can't load the encoder '{name}': it is neither the directory of a checkpoint "
            f"(config.json, model.safetensors, tokenizer.json) nor a model that could be "
            f"downloaded. {error}"
        ) from error
    if not tokenizer.is_fast:
        raise ValueError(
            f"The tokenizer of '{name}' ({type(tokenizer).__name__}) is not a fast one. "
            "bertsum needs a tokenizer.json: convert the tokenizer with "
            "transformers.convert_slow_tokenizer, or install what AutoTokenizer needs for it "
            "(often sentencepiece)."
        )
    # Whatever they are stored in, weights are computed with in single precision.
    config["torch_dtype"] = "float32"
    state = _read_state(Path(name))
    if is_bert(config):
        return _load_bert(config, state) or _convert(config, _load_model(name)), tokenizer
    model = _load_model(name) if not config.get(INT8) else _load_int8(config, state)
    return PaddedEncoder(model, tokenizer.pad_token_id or 0), tokenizer


def save_checkpoint(encoder: nn.Module, tokenizer: Any, folder: str | Path) -> None:
    """Write an ordinary checkpoint directory."""
    if isinstance(encoder, Bert):
        state = {name: t.contiguous() for name, t in encoder.state_dict().items()}
        save_torch_state_dict(state, folder, max_shard_size=_MAX_SHARD_SIZE)
        text = json.dumps(vars(encoder.config), indent=2, sort_keys=True)
        (Path(folder) / CONFIG).write_text(text + "\n", encoding="utf-8")
    else:
        encoder.model.save_pretrained(folder, max_shard_size=_MAX_SHARD_SIZE)
    tokenizer.save_pretrained(folder)


def to_transformers(encoder: nn.Module) -> nn.Module:
    """An encoder as a model of the transformers library, with a pooler where its class has one."""
    from transformers import AutoConfig, AutoModel

    source = encoder if isinstance(encoder, Bert) else encoder.model
    config = source.config
    if isinstance(encoder, Bert):
        # By way of from_dict, which makes integers of the keys of pruned_heads.
        config = type(AutoConfig.for_model(config.model_type)).from_dict(vars(config))
    model = AutoModel.from_config(config, torch_dtype=torch.float32)
    model.load_state_dict(source.state_dict(), strict=False)
    return model


def _load_tokenizer(name: Path) -> Any:
    settings = _read_json(name / "tokenizer_config.json")
    is_plain = settings.get("tokenizer_class") == "PreTrainedTokenizerFast"
    if is_plain and (name / "tokenizer.json").is_file():
        from transformers import PreTrainedTokenizerFast

        return PreTrainedTokenizerFast.from_pretrained(name)
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(name)


def _read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _ask_transformers(name: str | Path) -> Any:
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(name)


def _read_state(folder: Path) -> dict[str, torch.Tensor]:
    """The weights in a directory's safetensors, floating-point numbers in single precision."""
    state: dict[str, torch.Tensor] = {}
    for path in sorted(folder.glob("model*.safetensors")):
        state.update(safetensors.torch.load_file(path))
    return {name: t.float() if t.is_floating_point() else t for name, t in state.items()}


def _load_bert(config: dict[str, Any], state: dict[str, torch.Tensor]) -> Bert | None:
    """None if the weights are not there, or not under the names that they have today."""
    with torch.device("meta"):
        encoder = Bert(config)
        if config.get(INT8):
            make_room(encoder)
    for prefix in _PREFIXES:
        if all(prefix + name in state for name in encoder.state_dict()):
            own = {name: state[prefix + name] for name in encoder.state_dict()}
            encoder.load_state_dict(own, assign=True)
            return encoder
    return None


def _load_model(name: str | Path) -> nn.Module:
    from transformers import MODEL_MAPPING, AutoModel

    config = _ask_transformers(name)
    # Nothing uses BERT's pooler, and checkpoints often lack its weights.
    names = MODEL_MAPPING[type(config)].__init__.__code__.co_varnames
    without_pooler = {"add_pooling_layer": False} if "add_pooling_layer" in names else {}
    with _without_warnings():
        return AutoModel.from_pretrained(
            name, config=config, torch_dtype=torch.float32, **without_pooler
        )


def _convert(config: dict[str, Any], model: nn.Module) -> Bert:
    with torch.device("meta"):
        encoder = Bert(config)
    state = model.state_dict()
    encoder.load_state_dict({name: state[name] for name in encoder.state_dict()}, assign=True)
    return encoder


def _load_int8(config: dict[str, Any], state: dict[str, torch.Tensor]) -> nn.Module:
    from transformers import AutoConfig, AutoModel

    model = AutoModel.from_config(AutoConfig.for_model(**config))
    make_room(model)
    model.load_state_dict(state, strict=False)
    return model


@contextmanager
def _without_warnings() -> Iterator[None]:
    """transformers warns of every weight left unused; of BERT's pooler that is what we want."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)

"""Encoder-decoders of the transformers library inside a thinc model.

They are built late, like the encoders of `spacy_bertsum.layers.shim`: from ``initialize``, or from
the files of a trained pipeline.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import srsly
import torch
from thinc.api import get_torch_default_device
from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoTokenizer

from ..layers.shim import LateShim
from . import codes
from .languages import Direction, Languages, unsupported

# msgpack holds at most 2 GiB in one value.
_MAX_SHARD_SIZE = "1GB"
# Of an input, in word pieces, for a checkpoint that doesn't say.
DEFAULT_MAX_LENGTH = 512
# What the one checkpoint that knows all languages goes by; else pairs like "de-en".
ALL = "all"
_INDEX = "checkpoints.json"


class Checkpoint:
    """An encoder-decoder, its tokenizer and its languages.

    languages: Keyword arguments of `Languages`.
    RAISES: ValueError if there is no such checkpoint, or its tokenizer needs another library.
    """

    def __init__(self, name: str | Path, **languages: Any):
        try:
            config = AutoConfig.from_pretrained(name)
            self.tokenizer = AutoTokenizer.from_pretrained(name)
            self.model = AutoModelForSeq2SeqLM.from_pretrained(name, torch_dtype=torch.float32)
        except (OSError, ValueError, ImportError) as error:
            raise ValueError(
                f"Can't load the encoder-decoder '{name}': it is neither the directory of a "
                "checkpoint (config.json, model.safetensors, tokenizer files) nor a model that "
                "could be downloaded, or its tokenizer needs a library that is not installed: "
                f"M2M100 and Marian need sentencepiece. {error}"
            ) from error
        self.languages = Languages(self.tokenizer, config, **languages)
        self._directions: dict[tuple[str, str], Direction] = {}
        unk = self.tokenizer.unk_token_id
        self._unk = self.tokenizer.pad_token_id if unk is None else unk
        self._reserved = frozenset(self.tokenizer.all_special_ids) - {self._unk}

    def direction(self, source: str, target: str) -> Direction:
        """How to go from one language to another; ValueError if the checkpoint can't."""
        key = (source, target)
        if key not in self._directions:
            self._directions[key] = self.languages.direction(source, target)
        return self._directions[key]

    def encode(self, texts: list[str]) -> list[list[int]]:
        """The word pieces of texts, without special ones: what a text spells like these is
        unknown."""
        if not texts:
            return []
        rows = self.tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
        reserved, unk = self._reserved, self._unk
        return [[unk if i in reserved else i for i in row] for row in rows]

    def max_input(self) -> int:
        """The longest input, special pieces included."""
        config = getattr(self.model.config, "encoder", self.model.config)
        limits = [self.tokenizer.model_max_length, _positions(config, self.model.get_encoder())]
        limit = min(limits)
        return DEFAULT_MAX_LENGTH if limit > 1e6 else limit

    def max_output(self) -> int:
        """The longest output, special pieces included."""
        config = getattr(self.model.config, "decoder", self.model.config)
        return min(_positions(config, self.model.get_decoder()), 1024)

    def default_output(self, direction: Direction, n_input: int) -> int:
        """The longest output where no setting says."""
        # 20 is what transformers says where a checkpoint says nothing.
        own = self.model.generation_config.max_length
        own = 128 if own in (None, 20) else own
        return max(own, 2 * n_input + 32) if direction.is_translation else own

    def save(self, folder: str | Path) -> None:
        """Write an ordinary checkpoint directory."""
        self.model.save_pretrained(folder, max_shard_size=_MAX_SHARD_SIZE)
        self.tokenizer.save_pretrained(folder)


def _positions(config: Any, module: Any) -> int:
    """The number of positions a side of the model has; past any text if it counts none."""
    positions = getattr(config, "max_position_embeddings", None)
    if not positions or positions < 0:
        return int(1e30)
    # RoBERTa counts positions from the padding index on.
    table = getattr(getattr(module, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return positions if padding is None else positions - padding - 1


class Seq2SeqShim(LateShim):
    """One encoder-decoder for all languages, or one for each pair of languages.

    name: A checkpoint by hub name or directory; with {source} and {target} in it, a checkpoint for
        each pair, loaded when the pair is first needed.
    names: A table of pairs instead: {"de-en": name or directory}.
    languages: Keyword arguments of `Languages`.
    """

    def __init__(self, name: str | None, names: Mapping[str, str] | None, **languages: Any):
        super().__init__()
        self.name = name
        self.names = {_pair_key(*_split(pair)): str(path) for pair, path in (names or {}).items()}
        self.languages = languages
        self.checkpoints: dict[str, Checkpoint] = {}
        # Of a loaded pipeline: no hub is asked for what it did not bring along.
        self.is_closed = False

    @property
    def is_pattern(self) -> bool:
        return self.name is not None and ("{source}" in self.name or "{target}" in self.name)

    def load(self) -> None:
        """Load all checkpoints that are known by now."""
        if self.names:
            for key, name in self.names.items():
                self._add(key, name)
        elif not self.is_pattern:
            self._add(ALL, self.name)

    def _add(self, key: str, name: str | Path) -> None:
        pair = None if key == ALL else _split(key)
        checkpoint = Checkpoint(name, pair=pair, **self.languages)
        checkpoint.model.eval().to(get_torch_default_device())
        self.checkpoints[key] = checkpoint
        # What the optimizer, and moving between devices, go over.
        self._model = torch.nn.ModuleDict({k: c.model for k, c in self.checkpoints.items()})

    def get(self, source: str, target: str) -> Checkpoint:
        """The checkpoint for a pair of languages; ValueError if there is none."""
        if not self.checkpoints and not self.is_closed:
            self.load()
        if ALL in self.checkpoints:
            return self.checkpoints[ALL]
        key = _pair_key(source, target)
        if key not in self.checkpoints:
            if not self.is_pattern or self.is_closed:
                raise self._no_pair(source, target)
            name = self.name.format(source=codes.base(source), target=codes.base(target))
            self._add(key, name)
        return self.checkpoints[key]

    def _no_pair(self, source: str, target: str) -> ValueError:
        pairs = ", ".join(sorted(self.checkpoints)) or "none"
        return ValueError(
            f"There is no checkpoint to go from '{source}' to '{target}'. Pairs there are: {pairs}"
            ". Add one to names; a loaded pipeline has those that had been in use when it was "
            "saved."
        )

    def check_target(self, target: str) -> None:
        """Raise ValueError if no text could be written in a language."""
        if not self.checkpoints:
            return
        known = [checkpoint.languages.targets() for checkpoint in self.checkpoints.values()]
        if self.is_pattern and not self.is_closed:
            return
        if None not in known:
            supported = {lang for langs in known for lang in langs}
            if codes.base(target) not in map(codes.base, supported):
                raise unsupported("write", target, supported)

    def save(self, folder: str | Path) -> None:
        """Write a directory for each checkpoint, and which these are: others may be there."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        srsly.write_json(folder / _INDEX, sorted(self.checkpoints))
        for key, checkpoint in self.checkpoints.items():
            checkpoint.save(folder / key)

    def restore(self, folder: str | Path) -> None:
        """Load what `save` wrote."""
        self.checkpoints = {}
        for key in srsly.read_json(Path(folder) / _INDEX):
            self._add(key, Path(folder) / key)
        self.is_closed = bool(self.checkpoints)

    def to_bytes(self) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            self.save(folder)
            files = {
                path.relative_to(folder).as_posix(): path.read_bytes()
                for path in sorted(Path(folder).rglob("*"))
                if path.is_file()
            }
        return srsly.msgpack_dumps(files)

    def from_bytes(self, data: bytes) -> "Seq2SeqShim":
        # Windows can't delete a file that is still mapped into memory.
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            for name, content in srsly.msgpack_loads(data).items():
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            self.restore(folder)
        return self


def _split(pair: str) -> tuple[str, str]:
    source, separator, target = pair.partition("-")
    if not (source and separator and target):
        raise ValueError(f"A pair of languages is written like 'de-en', not {pair!r}")
    return source, target


def _pair_key(source: str, target: str) -> str:
    return f"{codes.base(source)}-{codes.base(target)}"

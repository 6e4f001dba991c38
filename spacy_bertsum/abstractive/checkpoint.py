"""Encoder-decoders of the transformers library inside a thinc model.

They are built late, like the encoders of `spacy_bertsum.layers.shim`: from ``initialize``, or from
the files of a trained pipeline.
"""

import tempfile
from collections.abc import Iterable, Mapping
from itertools import repeat
from pathlib import Path
from typing import Any

import srsly
import torch
from thinc.api import Optimizer, get_torch_default_device
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, PreTrainedModel

from .. import codes
from ..layers.precision import has_bfloat16
from ..layers.shim import LateShim
from .languages import Direction, Languages, unsupported
from .settings import DEFAULT_MAX_OUTPUT

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
    """

    def __init__(self, model: PreTrainedModel, tokenizer: Any, **languages: Any):
        self.model = model
        self.tokenizer = tokenizer
        self.languages = Languages(self.tokenizer, model.config, **languages)
        self._directions: dict[tuple[str, str], Direction] = {}
        unk = self.tokenizer.unk_token_id
        self.unk: int = self.tokenizer.pad_token_id if unk is None else unk
        self._reserved = frozenset(self.tokenizer.all_special_ids) - {self.unk}

    @classmethod
    def load(cls, name: str | Path, **languages: Any) -> "Checkpoint":
        """Load a checkpoint by the name it has on a hub, or by its directory.

        RAISES: ValueError if there is no such checkpoint, or its tokenizer needs another library.
        """
        try:
            tokenizer = AutoTokenizer.from_pretrained(name)
            model = AutoModelForSeq2SeqLM.from_pretrained(name, torch_dtype=torch.float32)
        except (OSError, ValueError, ImportError) as error:
            raise ValueError(
                f"Can't load the encoder-decoder '{name}': it is neither the directory of a "
                "checkpoint (config.json, model.safetensors, tokenizer files) nor a model that "
                "could be downloaded, or its tokenizer needs a library that is not installed: "
                f"M2M100 and Marian need sentencepiece. {error}"
            ) from error
        return cls(model, tokenizer, **languages)

    def direction(self, source: str, target: str) -> Direction:
        """How to go from one language to another; ValueError if the checkpoint can't."""
        key = (source, target)
        if key not in self._directions:
            self._directions[key] = self.languages.direction(source, target)
        return self._directions[key]

    def encode(self, texts: list[str]) -> list[list[int]]:
        """The word pieces of texts, without special ones: what a text spells like these is
        unknown."""
        return self._encode(text=texts) if texts else []

    def count(self, text: str) -> int:
        """How many they are."""
        return len(self.encode([text])[0])

    def encode_target(self, texts: list[str]) -> list[list[int]]:
        """The word pieces of texts to be written; Marian's are not those of texts to be read."""
        # Tokenizers that are told the language have one vocabulary, and want to be told first.
        field = "text" if hasattr(self.tokenizer, "tgt_lang") else "text_target"
        return self._encode(**{field: texts}) if texts else []

    def _encode(self, **texts: list[str]) -> list[list[int]]:
        rows = self.tokenizer(**texts, add_special_tokens=False, verbose=False)["input_ids"]
        reserved, unk = self._reserved, self.unk
        return [[unk if i in reserved else i for i in row] for row in rows]

    @property
    def start(self) -> int:
        """The id that starts the decoder where the language doesn't."""
        start = self.model.generation_config.decoder_start_token_id
        return self.model.config.decoder_start_token_id if start is None else start

    def pad(self, rows: list[list[int]]) -> dict[str, torch.Tensor]:
        """Rows of ids as a batch on the model's device."""
        width = max(map(len, rows))
        pad = self.tokenizer.pad_token_id
        ids = torch.tensor([row + [pad] * (width - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
        device = self.model.device
        return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}

    def max_input(self) -> int:
        """The longest input, special pieces included."""
        config = getattr(self.model.config, "encoder", self.model.config)
        limits = [self.tokenizer.model_max_length, _positions(config, self.model.get_encoder())]
        limit = min(limits)
        return DEFAULT_MAX_LENGTH if limit > 1e6 else limit

    def max_output(self) -> int:
        """The longest output that there are positions for, special pieces included."""
        config = getattr(self.model.config, "decoder", self.model.config)
        # LED alone names those of its decoder.
        own = getattr(config, "max_decoder_position_embeddings", None)
        return own or _positions(config, self.model.get_decoder())

    def check_output(self, max_length: int | None) -> None:
        """Raise ValueError if a setting asks for more than there are positions for."""
        limit = self.max_output()
        if max_length is not None and max_length > limit:
            raise ValueError(
                f"max_length must be at most {limit}, the word pieces that this checkpoint can "
                f"write, not {max_length}"
            )

    def default_output(self, direction: Direction, n_input: int) -> int:
        """The longest output where no setting says."""
        # 20 is what transformers says where a checkpoint says nothing.
        own = self.model.generation_config.max_length
        own = 128 if own in (None, 20) else own
        wanted = max(own, 2 * n_input + 32) if direction.is_translation else own
        return min(wanted, self.max_output(), DEFAULT_MAX_OUTPUT)

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
    mixed_precision: In training, bfloat16 on a processor or GPU that has instructions for it.
    languages: Keyword arguments of `Languages`.
    """

    def __init__(
        self,
        name: str | None,
        names: Mapping[str, str] | None,
        *,
        mixed_precision: bool = False,
        **languages: Any,
    ):
        # bfloat16 needs no scaling of gradients, which is all that thinc's flag is about.
        super().__init__()
        self._use_bfloat16 = mixed_precision
        self._encoder_rate: EncoderRate | None = None
        self.name = name
        self.names = {_pair_key(*_split(pair)): str(path) for pair, path in (names or {}).items()}
        self.languages = languages
        self.checkpoints: dict[str, Checkpoint] = {}
        # Of a loaded pipeline: no hub is asked for what it did not bring along.
        self.is_closed = False

    def autocast(self) -> torch.autocast:
        """The precision of the forward pass in training."""
        on_gpu = self.device.type == "cuda"
        has_it = torch.cuda.is_bf16_supported(False) if on_gpu else has_bfloat16()
        enabled = self._use_bfloat16 and has_it
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    def train(self) -> None:
        """Turn dropout on."""
        for checkpoint in self.checkpoints.values():
            checkpoint.model.train()

    def set_encoder_rate(self, schedule: float | Iterable[float] | None) -> None:
        """Give the encoder a learning rate of its own; None: that of the optimizer."""
        self._encoder_rate = None if schedule is None else EncoderRate(schedule)

    def learn_rate(self, parameter: str, optimizer: Optimizer) -> float:
        _, side, *_ = _inside(parameter)
        if self._encoder_rate is None or side != "encoder":
            return optimizer.learn_rate
        # The optimizer's own count goes on where training is resumed.
        return self._encoder_rate.at(optimizer.nr_update[self.id, parameter] + 1)

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
        self._keep(key, Checkpoint.load(name, pair=pair, **self.languages))

    def _keep(self, key: str, checkpoint: Checkpoint) -> None:
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


class EncoderRate:
    """A schedule that can be asked for the rate of any step that is not behind the last one.

    schedule: A rate, or one for each step; after its end the last one holds.
    """

    def __init__(self, schedule: float | Iterable[float]):
        self._rates = repeat(schedule) if isinstance(schedule, int | float) else iter(schedule)
        self._step = 0
        self._rate = 0.0

    def __getstate__(self) -> dict[str, Any]:
        # A generator can't go to another process of nlp.pipe, which doesn't train.
        return {**vars(self), "_rates": iter(())}

    def at(self, step: int) -> float:
        """The rate of a step, from 1 on."""
        while self._step < step:
            self._rate = float(next(self._rates, self._rate))
            self._step += 1
        return self._rate


def _inside(parameter: str) -> list[str]:
    """The name of a parameter in its model, without what families wrap their two sides in."""
    key, *path = parameter.split(".")
    return [key, *(path[1:] if path[0] == "model" else path)]


def _split(pair: str) -> tuple[str, str]:
    source, separator, target = pair.partition("-")
    if not (source and separator and target):
        raise ValueError(f"A pair of languages is written like 'de-en', not {pair!r}")
    return source, target


def _pair_key(source: str, target: str) -> str:
    return f"{codes.base(source)}-{codes.base(target)}"

"""Shims for torch modules: built late, stored as safetensors, no pickle.

A thinc layer tree must have its final shape when it is made, but a torch module can only be built
once its input width, or the checkpoint it comes from, is known. So the shim is there from the start
and its module comes later: from ``initialize`` or from the bytes of a trained pipeline.
"""

import math
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors.torch
import srsly
import torch
from thinc.api import (
    Optimizer,
    PyTorchGradScaler,
    get_torch_default_device,
    torch2xp,
    xp2torch,
)
from thinc.shims import PyTorchShim
from thinc.types import ArgsKwargs
from transformers import MODEL_MAPPING, AutoConfig, AutoModel, AutoTokenizer
from transformers.utils import logging

from ..packing import SpecialIds
from . import adam

# msgpack holds at most 2 GiB in one value.
_MAX_SHARD_SIZE = "1GB"


# The threads that torch has started do not survive a fork, and the child waits for them for ever:
# nlp.pipe(n_process=2) hung whenever the parent had used the model before.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


# As torch.cpu.get_capabilities names them on x86 and on ARM.
_BFLOAT16_CAPABILITIES = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")


def has_bfloat16() -> bool:
    """Whether this processor multiplies matrices in bfloat16, and this torch can tell."""
    if not hasattr(torch.cpu, "get_capabilities"):
        return False
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in _BFLOAT16_CAPABILITIES)


class LateShim(PyTorchShim):
    """A shim that has no module yet when it is made.

    mixed_precision: On a GPU float16 with thinc's gradient scaler; on a CPU that has instructions
        for it bfloat16, which needs no scaler; elsewhere nothing. Weights, gradients and what the
        optimizer sees are float32 in any case.
    grad_scaler: The scaler for the GPU; by default thinc's with its own settings.
    """

    def __init__(
        self, *, mixed_precision: bool = False, grad_scaler: PyTorchGradScaler | None = None
    ):
        on_gpu = get_torch_default_device().type == "cuda"
        super().__init__(
            None,
            mixed_precision=mixed_precision and on_gpu,
            grad_scaler=grad_scaler if on_gpu else None,
        )
        self._bfloat16 = mixed_precision and not on_gpu and has_bfloat16()

    @property
    def is_built(self) -> bool:
        return self._model is not None

    def predict(self, inputs: ArgsKwargs) -> Any:
        with torch.autocast("cpu", torch.bfloat16, enabled=self._bfloat16):
            return super().predict(inputs)

    def begin_update(self, inputs: ArgsKwargs) -> tuple[Any, Callable]:
        # It covers the forward pass alone: backprop runs when the caller calls it.
        with torch.autocast("cpu", torch.bfloat16, enabled=self._bfloat16):
            output, backprop = super().begin_update(inputs)

        def backprop_batch(gradients: ArgsKwargs) -> ArgsKwargs:
            # thinc unscales whatever gradient a weight has: those of earlier batches, which
            # accumulate_gradient adds up, would be divided by the scale once more.
            earlier = {p: p.grad for p in self._model.parameters() if p.grad is not None}
            self._model.zero_grad(set_to_none=True)
            result = backprop(gradients)
            for parameter, gradient in earlier.items():
                parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
            return result

        return output, backprop_batch if self._mixed_precision else backprop

    def finish_update(self, optimizer: Optimizer) -> None:
        """Let the optimizer change the weights by their gradients, and drop these.

        thinc's own zeroes gradients instead, to which the next backward pass must then add.
        Raises FloatingPointError, before any weight is changed, if a gradient is not finite.
        """
        parameters = {
            (self.id, name): parameter
            for name, parameter in self._model.named_parameters()
            if parameter.grad is not None
        }
        # On a GPU the scaler looks for such gradients itself, and has the step left out.
        if parameters and not self._grad_scaler.found_inf:
            norms = torch.stack([p.grad.norm() for p in parameters.values()]).tolist()
            if not all(map(math.isfinite, norms)):
                raise FloatingPointError("a gradient is not finite")
            rates = [self.learn_rate(name, optimizer) for _, name in parameters]
            if adam.can_step(optimizer):
                adam.step(optimizer, parameters, norms, rates)
            else:
                for (key, parameter), rate in zip(parameters.items(), rates, strict=True):
                    weights, gradient = torch2xp(parameter.data), torch2xp(parameter.grad)
                    scale = rate / optimizer.learn_rate if optimizer.learn_rate else 0.0
                    weights, _ = optimizer(key, weights, gradient, lr_scale=scale)
                    parameter.data = xp2torch(weights, device=parameter.device)
        self._model.zero_grad(set_to_none=True)
        self._grad_scaler.update()

    def learn_rate(self, parameter: str, optimizer: Optimizer) -> float:
        """The learning rate of a parameter in the next update, by its name."""
        return optimizer.learn_rate

    def to_device(self, device_type: str, device_id: int) -> None:
        if self.is_built:
            super().to_device(device_type, device_id)


class ModuleShim(LateShim):
    """A torch module that is built from a few settings.

    build: Called with the settings to make the module.
    """

    def __init__(self, build: Callable[..., torch.nn.Module]):
        super().__init__()
        self._build = build

    def build(self, **settings: Any) -> None:
        """Make the module; the settings are stored with its weights."""
        self.cfg = settings
        self._model = self._build(**settings).to(get_torch_default_device())

    def to_bytes(self) -> bytes:
        if not self.is_built:
            return srsly.msgpack_dumps({})
        state = {name: t.contiguous() for name, t in self._model.state_dict().items()}
        weights = safetensors.torch.save(state)
        return srsly.msgpack_dumps({"settings": self.cfg, "weights": weights})

    def from_bytes(self, data: bytes) -> "ModuleShim":
        msg = srsly.msgpack_loads(data)
        if msg:
            self.build(**msg["settings"])
            self.load_state(safetensors.torch.load(msg["weights"]))
        return self

    def load_state(self, state: dict[str, torch.Tensor]) -> None:
        """Load weights, of any floating-point type, into the module."""
        self._model.load_state_dict(state)


class EncoderShim(LateShim):
    """An encoder of the transformers library and its tokenizer.

    They are stored as the files of an ordinary checkpoint directory, so loading a trained pipeline
    asks no hub, and any model and tokenizer class that ``from_pretrained`` knows will do.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.tokenizer: Any = None

    @property
    def encoder(self) -> Any:
        """The transformers model."""
        return self._model.encoder

    def load(self, name: str | Path) -> None:
        """Load a checkpoint by the name it has on a hub, or by its directory.

        Raises ValueError if there is no such checkpoint, or its tokenizer is not a fast one.
        """
        try:
            tokenizer = AutoTokenizer.from_pretrained(name)
            config = AutoConfig.from_pretrained(name)
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
        self.tokenizer = tokenizer
        with _without_warnings():
            encoder = AutoModel.from_pretrained(
                name, config=config, torch_dtype=torch.float32, **_without_pooler(config)
            )
        self._model = WindowEncoder(encoder).to(get_torch_default_device())

    def max_length(self) -> int:
        """The longest input the encoder can take, special pieces included."""
        limits = [self.tokenizer.model_max_length]
        positions = getattr(self.encoder.config, "max_position_embeddings", None)
        if positions is not None and positions > 0:
            # RoBERTa counts positions from the padding index on: XLM-R has 514, but 512 usable.
            embeddings = getattr(self.encoder, "embeddings", None)
            table = getattr(embeddings, "position_embeddings", None)
            padding = getattr(table, "padding_idx", None)
            limits.append(positions if padding is None else positions - padding - 1)
        return min(limits)

    def n_segments(self) -> int:
        """The number of segment types; 1 if the encoder has none to tell sentences apart by."""
        return max(1, getattr(self.encoder.config, "type_vocab_size", 1) or 1)

    def special_ids(self) -> SpecialIds:
        return SpecialIds.of(self.tokenizer)

    def to_bytes(self) -> bytes:
        if not self.is_built:
            return srsly.msgpack_dumps({})
        with tempfile.TemporaryDirectory() as folder:
            self.save(folder)
            files = {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}
        return srsly.msgpack_dumps(files)

    def save(self, folder: str | Path) -> None:
        """Write an ordinary checkpoint directory."""
        self.encoder.save_pretrained(folder, max_shard_size=_MAX_SHARD_SIZE)
        self.tokenizer.save_pretrained(folder)

    def from_bytes(self, data: bytes) -> "EncoderShim":
        files = srsly.msgpack_loads(data)
        if files:
            # Windows can't delete a file that is still mapped into memory.
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                for name, content in files.items():
                    (Path(folder) / name).write_bytes(content)
                self.load(folder)
        return self


class WindowEncoder(torch.nn.Module):
    """An encoder over many windows, returning only the vectors that are asked for."""

    def __init__(self, encoder: torch.nn.Module):
        super().__init__()
        self.encoder = encoder

    def forward(
        self, batches: list[tuple[dict[str, torch.Tensor], torch.Tensor]], order: torch.Tensor
    ) -> torch.Tensor:
        """Encode padded batches one after the other.

        batches: The encoder's inputs, each (windows, length), and the rows to take from each
            batch's output once its windows are laid end to end.
        order: The place of every taken row in the result.
        RETURNS: Vectors, (sum of rows, width).
        """
        taken = []
        for inputs, rows in batches:
            hidden = self.encoder(**inputs).last_hidden_state
            taken.append(hidden.flatten(0, 1).index_select(0, rows))
        return torch.cat(taken).float().index_select(0, order)


def _without_pooler(config: Any) -> dict[str, bool]:
    """Leave out BERT's pooler: nothing uses it, and checkpoints often lack its weights."""
    code = MODEL_MAPPING[type(config)].__init__.__code__
    return {"add_pooling_layer": False} if "add_pooling_layer" in code.co_varnames else {}


@contextmanager
def _without_warnings() -> Iterator[None]:
    """transformers warns of every weight left unused; of BERT's pooler that is what we want."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)

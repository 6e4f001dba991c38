"""Shims for torch modules: built late, stored as safetensors, no pickle.

A thinc layer tree must have its final shape when it is made, but a torch module can only be built
once its input width, or the checkpoint it comes from, is known. So the shim is there from the start
and its module comes later: from ``initialize`` or from the bytes of a trained pipeline.
"""

import math
import os
from collections.abc import Callable
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

from . import adam
from .precision import has_bfloat16

# The threads that torch has started do not survive a fork, and the child waits for them for ever:
# nlp.pipe(n_process=2) hung whenever the parent had used the model before.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


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

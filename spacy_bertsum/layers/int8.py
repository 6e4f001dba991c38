"""Encoders in 8-bit integers: weights, and on CPUs that multiply integers the activations too.

Post-training quantization with fixed scales: of a weight matrix one for each output (symmetric), of
an activation one for the whole tensor (affine), taken from the least and greatest value that it has
when it is calibrated (Jacob et al. 2018). So a sentence's vector does not depend on what else is in
the batch, as it would if scales were computed as one goes. oneDNN's kernels are those that
torchinductor calls; where they are missing, weights are unpacked and everything is computed in
floating point.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import inf
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear

from .bert import Bert

# In the config.json of an encoder whose weights are stored so.
INT8 = "int8"
_LEAST, _GREATEST = 0, 255
_INTEGER_CAPABILITIES = ("avx512_vnni", "avx_vnni", "amx_int8")


@cache
def has_kernels() -> bool:
    """Whether this processor multiplies integers faster, and this torch lets it."""
    if not (
        hasattr(torch.cpu, "get_capabilities") and hasattr(torch.ops.onednn, "qlinear_prepack")
    ):
        return False
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in _INTEGER_CAPABILITIES)


@dataclass
class Range:
    """The values that an activation takes."""

    low: float = inf
    high: float = -inf

    def widen(self, values: Tensor) -> None:
        low, high = values.aminmax()
        self.low, self.high = min(self.low, low.item()), max(self.high, high.item())


class Int8Linear(nn.Module):
    """A linear layer in int8, with GELU behind it or without.

    It takes floating-point numbers, or what `prepare` has made of them: so layers with the same
    input share that work.
    """

    def __init__(self, n_in: int, n_out: int, bias: bool = True):
        super().__init__()
        self.register_buffer("weight", torch.zeros(n_out, n_in, dtype=torch.int8))
        self.register_buffer("weight_scale", torch.ones(n_out))
        self.register_buffer("bias", torch.zeros(n_out) if bias else None)
        self.register_buffer("input_scale", torch.ones(()))
        self.register_buffer("input_zero", torch.zeros((), dtype=torch.int32))
        # The layer that takes this one's output behind a GELU.
        self._behind_gelu: list[Int8Linear] = []
        self._forward: Callable[[Tensor], Tensor] | None = None

    @classmethod
    def quantize(cls, layer: nn.Linear, values: Range) -> "Int8Linear":
        """values: What the layer takes."""
        result = cls(layer.in_features, layer.out_features, layer.bias is not None)
        weight = layer.weight.detach()
        result.weight_scale = weight.abs().amax(dim=1).clamp(min=1e-12) / 127
        result.weight = (weight / result.weight_scale[:, None]).round().to(torch.int8)
        result.bias = None if layer.bias is None else layer.bias.detach().clone()
        # Zero must have a code of its own.
        low, high = min(values.low, 0.0), max(values.high, 0.0)
        scale = max(high - low, 1e-12) / (_GREATEST - _LEAST)
        result.input_scale = torch.tensor(scale)
        result.input_zero = torch.tensor(round(-low / scale), dtype=torch.int32)
        return result

    def fuse_gelu(self, following: "Int8Linear") -> None:
        """Let GELU be part of this layer, whose output then is what `following` takes."""
        self._behind_gelu = [following]

    def prepare(self, x: Tensor) -> Tensor:
        """The input in integers; as it is where it is not computed with these."""
        if not (x.device.type == "cpu" and has_kernels()):
            return x
        scale, zero = self.input_scale.item(), self.input_zero.item()
        # Through int8, which torch converts to several times faster than to uint8.
        codes = (x * (1 / scale)).add_(zero - 128).round_().clamp_(-128, 127)
        return codes.to(torch.int8).view(torch.uint8).bitwise_xor_(128)

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype != torch.uint8:
            x = self.prepare(x)
        if self._forward is None:
            self._forward = self._pack() if x.dtype == torch.uint8 else self._unpack()
        return self._forward(x)

    def _pack(self) -> Callable[[Tensor], Tensor]:
        packed = torch.ops.onednn.qlinear_prepack(self.weight, None)
        zeros = torch.zeros(len(self.weight), dtype=torch.int32)
        scale, zero = self.input_scale.item(), self.input_zero.item()
        output: tuple[Any, ...] = (1.0, 0, torch.float32, "none")
        for following in self._behind_gelu:
            codes = following.input_scale.item(), following.input_zero.item()
            output = (*codes, torch.uint8, "gelu")

        def multiply(x: Tensor) -> Tensor:
            return torch.ops.onednn.qlinear_pointwise(
                x, scale, zero, packed, self.weight_scale, zeros, self.bias, *output, [], "none"
            )

        return multiply

    def _unpack(self) -> Callable[[Tensor], Tensor]:
        weight = self.weight.float() * self.weight_scale[:, None]

        def multiply(x: Tensor) -> Tensor:
            y = linear(x, weight.to(x.dtype), self.bias)
            return gelu(y) if self._behind_gelu else y

        return multiply

    def _apply(self, fn: Callable, recurse: bool = True) -> nn.Module:
        self._forward = None
        return super()._apply(fn, recurse)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_forward": None}


class Int8Embedding(nn.Module):
    """Word vectors in int8, with a scale for each."""

    def __init__(self, n: int, width: int):
        super().__init__()
        self.register_buffer("weight", torch.zeros(n, width, dtype=torch.int8))
        self.register_buffer("scale", torch.ones(n))

    @classmethod
    def quantize(cls, layer: nn.Embedding) -> "Int8Embedding":
        result = cls(*layer.weight.shape)
        weight = layer.weight.detach()
        result.scale = weight.abs().amax(dim=1).clamp(min=1e-12) / 127
        result.weight = (weight / result.scale[:, None]).round().to(torch.int8)
        return result

    def forward(self, ids: Tensor) -> Tensor:
        return self.weight[ids].float() * self.scale[ids].unsqueeze(-1)


def is_int8(module: nn.Module) -> bool:
    return any(isinstance(child, Int8Linear) for child in module.modules())


def quantize(encoder: nn.Module, calibrate: Callable[[], Any]) -> None:
    """Turn the linear layers of an encoder, and of a `Bert` the word vectors, into int8.

    encoder: A `Bert` or a `PaddedEncoder`; changed in place.
    calibrate: Called to run the encoder over texts that are like those it will read.
    """
    layers = _find_linear(encoder)
    ranges = {name: Range() for name in layers}

    def observe(name: str) -> Callable:
        return lambda layer, inputs: ranges[name].widen(inputs[0])

    hooks = [layer.register_forward_pre_hook(observe(name)) for name, layer in layers.items()]
    try:
        calibrate()
    finally:
        for hook in hooks:
            hook.remove()
    _replace(encoder, {n: Int8Linear.quantize(layer, ranges[n]) for n, layer in layers.items()})
    if isinstance(encoder, Bert):
        words = encoder.embeddings.word_embeddings
        encoder.embeddings["word_embeddings"] = Int8Embedding.quantize(words)
    setattr(encoder.config, INT8, True)


def make_room(encoder: nn.Module) -> None:
    """Give an encoder the layers that `quantize` would, for weights to be loaded into."""
    layers = _find_linear(encoder)
    _replace(
        encoder,
        {
            name: Int8Linear(layer.in_features, layer.out_features, layer.bias is not None)
            for name, layer in layers.items()
        },
    )
    if isinstance(encoder, Bert):
        words = encoder.embeddings.word_embeddings
        encoder.embeddings["word_embeddings"] = Int8Embedding(*words.weight.shape)


def _find_linear(encoder: nn.Module) -> dict[str, nn.Linear]:
    modules = encoder.named_modules()
    return {name: module for name, module in modules if isinstance(module, nn.Linear)}


def _replace(encoder: nn.Module, layers: dict[str, Int8Linear]) -> None:
    for name, layer in layers.items():
        parent, _, last = name.rpartition(".")
        encoder.get_submodule(parent).add_module(last, layer)
    if isinstance(encoder, Bert) and encoder.config.hidden_act == "gelu":
        for layer in encoder.encoder.layer:
            layer.intermediate.dense.fuse_gelu(layer.output.dense)
            layer.activation = nn.Identity()

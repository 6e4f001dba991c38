"""A torch head as a thinc layer: List[Floats2d] → List[Floats1d]."""

from collections.abc import Callable
from typing import Any

import torch
from thinc.api import Model, torch2xp, xp2torch
from thinc.types import ArgsKwargs, Floats1d, Floats2d

from ..packing import batch_by_padded_size
from .shim import ModuleShim

# Padded sentences in one batch of the head. Its attention grows with the square of the document's
# length, so documents of like length go together and a very long one goes alone.
_MAX_BATCH_SENTS = 4096


def head(
    build: Callable[..., torch.nn.Module], **settings: Any
) -> Model[list[Floats2d], list[Floats1d]]:
    """Wrap a module of `spacy_bertsum.layers.heads`.

    build: The module's class. It is made once the width of the vectors is known, with n_in and
        the settings. Its dropout is the rate that the training loop sets.
    """
    return Model(
        "summarization_head",
        _forward,
        init=_init,
        dims={"nI": None},
        shims=[ModuleShim(build)],
        attrs={"settings": settings, "dropout_rate": 0.0},
    )


def _init(model: Model, X: list[Floats2d] | None = None, Y: Any = None) -> None:
    shim: ModuleShim = model.shims[0]
    if X is not None and model.has_dim("nI") is None:
        model.set_dim("nI", X[0].shape[1])
    if not shim.is_built:
        shim.build(n_in=model.get_dim("nI"), **model.attrs["settings"])


def _forward(model: Model, docs: list[Floats2d], is_train: bool) -> tuple[list[Floats1d], Callable]:
    shim: ModuleShim = model.shims[0]
    if not shim.is_built:
        raise ValueError(
            "The summarization layer has no weights yet: call nlp.initialize(), or load a trained "
            "pipeline, before using it."
        )
    if is_train:
        _set_dropout(shim._model, model.attrs["dropout_rate"])
    lengths = [len(vectors) for vectors in docs]
    logits: list[Floats1d] = [model.ops.alloc1f(0) for _ in docs]
    backprops = []
    filled = [i for i, length in enumerate(lengths) if length]
    for group in batch_by_padded_size([lengths[i] for i in filled], _MAX_BATCH_SENTS):
        indices = [filled[i] for i in group]
        padded = model.ops.alloc3f(len(indices), lengths[indices[0]], docs[indices[0]].shape[1])
        for row, i in zip(padded, indices, strict=True):
            row[: lengths[i]] = docs[i]
        vectors = xp2torch(padded, requires_grad=is_train, device=shim.device)
        sizes = torch.tensor([lengths[i] for i in indices], device=shim.device)
        mask = torch.arange(padded.shape[1], device=shim.device) < sizes.unsqueeze(1)
        output, backprop_torch = shim(ArgsKwargs(args=(vectors, mask), kwargs={}), is_train)
        scores = torch2xp(output.detach())
        for row, i in zip(scores, indices, strict=True):
            logits[i] = row[: lengths[i]]
        backprops.append((indices, output, backprop_torch))

    def backprop(d_logits: list[Floats1d]) -> list[Floats2d]:
        d_docs: list[Floats2d] = [model.ops.alloc2f(*vectors.shape) for vectors in docs]
        for indices, output, backprop_torch in backprops:
            gradient = model.ops.alloc2f(*output.shape)
            for row, i in zip(gradient, indices, strict=True):
                row[: lengths[i]] = d_logits[i]
            gradient_torch = xp2torch(gradient, device=shim.device)
            inputs = backprop_torch(
                ArgsKwargs(args=(output,), kwargs={"grad_tensors": gradient_torch})
            )
            for row, i in zip(torch2xp(inputs.args[0]), indices, strict=True):
                d_docs[i] = row[: lengths[i]]
        return d_docs

    return logits, backprop


def _set_dropout(module: torch.nn.Module, rate: float) -> None:
    """Follow the rate that spaCy's training loop sets on the layer."""
    for child in module.modules():
        if isinstance(child, torch.nn.Dropout):
            child.p = rate
        elif isinstance(child, torch.nn.MultiheadAttention):
            child.dropout = rate

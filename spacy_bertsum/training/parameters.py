"""The parameters of a pipeline, thinc's and torch's alike, under names that last.

thinc's optimizer knows a parameter by the running number of its layer, which is another one in the
next process. Here it is called by its component, the place of its layer in ``model.walk()``, and
its own name: ``bertsum/3/W``.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy
import torch
from spacy.language import Language
from thinc.api import Model, Optimizer, torch2xp, xp2torch
from thinc.shims import PyTorchGradScaler
from thinc.types import FloatsXd

OPTIMIZER_TABLES = ("mom1", "mom2", "averages")


@dataclass(frozen=True)
class ThincParameter:
    """A parameter of a thinc layer.

    name: What it is called in every process.
    key: What thinc's optimizer calls it in this one.
    """

    name: str
    key: tuple[int, str]
    node: Model

    @property
    def value(self) -> torch.Tensor:
        """Its weights. The tensor is the memory they are in."""
        return _view(self.node.get_param(self.key[1]))

    @property
    def gradient(self) -> torch.Tensor | None:
        """The gradient, in its own memory too, or None."""
        if not self.node.has_grad(self.key[1]):
            return None
        return _view(self.node.get_grad(self.key[1]))

    def set_gradient(self, gradient: torch.Tensor) -> None:
        self.node.set_grad(self.key[1], torch2xp(gradient.contiguous()))


@dataclass(frozen=True)
class TorchParameter:
    """A parameter or buffer of a torch module in a shim; see `ThincParameter`."""

    name: str
    key: tuple[int, str]
    tensor: torch.Tensor

    @property
    def value(self) -> torch.Tensor:
        return self.tensor.data

    @property
    def gradient(self) -> torch.Tensor | None:
        return self.tensor.grad

    def set_gradient(self, gradient: torch.Tensor) -> None:
        self.tensor.grad = gradient


Parameter = ThincParameter | TorchParameter


class Parameters:
    """The parameters of the components that are trained, and the gradient scalers of their shims.

    nlp: An initialized pipeline.
    exclude: Names of components that are not trained.
    """

    def __init__(self, nlp: Language, exclude: Collection[str] = ()):
        self.components: dict[str, Any] = {
            name: component
            for name, component in nlp.pipeline
            if name not in exclude
            and getattr(component, "is_trainable", False)
            and component.model not in (True, False, None)
        }
        self._nodes = [
            (f"{name}/{i}", node)
            for name, component in self.components.items()
            for i, node in enumerate(component.model.walk())
        ]

    def __iter__(self) -> Iterator[Parameter]:
        # torch modules change their tensors' memory, so nothing is kept from one use to the next.
        for place, node in self._nodes:
            for name in node.param_names:
                if node.has_param(name):
                    yield ThincParameter(f"{place}/{name}", (node.id, name), node)
        for place, shim in self._shims():
            module = shim._model
            if isinstance(module, torch.nn.Module):
                for name, tensor in chain(module.named_parameters(), module.named_buffers()):
                    yield TorchParameter(f"{place}/{name}", (shim.id, name), tensor)

    def _shims(self) -> Iterator[tuple[str, Any]]:
        for place, node in self._nodes:
            for i, shim in enumerate(node.shims):
                yield f"{place}/shim{i}", shim

    def scalers(self) -> dict[str, PyTorchGradScaler]:
        """The gradient scalers by the names of their shims."""
        scalers = {place: getattr(shim, "_grad_scaler", None) for place, shim in self._shims()}
        return {place: scaler for place, scaler in scalers.items() if scaler is not None}

    def get_weights(self) -> dict[str, torch.Tensor]:
        """All weights and buffers by name, not copied."""
        return {parameter.name: parameter.value for parameter in self}

    def set_weights(self, weights: dict[str, torch.Tensor]) -> None:
        """Copy weights into the layers.

        Raises ValueError if they are not those of this pipeline.
        """
        own = self.get_weights()
        shapes = {name: tensor.shape for name, tensor in own.items()}
        if shapes != {name: tensor.shape for name, tensor in weights.items()}:
            raise ValueError(
                "The checkpoint's weights are not those of this pipeline: the training data, an "
                "encoder or a library has changed since. Start afresh with --overwrite."
            )
        for name, tensor in own.items():
            tensor.copy_(weights[name])

    def get_tables(self, optimizer: Optimizer) -> dict[str, dict[str, torch.Tensor]]:
        """What an optimizer keeps of each parameter, by table and name, not copied."""
        tables = {}
        for table_name in OPTIMIZER_TABLES:
            if table := getattr(optimizer, table_name):
                tables[table_name] = {p.name: _view(table[p.key]) for p in self if p.key in table}
        return tables

    def set_tables(self, optimizer: Optimizer, tables: dict[str, dict[str, torch.Tensor]]) -> None:
        """Give a new optimizer what another one kept."""
        for table_name, stored in tables.items():
            table = getattr(optimizer, table_name)
            for p in self:
                if p.name in stored:
                    tensor = torch.empty_like(stored[p.name], device=p.value.device)
                    table[p.key] = torch2xp(tensor.copy_(stored[p.name]))

    def get_counts(self, optimizer: Optimizer) -> dict[str, int]:
        """How often an optimizer has updated each parameter, by name."""
        return {p.name: optimizer.nr_update[p.key] for p in self if p.key in optimizer.nr_update}

    def set_counts(self, optimizer: Optimizer, counts: dict[str, int]) -> None:
        """Give a new optimizer the counts of another one."""
        optimizer.nr_update.update({p.key: counts[p.name] for p in self if p.name in counts})

    def get_scales(self) -> dict[str, list[float]]:
        """Scale and number of updates since its last change, of each gradient scaler."""
        return {
            name: [float(scaler._scale), int(scaler._growth_tracker)]
            for name, scaler in self.scalers().items()
        }

    def set_scales(self, scales: dict[str, list[float]]) -> None:
        """Set the gradient scalers."""
        for name, scaler in self.scalers().items():
            if name in scales:
                scaler._scale.fill_(scales[name][0])
                scaler._growth_tracker.fill_(scales[name][1])


def _view(array: FloatsXd) -> torch.Tensor:
    """A tensor in the memory of an array. thinc's own would copy it to an Apple GPU."""
    return torch.from_numpy(array) if isinstance(array, numpy.ndarray) else xp2torch(array)

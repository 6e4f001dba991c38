"""Several processes that train one model, each on documents of its own."""

import os
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Processes:
    """What ``torchrun`` has started: the number of this process, and of all."""

    rank: int = 0
    n: int = 1

    @classmethod
    def join(cls) -> "Processes":
        processes = cls(int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1)))
        if processes.n > 1:
            torch.distributed.init_process_group("gloo")
        return processes

    @property
    def is_first(self) -> bool:
        """Whether it is this one that evaluates and saves."""
        return self.rank == 0

    def average_gradients(self, model: torch.nn.Module) -> None:
        """Make the gradients of all processes their mean."""
        if self.n == 1:
            return
        trained = [p for p in model.parameters() if p.requires_grad]
        for parameter in trained:
            # A batch need not reach all of the model, and the next process's may.
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in trained]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        torch.distributed.all_reduce(flat)
        flat /= self.n
        parts = flat.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def agree(self, value: float) -> float:
        """The value that the first process has."""
        if self.n == 1:
            return value
        shared = torch.tensor(value, dtype=torch.float64)
        torch.distributed.broadcast(shared, src=0)
        return shared.item()


ALONE = Processes()

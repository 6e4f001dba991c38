"""Training on several processes, as torchrun starts them: what they tell each other."""

import os
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed

from .parameters import Parameters

# The others wait as long as the first process evaluates. Should one fail, torchrun ends them all.
TIMEOUT = timedelta(hours=12)


class Processes:
    """The processes that train together; usually there is but one.

    rank: The number of this one. The first, 0, evaluates, logs and writes.
    size: How many there are.
    """

    def __init__(self, rank: int = 0, size: int = 1):
        self.rank = rank
        self.size = size

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def broadcast(self, value: Any) -> Any:
        """The first process's value, in all of them."""
        if self.size == 1:
            return value
        values = [value]
        torch.distributed.broadcast_object_list(values, src=0)
        return values[0]

    def gather(self, value: Any) -> list[Any]:
        """The values of all processes, in all of them."""
        if self.size == 1:
            return [value]
        values = [None] * self.size
        torch.distributed.all_gather_object(values, value)
        return values

    def broadcast_tensors(self, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The first process's tensors, in all of them; what others pass in is not used."""
        if self.size == 1:
            return tensors
        layout = self.broadcast([(name, t.shape, t.dtype) for name, t in tensors.items()])
        received = {}
        for name, shape, dtype in layout:
            if self.is_first:
                tensor = tensors[name].to(_device()).contiguous()
            else:
                tensor = torch.empty(shape, dtype=dtype, device=_device())
            torch.distributed.broadcast(tensor, src=0)
            received[name] = tensor
        return received

    def average_gradients(self, parameters: Parameters) -> None:
        """Replace the gradients by their means over all processes.

        A parameter without a gradient in one process counts as zero there, and one without any is
        left alone. Where mixed precision overflowed in one process, all leave out the step.
        """
        if self.size == 1:
            return
        listed = list(parameters)
        scalers = list(parameters.scalers().values())
        gradients = [parameter.gradient for parameter in listed]
        flags = [g is not None for g in gradients] + [scaler.found_inf for scaler in scalers]
        shared = torch.tensor(flags, dtype=torch.int32, device=_device())
        torch.distributed.all_reduce(shared, torch.distributed.ReduceOp.MAX)
        has_gradient = shared[: len(listed)].bool().tolist()
        for scaler, found_inf in zip(scalers, shared[len(listed) :].bool().tolist(), strict=True):
            scaler._found_inf = found_inf
        groups = defaultdict(list)
        for parameter, gradient, present in zip(listed, gradients, has_gradient, strict=True):
            if present:
                value = torch.zeros_like(parameter.value) if gradient is None else gradient
                groups[value.dtype].append((parameter, value))
        for group in groups.values():
            flat = torch.cat([value.flatten() for _, value in group]).to(_device())
            torch.distributed.all_reduce(flat)
            flat /= self.size
            parts = flat.split([value.numel() for _, value in group])
            for (parameter, value), part in zip(group, parts, strict=True):
                parameter.set_gradient(part.view(value.shape).to(value.device))


def _device() -> torch.device:
    """Where tensors must be for the processes to exchange them."""
    if torch.distributed.get_backend() == "nccl":
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")


def local_gpu(use_gpu: int) -> int:
    """The GPU of this process: under torchrun each has its own, else the one that was asked for."""
    return int(os.environ.get("LOCAL_RANK", use_gpu)) if use_gpu >= 0 else -1


@contextmanager
def join(use_gpu: int) -> Iterator[Processes]:
    """Join the processes that torchrun started, or be the only one.

    use_gpu: The GPU of this process, set up already, or -1 for the CPU.
    """
    if "WORLD_SIZE" not in os.environ:
        yield Processes()
        return
    torch.distributed.init_process_group("nccl" if use_gpu >= 0 else "gloo", timeout=TIMEOUT)
    try:
        yield Processes(torch.distributed.get_rank(), torch.distributed.get_world_size())
    finally:
        # A thread of gloo's drops the tensors of the last exchange, and needs Python's lock for
        # it: if the interpreter is already closing down, that aborts the process. A barrier would
        # be one more exchange; what helps is to leave the lock free for a moment.
        time.sleep(0.1)
        torch.distributed.destroy_process_group()

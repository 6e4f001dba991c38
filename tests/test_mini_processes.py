"""Several processes that train the embedded model together."""

import os
import socket
from pathlib import Path

import torch

from scripts.mini.processes import Processes


def make_model() -> torch.nn.ModuleDict:
    names = ("both", "one", "none", "frozen")
    model = torch.nn.ModuleDict({name: torch.nn.Linear(1, 1, bias=False) for name in names})
    model["frozen"].requires_grad_(False)
    return model


def work(rank: int, port: int, output: Path) -> None:
    """The first process's batch reaches one layer, the second's two."""
    address = {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    os.environ.update(address, RANK=str(rank), WORLD_SIZE="2")
    processes = Processes.join()
    model = make_model()
    point = torch.ones(1, 1)
    loss = model["both"](point) * (rank + 1)
    if rank == 1:
        loss = loss + 4 * model["one"](point)
    loss.sum().backward()
    processes.average_gradients(model)
    gradients = {name: p.grad for name, p in model.named_parameters()}
    torch.save((gradients, processes.agree(float(rank))), output / f"{rank}.pt")
    torch.distributed.destroy_process_group()


def test_gradients_are_averaged_over_batches_that_reach_other_parts(tmp_path: Path):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(work, (port, tmp_path), nprocs=2)
    for rank in range(2):
        gradients, agreed = torch.load(tmp_path / f"{rank}.pt")
        assert gradients["both.weight"].item() == 1.5
        assert gradients["one.weight"].item() == 2.0
        assert gradients["none.weight"].item() == 0.0
        assert gradients["frozen.weight"] is None
        assert agreed == 0.0

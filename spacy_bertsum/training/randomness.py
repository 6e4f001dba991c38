"""The states of the random number generators: as JSON, and apart from each other."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy
import torch
from thinc.api import fix_random_seed


def get_state() -> dict[str, Any]:
    """The state of Python's, numpy's and torch's generators, as JSON can hold it."""
    version, numbers, gauss = random.getstate()
    name, keys, *rest = numpy.random.get_state()
    state = {
        "python": [version, list(numbers), gauss],
        "numpy": [name, keys.tolist(), *rest],
        "torch": _to_hex(torch.get_rng_state()),
    }
    if torch.cuda.is_available():
        state["cuda"] = _to_hex(torch.cuda.get_rng_state())
    return state


def set_state(state: dict[str, Any], *, fallback_seed: int) -> None:
    """Go on with the random numbers where `get_state` was called.

    fallback_seed: For generators that tell no state: cupy's, or that of a GPU that was not there.
    """
    fix_random_seed(fallback_seed)
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, *rest = state["numpy"]
    numpy.random.set_state((name, numpy.array(keys, dtype="uint32"), *rest))
    torch.set_rng_state(_from_hex(state["torch"]))
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(_from_hex(state["cuda"]))


def _to_hex(tensor: torch.Tensor) -> str:
    return tensor.numpy().tobytes().hex()


def _from_hex(text: str) -> torch.Tensor:
    return torch.frombuffer(bytearray.fromhex(text), dtype=torch.uint8)


class Stream:
    """Random numbers of Python and numpy that nothing else draws from.

    A reader that shuffles or augments with the global generators gives the same documents whatever
    a model draws from them meanwhile.
    """

    def __init__(self, seed: int):
        self._seed = seed
        self.restart(0)

    def restart(self, part: int) -> None:
        """Begin the random numbers of a part, which depend on the seed and `part` alone."""
        self._python = random.Random(f"{self._seed}:{part}").getstate()
        self._numpy = numpy.random.RandomState([self._seed % 2**32, part]).get_state()

    @contextmanager
    def use(self) -> Iterator[None]:
        """Draw from this stream, and from the global generators again afterwards."""
        outside = random.getstate(), numpy.random.get_state()
        random.setstate(self._python)
        numpy.random.set_state(self._numpy)
        try:
            yield
        finally:
            self._python, self._numpy = random.getstate(), numpy.random.get_state()
            random.setstate(outside[0])
            numpy.random.set_state(outside[1])

"""What has gone wrong in the depths, said so that the reader knows what to change."""

from collections.abc import Iterator
from contextlib import contextmanager

# What torch, on GPU and CPU, and its libraries say, in lower case.
_OUT_OF_MEMORY = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cublas_status_alloc_failed",
)


@contextmanager
def explain_out_of_memory(name: str) -> Iterator[None]:
    """Turn whatever is raised when memory runs out into a MemoryError that says what to lower.

    name: The component that was at work.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        message = str(error).lower()
        if not isinstance(error, MemoryError) and not any(s in message for s in _OUT_OF_MEMORY):
            raise
        raise MemoryError(
            f"'{name}' ran out of memory. In training, lower the size of [training.batcher], raise "
            "[training] accumulate_gradient, or lower the encoder's max_length. In prediction, "
            "lower the encoder's max_batch_tokens or the batch_size of nlp.pipe."
        ) from error


def not_finite(what: str, name: str) -> ValueError:
    """The error for an output, a loss or a gradient of a component that is not finite."""
    return ValueError(
        f"The {what} of '{name}' is not finite. Lower the learning rate "
        "([training.optimizer] learn_rate), warm up for longer, or turn mixed_precision off; "
        "the best model so far is in the output directory."
    )


@contextmanager
def explain_divergence(name: str) -> Iterator[None]:
    """Turn the error of a shim whose gradient is not finite into one that says what to change.

    name: The component in training.
    """
    try:
        yield
    except FloatingPointError as error:
        raise not_finite("gradient", name) from error

"""Learning rates, as thinc's optimizers take them: generators that give one rate a step."""

from collections.abc import Iterator
from itertools import count


def noam(rate: float, warmup_steps: int) -> Iterator[float]:
    """BERTSUM's schedule (Liu & Lapata 2019, after Vaswani et al. 2017): rate · min(step^-0.5,
    step · warmup_steps^-1.5), which rises in a straight line for warmup_steps, then falls with
    the root of the step.

    rate: A factor, not a learning rate: the highest one is rate / √warmup_steps, which the paper's
        0.002 and 10,000 make 0.00002.
    warmup_steps: Steps until the highest learning rate.
    YIELDS: The learning rates of step 1, 2, and so on, without end.
    """
    if not rate > 0:
        raise ValueError(f"rate must be above 0, not {rate}")
    if warmup_steps < 1:
        raise ValueError(f"warmup_steps must be at least 1, not {warmup_steps}")
    return (rate * min(step**-0.5, step * warmup_steps**-1.5) for step in count(1))

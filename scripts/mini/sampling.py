"""Which document comes next in training."""

import random
from collections import Counter
from typing import Any

# Documents of a set, in all its languages, are drawn in proportion to their number to this power.
TEMPERATURE = 0.5


class Sampler:
    """Training documents, mixed over sets."""

    def __init__(self, sets: dict[str, list[Any]], rng: random.Random):
        self.sets = sets
        self.names = sorted(sets)
        totals = Counter()
        for name, documents in sets.items():
            totals[name.split(".")[0]] += len(documents)
        self.weights = [
            len(sets[name]) * totals[name.split(".")[0]] ** (TEMPERATURE - 1) for name in self.names
        ]
        self.rng = rng

    def draw(self) -> Any:
        (name,) = self.rng.choices(self.names, self.weights)
        return self.rng.choice(self.sets[name])


def draw_batch(sampler: Sampler, n_sents: int) -> list[Any]:
    """Documents that together have so many sentences or a few more."""
    batch, size = [], 0
    while size < n_sents:
        batch.append(sampler.draw())
        size += batch[-1].n_sents
    return batch

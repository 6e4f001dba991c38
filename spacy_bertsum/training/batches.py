"""The training corpus as a sequence of batches that can be entered anywhere."""

import random
from collections.abc import Callable, Iterable, Iterator
from itertools import count, islice

from spacy.errors import Errors
from spacy.language import Language
from spacy.training import Example

from .randomness import Stream

Batch = list[Example]


class Batches:
    """Batches of the training corpus, epoch after epoch.

    Their order depends on the seed and the epoch alone: to go on in the middle of one, neither the
    epochs before it are read nor their random numbers drawn.

    nlp: Makes the predicted documents.
    corpus: Gives the examples of one pass. If it has a method set_epoch, that is told the epoch
        before each pass.
    batcher: Divides a pass into batches.
    max_epochs: As in [training]: the number of passes over a corpus that is held in memory, 0 for
        no end; -1 for one that is read again in each pass, and in the order in which it comes.
    batcher_counts: The batcher has a schedule that runs on from batch to batch: then earlier
        epochs are divided once more, without being trained on.
    """

    def __init__(
        self,
        nlp: Language,
        corpus: Callable[[Language], Iterable[Example]],
        batcher: Callable[[Iterable[Example]], Iterable[Batch]],
        *,
        max_epochs: int,
        seed: int,
        batcher_counts: bool = False,
    ):
        self._nlp = nlp
        self._corpus = corpus
        self._batcher = batcher
        self._max_epochs = max_epochs
        self._batcher_counts = batcher_counts
        self._random = Stream(seed)
        self._examples: list[Example] | None = None
        if max_epochs >= 0:
            with self._random.use():
                self._examples = list(self._read(0))
            if not self._examples:
                raise ValueError(Errors.E986)

    @property
    def n_examples(self) -> int | None:
        """The size of the corpus, if it is held in memory."""
        return None if self._examples is None else len(self._examples)

    def groups(
        self, size: int, *, epoch: int = 0, start: int = 0
    ) -> Iterator[tuple[int, int, list[Batch]]]:
        """Iterate over groups of batches, one for every process. The last batches of an epoch are
        passed over if they don't fill a group.

        epoch, start: Where to begin: with this batch of this epoch.
        YIELDS: The epoch, the number of its batches up to the end of the group, and the group.
        """
        if self._batcher_counts:
            for earlier in range(epoch):
                for _ in self._pass(earlier):
                    pass
        for current in count(epoch):
            if 0 < self._max_epochs <= current:
                return
            batches = self._pass(current)
            n_used = sum(1 for _ in islice(batches, start))
            while len(group := list(islice(batches, size))) == size:
                n_used += size
                yield current, n_used, group
            if not n_used:
                if not group:
                    raise ValueError(Errors.E986)
                raise ValueError(
                    f"The training corpus has {len(group)} batches, fewer than there are processes "
                    f"({size}). Make them smaller: [training.batcher] size."
                )
            start = 0

    def _pass(self, epoch: int) -> Iterator[Batch]:
        """One epoch. Every batch is drawn with random numbers that nothing else touches."""
        self._random.restart(epoch + 1)
        with self._random.use():
            batches = iter(self._batcher(self._shuffled(epoch)))
        while True:
            with self._random.use():
                batch = next(batches, None)
            if batch is None:
                return
            yield list(batch)

    def _shuffled(self, epoch: int) -> Iterable[Example]:
        if self._examples is None:
            return self._read(epoch)
        return random.sample(self._examples, len(self._examples))

    def _read(self, epoch: int) -> Iterable[Example]:
        if hasattr(self._corpus, "set_epoch"):
            self._corpus.set_epoch(epoch)
        return self._corpus(self._nlp)

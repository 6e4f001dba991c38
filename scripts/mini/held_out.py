"""Documents that nothing may be trained on: those of the val and test splits."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from scripts.corpora import Corpus, find_corpora
from scripts.mini.prepare import count_lent

# Shorter sentences, in UTF-8 and without spaces, are anybody's.
LEAST_BYTES = 30


@dataclass(frozen=True)
class HeldOut:
    """Documents of one language.

    parts: Their sets, and how many of the first documents of each; None: all of them.
    """

    parts: tuple[tuple[Corpus, int | None], ...] = ()

    def has_any(self, sents: Iterable[str]) -> bool:
        """Whether a sentence is in one of the documents, whatever its spaces, its punctuation and
        the case of its letters."""
        wanted = {normalize(sent) for sent in sents}
        return any(len(sent.encode()) >= LEAST_BYTES and sent in self._text for sent in wanted)

    @cached_property
    def _text(self) -> str:
        records = (record for corpus, limit in self.parts for record in corpus.read(limit))
        texts = (text for record in records for text in (record["text"], *record["references"]))
        return "\n".join(map(normalize, texts))


def normalize(text: str) -> str:
    """The letters and digits of a text."""
    return "".join(filter(str.isalnum, text.casefold()))


def find_held_out(data: Path, lang: str) -> HeldOut:
    """Those of a data directory, with the training documents that serve for val."""
    parts = [(corpus, None) for split in ("val", "test") for corpus in find_corpora(data, split)]
    parts += [(corpus, count_lent(corpus)) for corpus in find_corpora(data, "train")]
    return HeldOut(tuple(part for part in parts if part[0].lang == lang))

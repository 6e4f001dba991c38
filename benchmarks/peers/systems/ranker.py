"""What all peers have in common."""

from collections.abc import Sequence

from protocol import Document, Extract


class Ranker:
    """A peer that puts the sentences of a document in an order, by score or as it picks them."""

    def fit(self, documents: Sequence[Document]) -> None:
        """Take notice of the documents of a set, before any of them is summarized."""

    def rank(self, document: Document) -> list[int]:
        """Indices of the sentences, the best first."""
        raise NotImplementedError

    def select(self, document: Document) -> Extract:
        ranking = self.rank(document)
        return Extract(sorted(ranking[: document.n_sents]), ranking)

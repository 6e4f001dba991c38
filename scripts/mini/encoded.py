"""Documents beside the vectors that `vectors.py` has kept of their sentences."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy
import torch
from torch.nn.utils.rnn import pad_sequence

from scripts.mini.documents import FEATURES, Document, find_prepared, load_documents
from scripts.mini.losses import SummaryLoss
from spacy_bertsum.packing import batch_by_padded_size

# Padded sentences that enter a head at once. On a CPU few are faster than many: less is padding.
MAX_PADDED_SENTS = 300


@dataclass(frozen=True)
class Encoded:
    """vectors: Of its sentences, with their features, float16, (sentences, width + features).
    in_disguise: Whether they are not those of the document's own pieces.
    """

    document: Document
    vectors: torch.Tensor
    in_disguise: bool = False

    @property
    def n_sents(self) -> int:
        return len(self.vectors)


def load_encoded(work: Path, split: str, vectors: str = "vectors") -> dict[str, list[Encoded]]:
    """By set. Documents in disguise come after all others of their set.

    vectors: The folder that `vectors.py` has made.
    """
    return {
        name: _load_set(path, work / vectors / path.name)
        for name, path in find_prepared(work, split).items()
    }


def _load_set(path: Path, vectors_path: Path) -> list[Encoded]:
    state = torch.load(vectors_path, weights_only=True)
    documents = load_documents(path, state["n_documents"])
    n_own = len(documents)
    documents += [
        replace(documents[i], features=features.float().numpy())
        for i, features in zip(state["disguised"], state["features"], strict=True)
    ]
    parts = state["vectors"].split([len(document.sents) for document in documents])
    return [
        Encoded(document, add_features(part, document), in_disguise=i >= n_own)
        for i, (document, part) in enumerate(zip(documents, parts, strict=True))
    ]


def documents_of(sets: dict[str, list[Encoded]]) -> dict[str, list[Document]]:
    """Without their vectors."""
    return {name: [one.document for one in encoded] for name, encoded in sets.items()}


def width_of(sets: dict[str, list[Encoded]]) -> int:
    """What a head takes: the width of vectors and features together."""
    return next(iter(sets.values()))[0].vectors.shape[1]


def add_features(vectors: torch.Tensor, document: Document) -> torch.Tensor:
    """Vectors of a document's sentences beside their features."""
    features = torch.from_numpy(document.features).to(vectors)
    return torch.cat([vectors, features], dim=1)


def blank(sets: dict[str, list[Encoded]], part: str) -> dict[str, list[Encoded]]:
    """The same with zeros in the place of "vectors" or of "features"."""
    columns = {"vectors": slice(0, -len(FEATURES)), "features": slice(-len(FEATURES), None)}

    def clear(encoded: Encoded) -> Encoded:
        vectors = encoded.vectors.clone()
        vectors[:, columns[part]] = 0.0
        return replace(encoded, vectors=vectors)

    return {name: [clear(one) for one in documents] for name, documents in sets.items()}


def substitute(encoded: Encoded, part: slice, vectors: torch.Tensor) -> Encoded:
    """The same with other vectors, (sentences of the part, width), for a stretch of sentences."""
    others = encoded.vectors.to(vectors)
    rows = torch.cat([vectors, others[part, vectors.shape[1] :]], dim=1)
    return replace(encoded, vectors=torch.cat([others[: part.start], rows, others[part.stop :]]))


def pad(vectors: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """What a head takes: vectors of documents, padded, and the mask of real sentences."""
    padded = pad_sequence(vectors, batch_first=True).float()
    sizes = torch.tensor([len(v) for v in vectors], device=padded.device)
    return padded, torch.arange(padded.shape[1], device=padded.device) < sizes.unsqueeze(1)


class Scorer:
    """Scores a set for `Validation` with a head."""

    def __init__(self, head: torch.nn.Module, sets: dict[str, list[Encoded]]):
        self.head = head
        self.sets = sets

    @torch.no_grad()
    def __call__(self, name: str, documents: list[Document]) -> list[numpy.ndarray]:
        self.head.eval()
        encoded = self.sets[name]
        logits: list = [None] * len(encoded)
        for group in batch_by_padded_size([len(one.vectors) for one in encoded], MAX_PADDED_SENTS):
            rows = self.head(*pad([encoded[i].vectors for i in group])).cpu().numpy()
            for i, row in zip(group, rows, strict=True):
                logits[i] = row[: len(encoded[i].vectors)]
        return logits


def accumulate_gradients(
    head: torch.nn.Module, get_loss: SummaryLoss, batch: list[Encoded]
) -> float:
    """Those of the mean loss over a batch, documents of similar length at a time."""
    total = 0.0
    for group in batch_by_padded_size([len(one.vectors) for one in batch], MAX_PADDED_SENTS):
        padded, mask = pad([batch[i].vectors for i in group])
        loss = get_loss(head(padded, mask), mask, [batch[i].document for i in group])
        loss = loss * len(group) / len(batch)
        loss.backward()
        total += loss.item()
    return total

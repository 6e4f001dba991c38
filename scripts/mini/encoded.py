"""Documents beside the vectors that `vectors.py` has kept of their sentences."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn.utils.rnn import pad_sequence

from scripts.mini.documents import Document, find_prepared, load_documents
from scripts.mini.losses import SummaryLoss
from spacy_bertsum.packing import batch_by_padded_size

# Padded sentences that enter a head at once.
MAX_PADDED_SENTS = 1_500


@dataclass(frozen=True)
class Encoded:
    """vectors: Of its sentences, with salience features, float16, (sentences, width + features)."""

    document: Document
    vectors: torch.Tensor


def load_encoded(work: Path, split: str) -> dict[str, list[Encoded]]:
    """By set. Documents in disguise come after all others of their set."""
    return {
        name: _load_set(path, work / "vectors" / path.name)
        for name, path in find_prepared(work, split).items()
    }


def _load_set(path: Path, vectors_path: Path) -> list[Encoded]:
    state = torch.load(vectors_path, weights_only=True)
    documents = load_documents(path, state["n_documents"])
    documents += [documents[i] for i in state["disguised"]]
    parts = state["vectors"].split([len(document.sents) for document in documents])
    return [
        Encoded(document, torch.cat([part, torch.from_numpy(document.features).half()], dim=1))
        for document, part in zip(documents, parts, strict=True)
    ]


def pad(vectors: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """What a head takes: vectors of documents, padded, and the mask of real sentences."""
    padded = pad_sequence(vectors, batch_first=True).float()
    sizes = torch.tensor([len(v) for v in vectors], device=padded.device)
    return padded, torch.arange(padded.shape[1], device=padded.device) < sizes.unsqueeze(1)


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

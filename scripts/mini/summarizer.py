"""Encoder and head as the joint training has them."""

import torch

from scripts.mini.common import autocast, encode_sentences
from scripts.mini.documents import FEATURES, Document
from scripts.mini.encoded import add_features, pad
from scripts.mini.layers import DEFAULT, build_head
from scripts.mini.parallel import MAX_BATCH_PIECES, MAX_LENGTH
from spacy_bertsum.packing import SpecialIds, pack

DROPOUT = 0.1
OVERLAP = 128


class Summarizer(torch.nn.Module):
    """encoder: Of transformers, without a pooling layer."""

    def __init__(self, encoder: torch.nn.Module, special: SpecialIds):
        super().__init__()
        self.encoder = encoder
        self.head = build_head(DEFAULT, encoder.config.hidden_size + len(FEATURES), DROPOUT)
        self.special = special

    @torch.no_grad()
    def start_from(self, head: dict[str, torch.Tensor]) -> None:
        """Let the head begin with what it knows from features, undisturbed by the vectors."""
        self.head.load_state_dict(head)
        self.head.input.project.weight[:, : self.encoder.config.hidden_size].zero_()

    def encode(self, documents: list[Document]) -> list[torch.Tensor]:
        """Sentence vectors of documents, with their features."""
        packed = pack(
            [doc.pieces for doc in documents],
            self.special,
            max_length=MAX_LENGTH,
            overlap=OVERLAP,
        )
        with autocast(next(self.parameters()).device):
            vectors = encode_sentences(self.encoder, packed, MAX_BATCH_PIECES)
        parts = vectors.split([len(doc.sents) for doc in documents])
        return [add_features(part, doc) for part, doc in zip(parts, documents, strict=True)]

    def score(self, vectors: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits, padded, and the mask of real sentences."""
        padded, mask = pad(vectors)
        return self.head(padded, mask), mask

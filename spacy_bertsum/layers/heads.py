"""Summarization layers: the vectors of a document's sentences → a logit for each.

Plain torch modules over padded batches, (documents, sentences, width) → (documents, sentences).
They see every sentence of the document, whatever its length.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention

from .recurrent import PaddedLstm


class LinearHead(nn.Module):
    """BERTSUM's simple classifier: each sentence by itself (Liu & Lapata 2019)."""

    def __init__(self, n_in: int):
        super().__init__()
        self.output = nn.Linear(n_in, 1)

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        return self.output(vectors).squeeze(-1)


class InterSentenceTransformer(nn.Module):
    """BERTSUM's inter-sentence transformer: pre-norm layers over sentences with sinusoidal
    positions, a last layer norm, a linear output (Liu & Lapata 2019, §3.2)."""

    def __init__(
        self,
        n_in: int,
        width: int | None,
        depth: int,
        n_heads: int,
        n_hidden: int,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.input = SentenceInput(n_in, width, dropout)
        self.transformer = SentenceTransformer(self.input.width, depth, n_heads, n_hidden, dropout)
        self.output = nn.Linear(self.input.width, 1)

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        return self.output(self.transformer(self.input(vectors), mask)).squeeze(-1)


class RecurrentHead(nn.Module):
    """BERTSUM's recurrent layer: an LSTM over the sentences (Liu 2019, §3.3), here with layer
    norm before and after it rather than on its gates, so that torch's fused LSTM serves."""

    def __init__(self, n_in: int, width: int | None, depth: int, dropout: float = 0.0):
        super().__init__()
        width = width or n_in
        self.norm_input = nn.LayerNorm(n_in)
        self.lstm = PaddedLstm(n_in, width, depth)
        self.norm_output = nn.LayerNorm(2 * width)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(2 * width, 1)

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        encoded = self.lstm(self.norm_input(vectors), mask)
        return self.output(self.dropout(self.norm_output(encoded))).squeeze(-1)


class FineGrained(nn.Module):
    """Two towers over the sentences, side by side.

    A bidirectional transformer sees the whole document; a unidirectional, causal one sees at each
    sentence only what a reader has read so far, so it can tell what is new. Each sentence is
    scored from the concatenation of both vectors.
    """

    def __init__(
        self,
        n_in: int,
        width: int | None,
        depth: int,
        n_heads: int,
        n_hidden: int,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.input = SentenceInput(n_in, width, dropout)
        width = self.input.width
        self.bidirectional = SentenceTransformer(width, depth, n_heads, n_hidden, dropout)
        self.unidirectional = SentenceTransformer(width, depth, n_heads, n_hidden, dropout)
        self.output = nn.Linear(2 * width, 1)

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        hidden = self.input(vectors)
        both = self.bidirectional(hidden, mask)
        # Padding comes after the sentences, where a causal tower never looks.
        past = self.unidirectional(hidden, None)
        return self.output(torch.cat([both, past], dim=-1)).squeeze(-1)


class SentenceInput(nn.Module):
    """Sentence vectors, brought to a head's width, with sinusoidal positions added.

    width: By default that of the vectors; another one puts a linear layer in between.
    """

    def __init__(self, n_in: int, width: int | None, dropout: float):
        super().__init__()
        self.width = width or n_in
        self.project = nn.Identity() if self.width == n_in else nn.Linear(n_in, self.width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, vectors: Tensor) -> Tensor:
        hidden = self.project(vectors)
        return self.dropout(hidden + sinusoids(hidden.shape[1], self.width, hidden.device))


def sinusoids(length: int, width: int, device: torch.device) -> Tensor:
    """Position vectors (Vaswani et al. 2017), shape (length, width)."""
    position = torch.arange(length, device=device, dtype=torch.float32).unsqueeze(1)
    steps = torch.arange(0, width, 2, device=device, dtype=torch.float32)
    angles = position * torch.exp(steps * (-math.log(10_000.0) / width))
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :width]


class SentenceTransformer(nn.Module):
    """Pre-norm transformer layers over sentences, and a layer norm.

    forward's mask is True at sentences and False at padding; without a mask, a sentence sees only
    itself and those before it.
    """

    def __init__(self, width: int, depth: int, n_heads: int, n_hidden: int, dropout: float):
        super().__init__()
        if width % n_heads:
            raise ValueError(
                f"n_heads = {n_heads} does not divide the width of the sentence vectors, {width}: "
                "set n_heads to a divisor of it, or set width to a multiple of n_heads."
            )
        self.layers = nn.ModuleList(
            SentenceLayer(width, n_heads, n_hidden, dropout, "gelu", batch_first=True)
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        for layer in self.layers:
            hidden = layer(hidden, mask)
        return self.norm(hidden)


class SentenceLayer(nn.TransformerEncoderLayer):
    """torch's layer, pre-norm, without its fused path for inference, which holds all n² attention
    weights: 4.8 GB for 8,000 sentences."""

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        hidden = hidden + self.dropout1(self._attend(self.norm1(hidden), mask))
        return hidden + self._ff_block(self.norm2(hidden))

    def _attend(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        attention = self.self_attn
        projected = linear(hidden, attention.in_proj_weight, attention.in_proj_bias)
        heads = projected.unflatten(-1, (3, attention.num_heads, -1))
        queries, keys, values = heads.permute(2, 0, 3, 1, 4)
        attended = scaled_dot_product_attention(
            queries,
            keys,
            values,
            attn_mask=None if mask is None or mask.all() else mask[:, None, None],
            dropout_p=attention.dropout if self.training else 0.0,
            is_causal=mask is None,
        )
        return attention.out_proj(attended.transpose(1, 2).flatten(2))

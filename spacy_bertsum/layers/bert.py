"""BERT, RoBERTa and XLM-R over windows that are laid end to end, without padding.

The weights, their names and the results are those of the transformers library; a test compares
them. Its own classes want windows padded to one length, and importing them takes longer than
summarizing.
"""

from collections.abc import Sequence
from itertools import groupby
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, gelu, relu, scaled_dot_product_attention, silu

MODEL_TYPES = ("bert", "roberta", "xlm-roberta", "camembert")
# What a config.json may leave out.
DEFAULTS = {
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "position_embedding_type": "absolute",
    "type_vocab_size": 2,
    "pad_token_id": 0,
    "pruned_heads": {},
    "is_decoder": False,
}
ACTIVATIONS = {"gelu": gelu, "relu": relu, "silu": silu}


def is_bert(config: dict[str, Any]) -> bool:
    """Whether `Bert` can be built from the contents of a config.json."""
    settings = {**DEFAULTS, **config}
    return (
        settings.get("model_type") in MODEL_TYPES
        and settings["hidden_act"] in ACTIVATIONS
        and settings["position_embedding_type"] == "absolute"
        and not settings["is_decoder"]
    )


class Bert(nn.Module):
    """The encoder alone, without a pooler, to load weights into.

    config: The contents of a config.json; attributes of ``self.config`` afterwards.
    """

    def __init__(self, config: dict[str, Any]):
        super().__init__()
        self.config = SimpleNamespace(**{**DEFAULTS, **config})
        # JSON has strings for keys, transformers integers.
        self.config.pruned_heads = {str(i): h for i, h in self.config.pruned_heads.items()}
        width = self.config.hidden_size
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": _embedding(self.config.vocab_size, width),
                "position_embeddings": _embedding(self.config.max_position_embeddings, width),
                "token_type_embeddings": _embedding(self.config.type_vocab_size, width),
                "LayerNorm": nn.LayerNorm(width, eps=self.config.layer_norm_eps),
            }
        )
        layers = [BertLayer(self.config, i) for i in range(self.config.num_hidden_layers)]
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(layers)})

    @property
    def first_position(self) -> int:
        """RoBERTa counts positions from the padding index on: XLM-R has 514, but 512 usable."""
        return 0 if self.config.model_type == "bert" else self.config.pad_token_id + 1

    def forward(
        self,
        ids: Tensor,
        segments: Tensor | None,
        lengths: Sequence[int],
        rows: Tensor,
        row_lengths: Sequence[int],
    ) -> Tensor:
        """Encode windows.

        ids: The pieces of all windows, (sum of lengths,).
        segments: Their segment ids, in the same shape; None where there is one segment.
        lengths: The pieces of each window. Neighbours of the same length are computed together.
        rows: The pieces whose vectors are wanted, ascending. The last layer computes no others.
        row_lengths: How many of them are in each window.
        RETURNS: Their vectors, (rows, width).
        """
        positions = torch.cat([torch.arange(n, device=ids.device) for n in lengths])
        hidden = self.embeddings.word_embeddings(ids)
        hidden = hidden + self.embeddings.position_embeddings(positions + self.first_position)
        types = torch.zeros_like(ids) if segments is None else segments
        hidden = self.embeddings.LayerNorm(hidden + self.embeddings.token_type_embeddings(types))
        hidden = dropout(hidden, self.config.hidden_dropout_prob, self.training)
        *layers, last = self.encoder.layer
        for layer in layers:
            hidden = layer(hidden, lengths)
        if len(rows) == len(hidden):
            return last(hidden, lengths)
        return last(hidden, lengths, rows, row_lengths)


class BertLayer(nn.Module):
    """One transformer layer (post-norm)."""

    def __init__(self, config: Any, index: int):
        super().__init__()
        self.config = config
        self.n_heads = config.num_attention_heads - len(config.pruned_heads.get(str(index), ()))
        width, inner = config.hidden_size, config.intermediate_size
        heads_width = width // config.num_attention_heads * self.n_heads
        names = ("query", "key", "value")
        self.attention = nn.ModuleDict(
            {
                "self": nn.ModuleDict({name: nn.Linear(width, heads_width) for name in names}),
                "output": _output(heads_width, width, config.layer_norm_eps),
            }
        )
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, inner)})
        self.output = _output(inner, width, config.layer_norm_eps)
        self.activation = ACTIVATIONS[config.hidden_act]

    def forward(
        self,
        hidden: Tensor,
        lengths: Sequence[int],
        rows: Tensor | None = None,
        row_lengths: Sequence[int] | None = None,
    ) -> Tensor:
        """(pieces, width) → (pieces, width), or (rows, width) where rows are given."""
        query, key, value = self.attention["self"].values()
        source = key.prepare(hidden) if hasattr(key, "prepare") else hidden
        target = source
        if rows is not None:
            hidden, target = hidden.index_select(0, rows), source.index_select(0, rows)
        context = attend(
            query(target),
            key(source),
            value(source),
            lengths,
            lengths if row_lengths is None else row_lengths,
            n_heads=self.n_heads,
            dropout=self.config.attention_probs_dropout_prob if self.training else 0.0,
        )
        hidden = self._add(self.attention.output, context, hidden)
        inner = self.activation(self.intermediate.dense(hidden))
        return self._add(self.output, inner, hidden)

    def _add(self, output: nn.ModuleDict, inner: Tensor, hidden: Tensor) -> Tensor:
        projected = dropout(output.dense(inner), self.config.hidden_dropout_prob, self.training)
        return output.LayerNorm(projected + hidden)


def _embedding(n: int, width: int) -> nn.Embedding:
    # Its usual random numbers would, on the meta device, have torch import its compiler.
    return nn.Embedding.from_pretrained(torch.empty(n, width), freeze=False)


def _output(n_in: int, width: int, eps: float) -> nn.ModuleDict:
    return nn.ModuleDict(
        {"dense": nn.Linear(n_in, width), "LayerNorm": nn.LayerNorm(width, eps=eps)}
    )


def attend(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    lengths: Sequence[int],
    query_lengths: Sequence[int],
    *,
    n_heads: int,
    dropout: float = 0.0,
) -> Tensor:
    """Attention within windows that are laid end to end.

    queries: (sum of query_lengths, width); keys, values: (sum of lengths, width).
    RETURNS: In the shape of the queries.
    """
    if queries.device.type != "cpu":
        return _attend_padded(queries, keys, values, lengths, query_lengths, n_heads, dropout)
    runs = [
        (sum(1 for _ in run), n_queries, length)
        for (n_queries, length), run in groupby(zip(query_lengths, lengths, strict=True))
    ]
    # Not slices: the gradient of each of these would be as large as the whole.
    query_runs = queries.split([n * n_queries for n, n_queries, _ in runs])
    sizes = [n * length for n, _, length in runs]
    contexts = [
        scaled_dot_product_attention(
            _split_heads(run_queries, n, n_heads),
            _split_heads(run_keys, n, n_heads),
            _split_heads(run_values, n, n_heads),
            dropout_p=dropout,
        )
        .transpose(1, 2)
        .reshape(len(run_queries), -1)
        for (n, n_queries, _), run_queries, run_keys, run_values in zip(
            runs, query_runs, keys.split(sizes), values.split(sizes), strict=True
        )
        if n_queries
    ]
    return torch.cat(contexts) if len(contexts) > 1 else contexts[0]


def _attend_padded(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    lengths: Sequence[int],
    query_lengths: Sequence[int],
    n_heads: int,
    dropout: float,
) -> Tensor:
    """The same in one batch: many small kernels would keep a GPU waiting."""
    n, device = len(lengths), queries.device
    length, n_queries = max(lengths), max(query_lengths)
    sizes = torch.tensor(lengths, device=device)
    mask = torch.arange(length, device=device) < sizes.unsqueeze(1)
    slots = mask.flatten().nonzero().squeeze(1)
    query_sizes = torch.tensor(query_lengths, device=device)
    query_mask = torch.arange(n_queries, device=device) < query_sizes.unsqueeze(1)
    query_slots = query_mask.flatten().nonzero().squeeze(1)

    def pad(flat: Tensor, places: Tensor, width: int) -> Tensor:
        padded = flat.new_zeros(n * width, flat.shape[1]).index_copy(0, places, flat)
        return _split_heads(padded, n, n_heads)

    context = scaled_dot_product_attention(
        pad(queries, query_slots, n_queries),
        pad(keys, slots, length),
        pad(values, slots, length),
        attn_mask=mask[:, None, None, :],
        dropout_p=dropout,
    )
    return context.transpose(1, 2).reshape(n * n_queries, -1).index_select(0, query_slots)


def _split_heads(flat: Tensor, n: int, n_heads: int) -> Tensor:
    """(n * length, width) → (n, heads, length, width of a head)."""
    return flat.view(n, len(flat) // n, n_heads, -1).transpose(1, 2)

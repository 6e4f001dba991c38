"""A bidirectional LSTM over padded sequences, fast in training on a CPU too."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class PaddedLstm(nn.LSTM):
    """torch's LSTM, its weights and results, (sequences, length, n_in) → (…, 2 * width).

    torch takes sequences of different lengths packed, and then, on a CPU, the gradient of each step
    is as large as the whole batch. So there, training reads padded sequences, the backward
    direction a copy in which each is turned round within its own length.
    """

    def __init__(self, n_in: int, width: int, depth: int):
        super().__init__(n_in, width, depth, batch_first=True, bidirectional=True)

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """mask: True at what is no padding, (sequences, length).

        Results at padding mean nothing.
        """
        if not self.training or vectors.device.type != "cpu":
            return self._run_packed(vectors, mask)
        order = _reverse_order(mask)
        # Two to a layer, one for each direction.
        weights = iter(self.all_weights)
        for forward_weights, backward_weights in zip(weights, weights, strict=True):
            forward = self._run_one_way(vectors, forward_weights)
            backward = self._run_one_way(_reorder(vectors, order), backward_weights)
            vectors = torch.cat([forward, _reorder(backward, order)], dim=-1)
        return vectors

    def _run_packed(self, vectors: Tensor, mask: Tensor) -> Tensor:
        packed = pack_padded_sequence(
            vectors, mask.sum(1).cpu(), batch_first=True, enforce_sorted=False
        )
        encoded, _ = super().forward(packed)
        return pad_packed_sequence(encoded, batch_first=True, total_length=mask.shape[1])[0]

    def _run_one_way(self, vectors: Tensor, weights: list[nn.Parameter]) -> Tensor:
        start = vectors.new_zeros(1, len(vectors), self.hidden_size)
        # One layer, without dropout, in one direction, sequences first.
        settings = (True, 1, 0.0, self.training, False, True)
        return torch.lstm(vectors, (start, start), weights, *settings)[0]


def _reverse_order(mask: Tensor) -> Tensor:
    """The place from which each comes when sequences are turned round; padding stays."""
    places = torch.arange(mask.shape[1], device=mask.device).expand_as(mask)
    return torch.where(mask, mask.sum(1, keepdim=True) - 1 - places, places)


def _reorder(vectors: Tensor, order: Tensor) -> Tensor:
    return vectors.gather(1, order.unsqueeze(-1).expand(-1, -1, vectors.shape[2]))

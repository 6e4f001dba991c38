"""Encoders of the transformers library that `spacy_bertsum.layers.bert` does not know."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence


class PaddedEncoder(nn.Module):
    """An encoder that wants its windows padded to one length, called like `bert.Bert`.

    model: A model of the transformers library whose output has a ``last_hidden_state``.
    pad: The id of the piece to pad with.
    """

    def __init__(self, model: nn.Module, pad: int):
        super().__init__()
        self.model = model
        self.pad = pad

    @property
    def config(self) -> object:
        return self.model.config

    def forward(
        self,
        ids: Tensor,
        segments: Tensor | None,
        lengths: Sequence[int],
        rows: Tensor,
        row_lengths: Sequence[int],
    ) -> Tensor:
        """See `spacy_bertsum.layers.bert.Bert.forward`."""
        sizes = list(lengths)
        padded = pad_sequence(ids.split(sizes), batch_first=True, padding_value=self.pad)
        ends = torch.tensor(sizes, device=ids.device).unsqueeze(1)
        mask = torch.arange(padded.shape[1], device=ids.device) < ends
        inputs = {"input_ids": padded, "attention_mask": mask.long()}
        if segments is not None:
            inputs["token_type_ids"] = pad_sequence(segments.split(sizes), batch_first=True)
        hidden = self.model(**inputs).last_hidden_state
        return hidden[mask].index_select(0, rows)

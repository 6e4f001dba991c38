"""ROUGE of an extract as a function that has a gradient.

The choice of sentences under a limit is relaxed: each is taken to the degree
``sigmoid(logit - threshold)``, where the threshold is the one at which the degrees add up to the
limit, in sentences or in characters. The overlap of n-grams is then counted as ROUGE counts it.
"""

from collections.abc import Sequence

import numpy
import torch
from torch.nn.utils.rnn import pad_sequence

from scripts.mini.documents import Document

# Steps of the search for the threshold, in a range of logits beyond which nothing changes.
SEARCH_STEPS = 16
SEARCH_MARGIN = 12.0


def relaxed_choice(
    logits: torch.Tensor, mask: torch.Tensor, weights: torch.Tensor, budgets: torch.Tensor
) -> torch.Tensor:
    """To what degree each sentence is taken, shape (documents, sentences).

    weights: What each sentence takes of the budget, 0 at padding.
    budgets: Of each document, shape (documents,); above all it has, everything is taken.
    """
    budgets = torch.minimum(budgets, 0.98 * weights.sum(1))
    with torch.no_grad():
        low = logits.masked_fill(~mask, torch.inf).amin(1) - SEARCH_MARGIN
        high = logits.masked_fill(~mask, -torch.inf).amax(1) + SEARCH_MARGIN
        for _ in range(SEARCH_STEPS):
            middle = (low + high) / 2
            taken = (torch.sigmoid(logits - middle[:, None]) * weights).sum(1)
            low = torch.where(taken > budgets, middle, low)
            high = torch.where(taken > budgets, high, middle)
        middle = (low + high) / 2
    # One step of Newton's method changes the threshold by next to nothing, and gives it the
    # gradient by which sentences compete for the budget.
    degrees = torch.sigmoid(logits - middle[:, None])
    slope = (degrees * (1 - degrees) * weights).sum(1).detach().clamp(min=1e-3)
    threshold = middle + ((degrees * weights).sum(1) - budgets) / slope
    return torch.sigmoid(logits - threshold[:, None]) * mask


def lead_choice(mask: torch.Tensor, weights: torch.Tensor, budgets: torch.Tensor) -> torch.Tensor:
    """The same for LEAD: the first sentences that a budget has room for, the last of them cut."""
    before = weights.cumsum(1) - weights
    return ((budgets[:, None] - before) / weights.clamp(min=1e-3)).clamp(0.0, 1.0) * mask


def soft_rouge(degrees: torch.Tensor, documents: Sequence[Document]) -> torch.Tensor:
    """The mean of ROUGE-1 F and ROUGE-2 F of relaxed extracts, shape (…, documents).

    degrees: To what degree sentences are taken, shape (…, documents, sentences).
    documents: Of several references the first counts.
    """
    device, n_columns = degrees.device, degrees.shape[-1]
    entries, columns, counts, wanted, kinds, owners = [], [], [], [], [], []
    first = 0
    for d, document in enumerate(documents):
        slots, grams, n = document.ngrams
        sents = slots % len(document.sents)
        entries.append(d * n_columns + sents)
        columns.append(grams + first)
        counts.append(n)
        wanted.append(document.wanted)
        is_bigram = numpy.zeros(len(document.wanted), dtype="i8")
        is_bigram[grams[slots >= len(document.sents)]] = 1
        kinds.append(is_bigram)
        owners.append(numpy.full(len(document.wanted), d))
        first += len(document.wanted)

    def tensor(arrays: list[numpy.ndarray], dtype: torch.dtype) -> torch.Tensor:
        return torch.from_numpy(numpy.concatenate(arrays)).to(device, dtype)

    extracts = degrees.reshape(-1, len(documents) * n_columns)
    n = len(extracts)
    taken = extracts[:, tensor(entries, torch.int64)] * tensor(counts, torch.float32)
    found = taken.new_zeros(n, first).index_add(1, tensor(columns, torch.int64), taken)
    found = torch.minimum(found, tensor(wanted, torch.float32))
    cells = 2 * tensor(owners, torch.int64) + tensor(kinds, torch.int64)
    hits = found.new_zeros(n, 2 * len(documents)).index_add(1, cells, found)
    hits = hits.view(*degrees.shape[:-1], 2)
    sizes = pad_sequence(
        [torch.from_numpy(document.sizes.T) for document in documents], batch_first=True
    ).to(device, torch.float32)
    sizes = torch.einsum("...ds,dsk->...dk", degrees[..., : sizes.shape[1]], sizes)
    wanted_sizes = torch.tensor(
        numpy.stack([document.wanted_sizes for document in documents]), device=device
    )
    return (2 * hits / (sizes + wanted_sizes)).mean(-1)

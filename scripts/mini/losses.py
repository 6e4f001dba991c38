"""What the summarizer of the embedded model is trained for.

Two parts: the relaxed ROUGE of the summaries that the scores would give, with a number of sentences
and with one of characters; and binary cross-entropy with the oracle's choice, as BERTSUM, which
makes the scores probabilities. On sets where nothing can be won over LEAD, its order is learnt
instead of both.
"""

import random
from collections.abc import Collection, Sequence

import numpy
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.nn.utils.rnn import pad_sequence

from scripts.mini.documents import Document, choose_n_sents
from scripts.mini.soft_rouge import lead_choice, relaxed_choice, soft_rouge

# Some summaries shorter than the reference, by down to this share of it: users ask for what they
# like. None longer: with one sentence as reference and three to choose, ROUGE has nothing but
# precision to win, and that by taking the shortest.
OTHER_LENGTHS = 0.3
LEAST_SHARE = 0.2
# What the label of the first sentence is at least; half of it of the second, a third of the third.
# Where the reference says no more, a summary goes on as the text does.
LEAD_LABEL = 0.3
# So many first sentences are put in order where LEAD is learnt.
LEAD_SENTS = 3
# Sets differ in how much there is to win over LEAD: all count the same, within bounds.
LEAST_ROOM = 0.05


class SummaryLoss:
    """n_sents: Sentences in a summary, by set; room: from LEAD to the oracle, in ROUGE.

    rouge_weight: Of relaxed ROUGE, beside cross-entropy.
    regret: What ROUGE lost to LEAD costs above what ROUGE won is worth. A model that is unsure then
        stays with LEAD.
    lead_sets: Sets whose documents teach to stay with LEAD. What a head wins on their training
        documents it has learnt by heart, and loses on others.
    """

    def __init__(
        self,
        sets: dict[str, list[Document]],
        rouge_weight: float,
        rng: random.Random,
        regret: float = 0.0,
        lead_sets: Collection[str] = (),
    ):
        self.rouge_weight = rouge_weight
        self.regret = regret
        self.lead_sets = frozenset(lead_sets)
        self.rng = rng
        self.n_sents = {name: choose_n_sents(documents) for name, documents in sets.items()}
        self.room = {name: self._measure_room(name, sets[name][:200]) for name in sets}

    def _measure_room(self, name: str, documents: Sequence[Document]) -> float:
        labels = _pad([document.labels for document in documents], torch.device("cpu"))
        text = _pad_text(documents, labels.device)
        limit = torch.full((len(documents),), float(self.n_sents[name]))
        lead = lead_choice(text, text, limit)
        rouge = soft_rouge(torch.stack([labels, lead]), documents).mean(1)
        return max(float(rouge[0] - rouge[1]), LEAST_ROOM)

    def __call__(
        self, logits: torch.Tensor, mask: torch.Tensor, documents: list[Document]
    ) -> torch.Tensor:
        """The mean loss of documents; logits and mask have shape (documents, sentences)."""
        labels = _pad([self._soften(document) for document in documents], logits.device)
        sizes = mask.sum(1)
        binary = binary_cross_entropy_with_logits(logits, labels, reduction="none")
        losses = [((binary * mask).sum(1) / sizes).sum()]
        parts = [(self._rouge_loss, self.rouge_weight, False), (_order_loss, 1.0, True)]
        for compute, weight, of_lead in parts:
            rows = [
                i
                for i, document in enumerate(documents)
                if document.is_whole and (document.set in self.lead_sets) == of_lead
            ]
            if weight and rows:
                chosen = [documents[i] for i in rows]
                longest = max(document.n_sents for document in chosen)
                missing = compute(logits[rows, :longest], mask[rows, :longest], chosen)
                losses.append(weight * missing.sum())
        return torch.stack(losses).sum() / len(documents)

    def _rouge_loss(
        self, logits: torch.Tensor, mask: torch.Tensor, documents: list[Document]
    ) -> torch.Tensor:
        lengths = [self.n_sents[document.set] for document in documents]
        chars = pad_sequence([torch.from_numpy(d.chars) for d in documents], batch_first=True)
        budgets = [self._draw_budget(document) for document in documents]
        room = torch.tensor([self.room[d.set] for d in documents], device=logits.device)
        text = mask * _pad_text(documents, logits.device)
        choices, leads = [], []
        for weights, limits in ((mask.float(), lengths), (chars.to(logits.device), budgets)):
            limit = torch.tensor(limits, dtype=torch.float32, device=logits.device)
            choices.append(relaxed_choice(logits, mask, weights, limit))
            leads.append(lead_choice(text, weights * text, limit))
        rouge = soft_rouge(torch.stack(choices), documents)
        loss = -rouge
        if self.regret:
            loss = loss + self.regret * (soft_rouge(torch.stack(leads), documents) - rouge).relu()
        return loss.mean(0) / room

    def _soften(self, document: Document) -> numpy.ndarray:
        """The labels of a document; those of a stretch stay, whose first sentences are no lead."""
        if not document.is_whole:
            return document.labels
        text = 1 - document.boilerplate
        lead = text / text.cumsum().clip(min=1)
        if document.set in self.lead_sets:
            return lead
        return numpy.maximum(document.labels, LEAD_LABEL * lead)

    def _draw_budget(self, document: Document) -> float:
        if self.rng.random() < OTHER_LENGTHS:
            return document.budget * self.rng.uniform(LEAST_SHARE, 1.0)
        return document.budget


def _order_loss(
    logits: torch.Tensor, mask: torch.Tensor, documents: list[Document]
) -> torch.Tensor:
    """How improbable it is that the first sentences of each document come first, in their order.

    The negative log-likelihood of a Plackett-Luce model (ListMLE; Xia et al. 2008) of LEAD_SENTS,
    of which each counts less than the one before.
    """
    text = _pad_text(documents, logits.device) * mask
    places = text.cumsum(1) * text
    # Not infinity: in a short document nothing is left.
    none = torch.finfo(logits.dtype).min
    loss = logits.new_zeros(len(documents))
    for place in range(1, LEAD_SENTS + 1):
        is_next = places == place
        missing = logits.masked_fill(~mask, none).logsumexp(1)
        missing = missing - logits.masked_fill(~is_next, 0.0).sum(1)
        loss = loss + is_next.any(1) * missing / place
        mask = mask & ~is_next
    return loss


def _pad_text(documents: Sequence[Document], device: torch.device) -> torch.Tensor:
    """1 for lines of the text, 0 for those of the page, (documents, sentences)."""
    return _pad([1 - document.boilerplate for document in documents], device)


def _pad(arrays: list[numpy.ndarray], device: torch.device) -> torch.Tensor:
    return pad_sequence([torch.from_numpy(array) for array in arrays], batch_first=True).to(device)

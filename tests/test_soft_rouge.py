"""The relaxed ROUGE that the embedded model is trained for."""

import random
from dataclasses import replace

import numpy
import pytest
import torch
from mini_documents import make_document

from scripts.mini.losses import SummaryLoss
from scripts.mini.soft_rouge import lead_choice, relaxed_choice, soft_rouge
from spacy_bertsum.rouge import score_rouge

SENTS = ["the river rose in the night", "nobody slept", "the bridge at the mill broke in the flood"]
REFERENCE = "in the night the river broke the bridge at the mill"


DOCUMENTS = [make_document(SENTS, REFERENCE), make_document(SENTS[:2], "the night river")]


@pytest.mark.parametrize("chosen", [[0], [2], [0, 2], [1], [0, 1, 2]], ids=str)
def test_whole_sentences_have_the_rouge_of_their_extract(chosen: list[int]):
    degrees = torch.zeros(1, 3)
    degrees[0, chosen] = 1.0

    (actual,) = soft_rouge(degrees, DOCUMENTS[:1]).tolist()
    scores = score_rouge(REFERENCE, " ".join(SENTS[i] for i in chosen))
    # Where sentences meet, ROUGE counts one bigram more.
    expected = (scores["rouge_1"] + scores["rouge_2"]) / 2
    assert actual == pytest.approx(expected, abs=1e-6 if len(chosen) == 1 else 0.03)


def test_documents_of_a_batch_do_not_mix():
    degrees = torch.tensor([[1.0, 0.5, 0.0], [0.0, 1.0, 0.0]])
    together = soft_rouge(degrees, DOCUMENTS)
    alone = [
        soft_rouge(degrees[:1], DOCUMENTS[:1]),
        soft_rouge(degrees[1:, :2], DOCUMENTS[1:]),
    ]
    torch.testing.assert_close(together, torch.cat(alone))


def test_extracts_of_one_batch_are_scored_together():
    first = torch.tensor([[1.0, 0.5, 0.0], [0.0, 1.0, 0.0]])
    second = torch.tensor([[0.0, 0.0, 1.0], [0.5, 0.5, 0.0]])
    together = soft_rouge(torch.stack([first, second]), DOCUMENTS)
    alone = torch.stack([soft_rouge(first, DOCUMENTS), soft_rouge(second, DOCUMENTS)])
    torch.testing.assert_close(together, alone)


def test_lead_is_cut_where_the_budget_ends():
    mask = torch.tensor([[True, True, True], [True, True, False]])
    weights = torch.tensor([[30.0, 20.0, 40.0], [10.0, 10.0, 0.0]])
    degrees = lead_choice(mask, weights, torch.tensor([45.0, 500.0]))
    assert degrees.tolist() == [[1.0, 0.75, 0.0], [1.0, 1.0, 0.0]]


def test_regret_makes_only_those_pay_that_are_behind_lead():
    mask = torch.ones(1, 3, dtype=torch.bool)
    losses = {
        regret: SummaryLoss({"toy.en": DOCUMENTS[:1]}, 1.0, random.Random(0), regret)
        for regret in (0.0, 1.0)
    }
    for best, pays in ((2, False), (1, True)):
        logits = torch.full((1, 3), -9.0)
        logits[0, best] = 9.0
        for loss in losses.values():
            loss.rng.seed(0)
        without, with_regret = (loss(logits, mask, DOCUMENTS[:1]) for loss in losses.values())
        assert (with_regret > without + 1e-3) == pays


def test_where_labels_say_no_more_the_text_goes_on_in_its_order():
    document = replace(DOCUMENTS[0], labels=numpy.array([0.0, 0.0, 1.0], dtype="f"))
    get_loss = SummaryLoss({"toy.en": [document]}, 0.0, random.Random(0))
    logits = torch.zeros(1, 3, requires_grad=True)
    optimizer = torch.optim.SGD([logits], lr=10.0)
    for _ in range(100):
        optimizer.zero_grad()
        get_loss(logits, torch.ones(1, 3, dtype=torch.bool), [document]).backward()
        optimizer.step()
    first, second, labelled = logits[0].tolist()
    assert labelled > first + 1 > second + 1.5


def test_documents_of_a_lead_set_teach_its_order():
    # The reference and the label are its last sentence.
    document = replace(DOCUMENTS[0], labels=numpy.array([0.0, 0.0, 1.0], dtype="f"))
    short = replace(DOCUMENTS[0], set="other.en")
    sets = {"toy.en": [document], "other.en": [short]}
    orders = {}
    for lead_sets in ((), ("toy.en",)):
        get_loss = SummaryLoss(sets, 1.0, random.Random(0), 5.0, lead_sets)
        logits = torch.zeros(2, 3, requires_grad=True)
        mask = torch.ones(2, 3, dtype=torch.bool)
        optimizer = torch.optim.SGD([logits], lr=3.0)
        for _ in range(100):
            optimizer.zero_grad()
            get_loss(logits, mask, [document, short]).backward()
            optimizer.step()
        orders[lead_sets] = logits.argsort(descending=True).tolist()
    assert orders["toy.en",][0] == [0, 1, 2]
    assert orders[()][0][0] == 2
    assert orders["toy.en",][1] == orders[()][1]


def test_the_lead_of_a_page_is_that_of_its_text():
    # Three sentences are put in order, where there are so many.
    document = replace(DOCUMENTS[0], boilerplate=numpy.array([1.0, 0.0, 0.0], dtype="f"))
    get_loss = SummaryLoss({"toy.en": [document]}, 1.0, random.Random(0), 0.0, ["toy.en"])
    logits = torch.zeros(1, 3, requires_grad=True)
    get_loss(logits, torch.ones(1, 3, dtype=torch.bool), [document]).backward()
    line, first, second = (-logits.grad[0]).tolist()
    assert first > second > line
    assert first > 0 > line


def test_a_stretch_of_a_document_has_no_lead():
    document = replace(DOCUMENTS[0], is_whole=False)
    get_loss = SummaryLoss({"toy.en": [document]}, 1.0, random.Random(0))
    logits = torch.zeros(1, 3, requires_grad=True)
    get_loss(logits, torch.ones(1, 3, dtype=torch.bool), [document]).backward()
    assert len(set(logits.grad[0].tolist())) == 1


def test_the_choice_fills_the_budget():
    logits = torch.tensor([[2.0, -1.0, 0.5, 0.0], [0.0, 3.0, 0.0, 0.0]])
    mask = torch.tensor([[True] * 4, [True, True, False, False]])
    weights = torch.tensor([[30.0, 10.0, 20.0, 40.0], [10.0, 10.0, 0.0, 0.0]])
    budgets = torch.tensor([50.0, 500.0])
    degrees = relaxed_choice(logits, mask, weights, budgets)
    assert (degrees * weights).sum(1).tolist() == pytest.approx([50.0, 0.98 * 20], rel=0.01)
    assert degrees[0].argsort(descending=True).tolist() == [0, 2, 3, 1]
    assert degrees[1, 2:].tolist() == [0.0, 0.0]


def test_ascent_finds_the_best_sentence():
    logits = torch.zeros(1, 3, requires_grad=True)
    mask, weights, budget = torch.ones(1, 3, dtype=torch.bool), torch.ones(1, 3), torch.ones(1)
    optimizer = torch.optim.SGD([logits], lr=10.0)
    for _ in range(100):
        optimizer.zero_grad()
        reward = soft_rouge(relaxed_choice(logits, mask, weights, budget), DOCUMENTS[:1])
        (-reward.sum()).backward()
        optimizer.step()
    gains = [sum(score_rouge(REFERENCE, sent).values()) for sent in SENTS]
    assert logits.argmax().item() == int(numpy.argmax(gains))
    assert relaxed_choice(logits, mask, weights, budget).max() > 0.8

"""Step `salience` of the embedded model: a head on surprisal, salience and layout features alone.

In minutes, on more documents than an encoder could read in that time. Where sentences will have
vectors, it sees zeros.
"""

import math
from pathlib import Path

import torch
import typer
from transformers import AutoConfig

from scripts.mini.common import save_checkpoint, seed_everything
from scripts.mini.documents import FEATURES, Document, find_prepared, load_documents
from scripts.mini.encoded import Encoded, Scorer, accumulate_gradients, add_features
from scripts.mini.layers import DEFAULT, build_head
from scripts.mini.loop import Training
from scripts.mini.losses import SummaryLoss
from scripts.mini.sampling import Sampler, draw_batch
from scripts.mini.summarizer import DROPOUT
from scripts.mini.validation import Validation


def main(
    work: Path = typer.Argument(..., exists=True, help="Holds encoder/ and prepared/"),
    save_as: str = typer.Option("salience", help="Name of the files"),
    steps: int = 1_500,
    max_minutes: float = typer.Option(math.inf, help="Finish within this time"),
    batch_sents: int = typer.Option(1_200, help="Sentences that the head reads in a step"),
    rate: float = 1e-3,
    rouge_weight: float = typer.Option(1.0, help="Of relaxed ROUGE in the loss"),
    average_decay: float = typer.Option(0.99, help="Of the mean of weights; 0: the last"),
    warmup: int = 80,
    evaluate_every: int = 250,
    val_documents: int = 40,
    seed: int = 0,
) -> None:
    rng = seed_everything(seed)
    width = AutoConfig.from_pretrained(work / "encoder").hidden_size

    def hide_vectors(document: Document) -> Encoded:
        return Encoded(document, add_features(torch.zeros(len(document.sents), width), document))

    sets, val = (
        {name: load_documents(path, limit) for name, path in find_prepared(work, split).items()}
        for split, limit in (("train", None), ("val", val_documents))
    )
    head = build_head(DEFAULT, width + len(FEATURES), DROPOUT)
    get_loss = SummaryLoss(sets, rouge_weight, rng)
    validation = Validation(val, work / "val_bounds.json")
    hidden = {name: [hide_vectors(one) for one in documents] for name, documents in val.items()}
    sampler = Sampler(sets, rng)
    training = Training(
        head,
        [{"params": head.parameters(), "lr": rate}],
        rng,
        work / f"{save_as}.state.pt",
        steps=steps,
        max_minutes=max_minutes,
        warmup=warmup,
        average_decay=average_decay,
    )

    def accumulate() -> float:
        batch = draw_batch(sampler, batch_sents)
        return accumulate_gradients(head, get_loss, [hide_vectors(one) for one in batch])

    standing = training.run(
        accumulate,
        lambda average: validation.run(Scorer(average, hidden)),
        evaluate_every=evaluate_every,
        save_every=100,
    )
    weights = training.average.module.state_dict()
    save_checkpoint(work / f"{save_as}.pt", name=DEFAULT, head=weights, shares=standing.shares)


if __name__ == "__main__":
    typer.run(main)

"""A head trained from scratch on kept vectors, to be compared with others."""

from pathlib import Path

from scripts.mini.common import seed_everything
from scripts.mini.encoded import Encoded, Scorer, accumulate_gradients, documents_of, width_of
from scripts.mini.layers import DEFAULT, build_head
from scripts.mini.loop import Training
from scripts.mini.losses import SummaryLoss
from scripts.mini.sampling import Sampler, draw_batch
from scripts.mini.validation import Standing, Validation

DROPOUT = 0.1
RATE = 5e-4
BATCH_SENTS = 600


def fit_head(
    sets: dict[str, list[Encoded]],
    test: dict[str, list[Encoded]],
    validation: Validation,
    checkpoint: Path,
    *,
    steps: int,
    head: str = DEFAULT,
    rouge_weight: float = 1.0,
    regret: float = 0.0,
) -> Standing:
    """Train a head, and go on with that if the checkpoint is there.

    validation: Of the documents in `test`.
    head: "linear", "transformer", "recurrent" or "fine_grained".
    rouge_weight, regret: See `scripts.mini.losses.SummaryLoss`.
    RETURNS: How far it goes on the test sets.
    """
    rng = seed_everything(0)
    model = build_head(head, width_of(sets), DROPOUT)
    get_loss = SummaryLoss(documents_of(sets), rouge_weight, rng, regret)
    sampler = Sampler(sets, rng)
    groups = [{"params": model.parameters(), "lr": RATE}]
    training = Training(model, groups, rng, checkpoint, steps=steps)
    return training.run(
        lambda: accumulate_gradients(model, get_loss, draw_batch(sampler, BATCH_SENTS)),
        lambda average: validation.run(Scorer(average, test)),
        evaluate_every=steps,
        save_every=100,
    )

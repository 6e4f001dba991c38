"""The learning rates of the paper."""

import math
from itertools import islice

import pytest
import spacy
from spacy.util import registry
from thinc.api import Adam, Config

from spacy_bertsum.schedules import noam


def test_is_the_formula_from_the_first_step():
    rates = list(islice(noam(2e-3, 10_000), 30_000))
    for step in (1, 2, 9_999, 10_000, 10_001, 30_000):
        expected = 2e-3 * min(step**-0.5, step * 10_000**-1.5)
        assert rates[step - 1] == pytest.approx(expected, rel=1e-12)
    assert max(rates) == rates[9_999] == pytest.approx(2e-5)


def test_without_a_warm_up_worth_the_name():
    assert list(islice(noam(1.0, 1), 4)) == pytest.approx([step**-0.5 for step in (1, 2, 3, 4)])


@pytest.mark.parametrize(
    ("setting", "value"),
    [("rate", 0.0), ("rate", -1.0), ("rate", math.nan), ("warmup_steps", 0)],
)
def test_settings_out_of_range(setting: str, value: float):
    """At once, not when the first rate is asked for."""
    with pytest.raises(ValueError, match=setting):
        noam(**{"rate": 2e-3, "warmup_steps": 10, setting: value})


OPTIMIZER = """
[optimizer]
@optimizers = "Adam.v1"

[optimizer.learn_rate]
@schedules = "spacy-bertsum.noam.v1"
rate = 0.002
warmup_steps = 4
"""


def test_config_makes_the_optimizer_follow_it():
    optimizer = registry.resolve(Config().from_str(OPTIMIZER))["optimizer"]
    rates = []
    for _ in range(8):
        rates.append(optimizer.learn_rate)
        optimizer.step_schedules()
    assert rates == list(islice(noam(0.002, 4), 8))


def test_training_config_takes_it():
    """By its name alone, as `spacy train` reads a config without --code."""
    config = spacy.blank("xx").config.copy()
    config["training"]["optimizer"] = Config().from_str(OPTIMIZER)["optimizer"]
    nlp = spacy.util.load_model_from_config(config, auto_fill=True, validate=True)
    resolved = registry.resolve(
        nlp.config.interpolate()["training"], schema=spacy.schemas.ConfigSchemaTraining
    )
    assert resolved["optimizer"].learn_rate == 0.002 * 4**-1.5


def test_goes_on_exactly_after_a_restart():
    whole = Adam(noam(0.002, 5))
    for _ in range(20):
        whole.step_schedules()
    restarted = Adam(noam(0.002, 5))
    for _ in range(12):
        restarted.step_schedules()
    for _ in range(8):
        restarted.step_schedules()
        rate = restarted.learn_rate
    assert rate == whole.learn_rate == next(islice(noam(0.002, 5), 20, None))

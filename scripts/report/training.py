"""What a training was: its settings, and how it went."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import srsly

SHARED_ENCODERS = ("transformer", "tok2vec")
# Of the config, what tells one training from another.
TRAINING = (
    "dropout",
    "accumulate_gradient",
    "max_epochs",
    "max_steps",
    "patience",
    "eval_frequency",
    "seed",
    "batcher",
    "optimizer",
)
# Names, not numbers: they do not change what is learnt.
NAMES = ("factory", "scorer", "spans_key", "summary_attr", "scores_attr", "summarize_attr")


def get_settings(config: Mapping[str, Any], component: str, *, trained: bool) -> dict[str, Any]:
    """The essential settings of a pipeline, by their names in its config; those left open are not
    among them.

    component: The name of the component bertsum.
    trained: Whether the config is that of a training, and [training] more than defaults.
    """
    components = config["components"]
    parts = {f"components.{component}": components[component]}
    for name, settings in components.items():
        if settings.get("factory") in SHARED_ENCODERS:
            parts[f"components.{name}.model"] = settings["model"]
    if trained:
        parts["paths.train"] = config.get("paths", {}).get("train")
        parts |= {f"training.{key}": config["training"].get(key) for key in TRAINING}
    return {name: value for key, part in parts.items() for name, value in _leaves(key, part)}


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            if key not in NAMES:
                yield from _leaves(f"{name}.{key}", part)
    elif value is not None:
        yield name, value


def read_log(path: Path, component: str, accumulate: int) -> list[dict[str, Any]]:
    """The evaluations of a training, from the output_file of spaCy's ConsoleLogger.v3.

    The loss in the log is a sum over all updates since the evaluation before; here it is their
    mean. A training that was resumed may have logged a step twice: the last time counts.

    component: The name of the component bertsum.
    accumulate: Updates in a step, [training] accumulate_gradient.
    RETURNS: For each evaluation ``epoch``, ``step``, ``loss``, ``scores`` and ``score`` (× 100).
    RAISES: ValueError if the file is no such log.
    """
    try:
        logged = {line["step"]: line for line in srsly.read_jsonl(path)}
        steps = sorted(logged)
        # The first evaluation comes after one step, which is counted as 0.
        lengths = [1, *(after - before for before, after in pairwise(steps))]
        return [
            {
                "epoch": logged[step]["epoch"],
                "step": step,
                "loss": logged[step]["losses"][component] / (length * accumulate),
                "scores": logged[step]["scores"],
                "score": 100 * logged[step]["score"],
            }
            for step, length in zip(steps, lengths, strict=False)
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is no training log of a pipeline with {component!r}, as "
            f"spacy.ConsoleLogger.v3 writes it to its output_file: {error!r}"
        ) from error

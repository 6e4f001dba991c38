"""bertsum with the settings that pass over sentences which say the same as others."""

from typing import Any

from spacy.language import Language

from benchmarks.quality.model import MODEL, fingerprint_model, summarize
from benchmarks.quality.systems import Ready, System

# By name: the paper's trigram blocking, and maximal marginal relevance.
SETTINGS: dict[str, dict[str, Any]] = {
    f"{MODEL} block_ngrams=3": {"block_ngrams": 3},
    f"{MODEL} diversity=0.3": {"diversity": 0.3},
}
ABOUT = {
    name: f"""\
**{name}** has this setting in `doc._.summarize(...)`. With a number of characters, it takes
sentences in the order in which summaries of one more each take them."""
    for name in SETTINGS
}


def make_redundancy_systems(nlp: Language, model: str) -> list[System]:
    """What is lost or won against the model without the setting is what the setting does."""
    return [
        System(
            name,
            fingerprint_model(model),
            lambda name=name, settings=settings: Ready(
                lambda test_set: summarize(nlp, test_set, name, **settings)
            ),
        )
        for name, settings in SETTINGS.items()
    ]

"""bertsum on other documents, or with other settings, than those that it is judged by."""

from spacy.language import Language

from benchmarks.quality import changed, redundancy
from benchmarks.quality.systems import System

# What pages say of each, by name.
ABOUT_VARIANTS = changed.ABOUT | redundancy.ABOUT


def make_variants(nlp: Language, model: str) -> list[System]:
    return [
        *changed.make_changed_systems(nlp, model),
        *redundancy.make_redundancy_systems(nlp, model),
    ]

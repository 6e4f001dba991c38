"""The embedded model on documents that were changed, as benchmarks.quality measures it."""

from functools import cache

import pytest

from benchmarks.peers.client import make_document
from benchmarks.peers.protocol import Extract
from benchmarks.quality.changed import CHANGED, RESPELT, SHUFFLED, make_changed_systems
from benchmarks.quality.model import build_pipeline, make_model_system
from benchmarks.quality.sets import TestSet, divide
from spacy_bertsum.records import Record

TEXT = """\
The ferry to the island stopped running on Monday. A storm had torn its moorings from the pier.
Nobody was hurt. Two hundred people live on the island, most of them fishermen. Bread and post now
come by helicopter twice a week. The council wants a new pier before the winter. It would cost four
million pounds, half of which the government has promised. Work could begin in May.
"""


@cache
def choose_with_all() -> dict[str, Extract]:
    """What every system chooses of one document, by its name."""
    nlp = build_pipeline("xx_bertsum_mini")
    records = [Record(TEXT, ("The ferry has stopped.",), id="ferry")]
    (sents,) = divide(nlp, records, "toy.en")
    test_set = TestSet("toy.en", "en", 3, records, [make_document(sents, "en", 3, 100)])
    name = "xx_bertsum_mini"
    extracts = {}
    for system in (make_model_system(nlp, name), *make_changed_systems(nlp, name)):
        with system.open() as select:
            (extracts[system.name],) = select(test_set).extracts
    return extracts


@pytest.mark.parametrize("name", CHANGED)
def test_chooses_among_the_sentences_of_the_document(name: str):
    extract = choose_with_all()[name]
    assert sorted(extract.ranking) == list(range(8))
    assert extract.chosen == sorted(extract.ranking[:3])


def test_all_changes_change_something():
    extracts = choose_with_all()
    assert set(extracts) == {"bertsum", SHUFFLED, *RESPELT}
    assert len({tuple(extract.ranking) for extract in extracts.values()}) == len(extracts)

"""The embedded model on changed documents and with other settings, as benchmarks.quality has it."""

from functools import cache

import pytest

from benchmarks.peers.client import make_document
from benchmarks.peers.protocol import Extract
from benchmarks.quality.changed import RESPELT, SHUFFLED
from benchmarks.quality.model import build_pipeline, make_model_system
from benchmarks.quality.redundancy import SETTINGS
from benchmarks.quality.sets import TestSet, divide
from benchmarks.quality.variants import ABOUT_VARIANTS, make_variants
from spacy_bertsum.records import Record

TEXT = """\
The ferry to the island stopped running on Monday. A storm had torn its moorings from the pier.
Nobody was hurt. Two hundred people live on the island, most of them fishermen. Bread and post now
come by helicopter twice a week. The council wants a new pier before the winter. It would cost four
million pounds, half of which the government has promised. Work could begin in May. The ferry to the
island stopped running in the morning.
""".replace("\n", " ").strip()
N_SENTS = 9


@cache
def choose_with_all() -> dict[str, Extract]:
    """What every system chooses of one document, by its name."""
    nlp = build_pipeline("xx_bertsum_mini")
    records = [Record(TEXT, ("The ferry has stopped.",), id="ferry")]
    (sents,) = divide(nlp, records, "toy.en")
    n_chars = len(TEXT)
    test_set = TestSet("toy.en", "en", 3, records, [make_document(sents, "en", 3, n_chars)])
    name = "xx_bertsum_mini"
    extracts = {}
    for system in (make_model_system(nlp, name), *make_variants(nlp, name)):
        with system.open() as select:
            (extracts[system.name],) = select(test_set).extracts
    return extracts


@pytest.mark.parametrize("name", ABOUT_VARIANTS)
def test_chooses_among_the_sentences_of_the_document(name: str):
    extract = choose_with_all()[name]
    assert sorted(extract.ranking) == list(range(N_SENTS))
    assert extract.chosen == sorted(extract.ranking[:3])


def test_all_changes_change_something():
    extracts = choose_with_all()
    assert extracts.keys() == {"bertsum", *ABOUT_VARIANTS}
    rankings = {tuple(extracts[name].ranking) for name in ("bertsum", SHUFFLED, *RESPELT)}
    assert len(rankings) == 2 + len(RESPELT)


@pytest.mark.parametrize("name", SETTINGS)
def test_what_was_said_before_falls_behind(name: str):
    first, again = 0, N_SENTS - 1
    extracts = choose_with_all()
    assert extracts[name].ranking.index(first) == extracts["bertsum"].ranking.index(first)
    assert extracts[name].ranking.index(again) > extracts["bertsum"].ranking.index(again)

"""The comparison with other summarizers, without their packages."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.peers import client
from benchmarks.peers.client import Peer, Peers, make_document
from benchmarks.peers.protocol import Extract
from benchmarks.quality.model import MODEL
from benchmarks.quality.page import format_model, format_model_page, format_page, format_result
from benchmarks.quality.scores import SetScores, average_sets, join_languages, score_set
from benchmarks.quality.sets import TestSet
from benchmarks.quality.store import Result, Store
from benchmarks.quality.systems import (
    LEAD,
    ORACLE,
    RANDOM,
    Choice,
    Ready,
    System,
    choose_best,
    choose_lead,
    choose_randomly,
    make_baselines,
)
from scripts.evaluation import CHARACTERS, SENTENCES
from spacy_bertsum.records import Record

SENTS = [
    "The ferry to the island stops in October.",
    "Rain is expected.",
    "Without the ferry the island has no doctor.",
    "The doctor comes with the ferry.",
]
PEER = "sumy Luhn"

# A system in the place of a peer: it does what the first sentence says.
FAKE = """
import sys
sys.path.insert(0, {folder!r})
import runner, systems
from protocol import Extract
from systems.ranker import Ranker

class Fake(Ranker):
    def fit(self, documents):
        self.n_docs = len(documents)

    def rank(self, document):
        match document.sents[0]:
            case "Fail.":
                raise ArithmeticError("no words")
            case "Work.":
                while True:
                    pass
            case "Die.":
                print("out of luck", file=sys.stderr, flush=True)
                sys.exit(3)
        print("it thinks aloud")
        return [len(document.sents) - 1, 1]

sys.modules["systems.fake"] = sys.modules["__main__"]
systems.SYSTEMS["fake"] = ("fake", "Fake", ())
runner.main("fake")
"""


@pytest.fixture
def fake(tmp_path: Path) -> Callable[[], Peer]:
    script = tmp_path / "fake.py"
    script.write_text(FAKE.format(folder=str(client.RUNNER.parent)), encoding="utf-8")
    return lambda: Peer([sys.executable, str(script)], tmp_path / "log.txt")


def make_set(name: str = "news.en", n_docs: int = 2, n_sents: int = 1) -> TestSet:
    records = [
        Record(" ".join(SENTS), ("The island has no doctor without the ferry.",), id=i)
        for i in range(n_docs)
    ]
    documents = [make_document(SENTS, "en", n_sents, 43) for _ in records]
    return TestSet(name, "en", n_sents, records, documents)


def test_pacsum_prefers_what_others_come_back_to(tmp_path: Path):
    command = [sys.executable, str(client.RUNNER), "PacSum (tf-idf)"]
    sents = [
        "Snow fell.",
        "A ferry will sail to the island.",
        "The island has a school.",
        "The ferry is old.",
        "Nobody was hurt.",
        "Cats sleep.",
    ]
    with Peer(command, tmp_path / "log.txt") as peer:
        run = peer.run([make_document(sents, "en", 2)])
    (extract,) = run.extracts
    # Both others follow the second sentence, and share their words with it.
    assert extract.ranking[0] == 1
    assert len(extract.chosen) == 2
    assert sorted(extract.ranking) == list(range(6))
    assert run.seconds > 0
    assert run.peak_memory_mb > 1
    assert not run.failures


def test_a_peer_is_asked_through_a_pipe(fake: Callable[[], Peer]):
    with fake() as peer:
        run = peer.run([make_document(SENTS, "en", 2, 60), make_document(SENTS, "en", 3)])
    assert [extract.chosen for extract in run.extracts] == [[1, 3], [0, 1, 3]]
    # Sentences it does not rank come after the others.
    assert run.rankings == [[3, 1, 0, 2]] * 2


def test_failures_are_counted(fake: Callable[[], Peer]):
    documents = [make_document(["Fail.", *SENTS], "en", 2), make_document(SENTS, "en", 2)]
    with fake() as peer:
        run = peer.run(documents)
    assert run.failures == {0: "ArithmeticError: no words"}
    assert run.extracts[0].chosen == [0, 1]
    assert run.extracts[1].chosen == [1, 3]


def test_a_limit_of_time_stops_a_peer_but_not_its_process(fake: Callable[[], Peer]):
    slow = [make_document(SENTS, "en", 1), make_document(["Work."], "en", 1)]
    with fake() as peer:
        run = peer.run(slow, limit=0.3)
        assert run.is_stopped
        assert run.extracts == []
        assert run.cpu_seconds == pytest.approx(0.3, abs=0.2)
        assert peer.run(slow[:1], limit=5).extracts[0].chosen == [3]


def test_end_of_a_peer_is_an_error(fake: Callable[[], Peer]):
    with fake() as peer, pytest.raises(RuntimeError, match="code 3") as caught:
        peer.run([make_document(["Die."], "en", 1)])
    assert "out of luck" in str(caught.value)


def test_unknown_peer(tmp_path: Path):
    with pytest.raises(ValueError, match=r"No peer is called 'Sumy'\. There are: .*sumy LexRank"):
        Peers(tmp_path).run("Sumy", [])


def test_words_in_scripts_without_spaces():
    document = make_document(["ฝนตก", "雨が降った。", "It's Raining"], "und", 1)
    assert document.words[1] == list("雨が降った")
    assert len(document.words[0]) > 1
    assert document.words[2] == ["it", "s", "raining"]


def test_random_is_the_same_in_every_run():
    test_set = make_set(n_docs=20)
    found = list(choose_randomly(test_set))
    assert found == list(choose_randomly(test_set))
    assert len({tuple(extract.ranking) for extract in found}) > 5
    assert found != list(choose_randomly(make_set("other.en", n_docs=20)))


def test_results_are_kept(tmp_path: Path):
    store, test_set = Store(tmp_path), make_set()
    lead = make_baselines()[0]
    assert store.find(lead, test_set) is None
    with lead.open() as choose:
        result = store.add(lead, test_set, choose(test_set))
    assert store.find(lead, test_set) == result
    assert len(result.scores) == 2
    # Another version of the system, or other documents, and it has to be run again.
    assert store.find(System(LEAD, "new", lead.open), test_set) is None
    assert store.find(lead, make_set(n_sents=2)) is None


def test_more_time_is_another_try(tmp_path: Path):
    store, test_set = Store(tmp_path), make_set()

    def allow(limit: float | None) -> System:
        return System(PEER, "", lambda: Ready(choose_lead), limit=limit)

    store.add(allow(10), test_set, Choice([], 10.1, limit=10))
    assert store.find(allow(10), test_set).scores == []
    assert store.find(allow(5), test_set).choice.limit == 10
    assert store.find(allow(20), test_set) is None


def test_characters_are_filled_by_rank(tmp_path: Path):
    test_set = make_set(n_docs=1)
    assert test_set.documents[0].n_chars == 43
    system = System(PEER, "", lambda: Ready(choose_lead))
    choice = Choice([Extract([1], [2, 0, 1, 3])])
    (scores,) = Store(tmp_path).add(system, test_set, choice).scores
    # All words of the reference and no other, in another order; nothing of the sentence after it.
    assert scores[CHARACTERS]["rouge_1"] == 100
    assert scores[SENTENCES]["rouge_1"] == 0


def make_scores(name: str, **points: list[float]) -> SetScores:
    """A set on which systems have these scores, a number for each document."""
    points = {LEAD: [10] * 4, RANDOM: [5] * 4, ORACLE: [50] * 4, **points}
    results = {
        system: Result(
            Choice([Extract([0], [0])] * len(values), 2.0),
            [
                {
                    way: dict.fromkeys(("rouge_1", "rouge_2", "rouge_l"), value)
                    for way in (SENTENCES, CHARACTERS)
                }
                for value in values
            ],
        )
        for system, values in points.items()
    }
    return score_set(make_set(name, n_docs=4), results)


def test_scores_of_a_set():
    scores = make_scores("news.en", bertsum=[20, 30, 20, 30], peer=[19, 29, 20, 30])
    by_sents = scores.scores[SENTENCES]
    assert by_sents.means[MODEL] == 25
    assert by_sents.closed[MODEL] == pytest.approx(15 / 40)
    assert by_sents.find_best(["peer", LEAD, RANDOM]) == "peer"
    mean, low, high = by_sents.subtract(MODEL, "peer")
    assert mean == 0.5
    # Paired: documents differ by ten points, the systems by one at most.
    assert 0 <= low < high <= 1
    assert by_sents.subtract(MODEL, LEAD).verdict == 1


def test_translations_of_a_document_count_as_one():
    points = {MODEL: [9, 30, 12, 40]}

    def width(*names: str) -> float:
        """Of the interval of the mean over sets, whose documents have the same ids."""
        mean = average_sets([make_scores(name, **points) for name in names], "").scores[SENTENCES]
        _, low, high = mean.subtract(MODEL, LEAD)
        return high - low

    alone = width("news.en")
    assert width("news.en", "news.fr") == pytest.approx(alone)
    assert width("news.en", "talk.en") < 0.9 * alone


def test_no_share_where_the_greedy_oracle_is_not_above_lead():
    level = make_scores("news.ln", LEAD=[50] * 4, bertsum=[49] * 4)
    assert level.scores[SENTENCES].means[MODEL] == 49
    assert level.scores[SENTENCES].closed == {}
    above = make_scores("news.en", bertsum=[20] * 4)
    assert average_sets([level, above], "mean").scores[SENTENCES].closed[MODEL] == 0.25
    assert average_sets([level, level], "mean").scores[SENTENCES].closed == {}
    row, *_ = format_model([level, above]).splitlines()[2:]
    assert row.split(" | ")[:7] == ["| news.ln", "4", "1", "50.0", "49.0", "50.0", "–"]


def test_a_mean_has_the_systems_that_did_all_sets():
    sets = [
        make_scores("news.en", bertsum=[20] * 4, peer=[30] * 4),
        make_scores("news.fr", bertsum=[30] * 4),
        make_scores("talk.en", bertsum=[40] * 4, peer=[30] * 4),
    ]
    mean = average_sets(sets, "mean").scores[SENTENCES]
    assert mean.means[MODEL] == 30
    assert "peer" not in mean.means
    news, talk = join_languages(sets)
    assert (news.name, news.scores[SENTENCES].means[MODEL]) == ("news", 25)
    assert (talk.name, talk.n_docs) == ("talk", 4)


def test_on_how_many_sets_the_model_is_ahead():
    sets = [
        make_scores("news.en", bertsum=[20] * 4, **{PEER: [30] * 4}),
        make_scores("news.fr", bertsum=[44] * 4, **{PEER: [30] * 4}),
        make_scores("talk.en", bertsum=[9, 13, 9, 13], **{PEER: [8] * 4}),
    ]
    text = format_result(sets, [LEAD, RANDOM, PEER, MODEL, ORACLE], SENTENCES)
    assert "On **2 of 3** sets, bertsum is ahead" in text
    assert "clearly (95 %) on 1 (news.fr); clearly behind on 1 (news.en)." in text
    assert "On **2 of 2** sets, languages of a set as one" in text


def test_page_says_why_a_score_is_missing():
    scores = make_scores("news.en", bertsum=[20] * 4)
    limited = Result(Choice([], 301.0, limit=300), [])
    failed = Result(Choice([], 1.0, 2, "ZeroDivisionError: division by zero"), [])
    sets = [
        SetScores("news.en", 4, 1, scores.scores, {**scores.results, PEER: limited}),
        make_scores("talk.fr", bertsum=[20] * 4, **{PEER: [30, 31, 30, 31]}),
    ]
    sets[1].results["lexrank"] = failed
    page = format_page(sets, [RANDOM, PEER], "Quality", "Made here.", {"sumy": "0.13.0"})
    assert (
        "| news.en | 1 | 10.0 | 5.0 | – | **20.0** | 50.0 | +10.0 (+10.0 … +10.0), LEAD |" in page
    )
    assert "| talk.fr | 1 | 10.0 | 5.0 | **30.5** | 20.0 | 50.0 | -10.5" in page
    assert "- sumy Luhn, news.en: more than 300 CPU seconds" in page
    assert "sumy 0.13.0" in page
    assert "mean over the 1 sets that all did" in page
    mean = next(line for line in page.splitlines() if line.startswith("| **mean over sets**"))
    assert mean == "| **mean over sets** |  | 10.0 | 5.0 | – | **20.0** | 50.0 |  |"


def test_page_without_other_summarizers():
    page = format_model_page([make_scores("news.en", bertsum=[20] * 4)], "Quality", "")
    assert "| news.en | 4 | 1 | 10.0 | 20.0 | 50.0 | 0.25 | +10.0 … +10.0 |" in page
    assert "sumy" not in page


def test_page_of_variants_says_nothing_of_other_summarizers():
    scores = make_scores("news.en", **{MODEL: [20] * 4, f"{MODEL} shuffled": [10] * 4})
    page = format_page([scores], [RANDOM, f"{MODEL} shuffled"], "Quality", "", {"sumy": "0.13.0"})
    assert f"**{MODEL} shuffled** gets the sentences" in page
    assert "sumy" not in page
    assert "What the others took" not in page


def test_the_oracle_is_the_best_of_the_baselines(tmp_path: Path):
    store, test_set = Store(tmp_path), make_set()
    by_name = {system.name: system for system in make_baselines()}
    assert by_name.keys() == {LEAD, RANDOM, ORACLE}
    results = {
        name: store.add(system, test_set, Ready(choose)(test_set))
        for (name, system), choose in zip(
            by_name.items(), (choose_lead, choose_randomly, choose_best), strict=True
        )
    }
    means = score_set(test_set, results).scores[SENTENCES].means
    assert means[ORACLE] >= means[LEAD]

"""LEAD, model and oracle on the same sentences: what the benchmark and the report share.

LEAD takes a document's first sentences, the oracle knows the reference. Extracts are compared in
two ways: with the same number of sentences; and with the same number of characters, those of the
document's reference, the last sentence cut.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy
from spacy.language import Language
from spacy.scorer import PRFScore
from spacy.tokens import Doc
from spacy.training import Example

from spacy_bertsum.cli.pipelines import get_bertsum, make_doc
from spacy_bertsum.extensions import SPANS_KEY
from spacy_bertsum.gold import find_gold, set_gold
from spacy_bertsum.labels import get_labels
from spacy_bertsum.language import get_lang
from spacy_bertsum.oracle import greedy_oracle, sentence_gains
from spacy_bertsum.records import Record
from spacy_bertsum.rouge import METRICS, score_rouge

SYSTEMS = ("lead", "model", "oracle")
LEAD, MODEL, ORACLE = range(len(SYSTEMS))
SENTENCES, CHARACTERS = WAYS = ("sentences", "characters")
RESAMPLES = 1_000
BATCH_SIZE = 16


@dataclass(frozen=True)
class Result:
    """The systems on one document.

    n_sents: How many sentences it has.
    chosen: For each system the sentences it took where their number is set, ascending.
    gold: The gold sentences: those labelled, or else the oracle's, as many as it likes to take.
    scores: For each way of counting and system, ROUGE-1, ROUGE-2 and ROUGE-L F1 × 100.
    """

    id: str
    lang: str
    n_sents: int
    chosen: dict[str, list[int]]
    gold: list[int]
    scores: dict[str, dict[str, dict[str, float]]]


def evaluate(
    nlp: Language, records: Sequence[Record], count: Callable[[str], int]
) -> Iterator[Result]:
    """Compare the systems on documents.

    nlp: A pipeline with a component bertsum.
    records: The documents, each with at least one reference.
    count: How many sentences to choose from a document in a language.
    """
    cfg = get_bertsum(nlp).cfg
    docs = (make_doc(nlp, record.text, record.lang) for record in records)
    for doc, record in zip(nlp.pipe(docs, batch_size=BATCH_SIZE), records, strict=True):
        lang = get_lang(doc)
        sents = [sent.text.strip() for sent in doc.sents]
        oracle = greedy_oracle(sents, record.references)
        n = count(lang)
        rankings = {
            "lead": list(range(len(sents))),
            "model": rank_by_scores(doc, cfg["scores_attr"]),
            "oracle": rank_by_oracle(sents, record.references, oracle),
        }
        chosen = {
            "lead": rankings["lead"][:n],
            "model": choose(doc, n, cfg["summarize_attr"]),
            "oracle": greedy_oracle(sents, record.references, n),
        }
        budget = count_characters(record.references)
        by_system = {
            system: score_extract(sents, record.references, chosen[system], ranking, budget)
            for system, ranking in rankings.items()
        }
        scores = {way: {system: by_system[system][way] for system in SYSTEMS} for way in WAYS}
        gold = oracle if record.labels is None else _labelled(nlp, doc, record, lang)
        id_ = "" if record.id is None else str(record.id)
        yield Result(id_, lang, len(sents), chosen, gold, scores)


def count_characters(references: Sequence[str]) -> int:
    """How many characters the references have on average, rounded."""
    return round(float(numpy.mean([len(reference) for reference in references])))


def score_extract(
    sents: Sequence[str],
    references: Sequence[str],
    chosen: Sequence[int],
    ranking: Sequence[int],
    n_chars: int,
) -> dict[str, dict[str, float]]:
    """The scores of what a system takes of a document, in both ways.

    chosen: The sentences it takes where their number is set, ascending.
    ranking: The sentences in the order in which they fill `n_chars` characters.
    RETURNS: For each way, ROUGE-1, ROUGE-2 and ROUGE-L F1 × 100.
    """
    texts = {
        SENTENCES: " ".join(sents[i] for i in chosen),
        CHARACTERS: _fill_budget(sents, ranking, n_chars),
    }
    return {way: _score(tuple(references), text) for way, text in texts.items()}


# Systems often choose the same.
@lru_cache(maxsize=2**16)
def _score(references: tuple[str, ...], summary: str) -> dict[str, float]:
    return {metric: 100 * f for metric, f in score_rouge(references, summary).items()}


def _labelled(nlp: Language, doc: Doc, record: Record, lang: str) -> list[int]:
    """The pipeline's sentences that the labels of the record's own sentences make gold."""
    reference = nlp.make_doc(record.text)
    set_gold(reference, record, find_gold(reference, record, lang, split=lambda doc: doc))
    return numpy.flatnonzero(get_labels(Example(doc, reference), SPANS_KEY)).tolist()


def rank_by_scores(doc: Doc, scores_attr: str) -> list[int]:
    """The sentences by the pipeline's scores, the best first."""
    return numpy.argsort(-doc._.get(scores_attr), kind="stable").tolist()


def choose(doc: Doc, n_sents: int, summarize_attr: str, **settings: Any) -> list[int]:
    """The sentences that the pipeline, with what else it is set to, chooses of a document.

    settings: More, to take the place of the pipeline's.
    """
    starts = [sent.start for sent in doc.sents]
    spans = getattr(doc._, summarize_attr)(n_sents=n_sents, as_spans=True, **settings)
    return sorted(starts.index(span.start) for span in spans)


def rank_by_oracle(
    sents: Sequence[str], references: Sequence[str], oracle: Sequence[int]
) -> list[int]:
    """The oracle's sentences, then all others, each by its own ROUGE."""
    gains = sentence_gains(sents, references)
    return sorted(range(len(sents)), key=lambda i: (i not in oracle, -gains[i]))


def _fill_budget(sents: Sequence[str], ranking: Sequence[int], budget: int) -> str:
    """Take sentences by rank until `budget` characters are full, cutting the last of them."""
    parts: dict[int, str] = {}
    for i in ranking:
        if budget <= 0:
            break
        parts[i] = sents[i][:budget]
        budget -= len(parts[i]) + 1
    return " ".join(parts[i] for i in sorted(parts))


def mean_reference_sents(nlp: Language, records: Iterable[Record]) -> int:
    """How many sentences the references have on average, rounded and at least 1."""
    with nlp.select_pipes(disable=[get_bertsum(nlp).name]):
        docs = (
            make_doc(nlp, reference, record.lang)
            for record in records
            for reference in record.references
        )
        lengths = [len(list(doc.sents)) for doc in nlp.pipe(docs)]
    return max(1, round(float(numpy.mean(lengths))))


@dataclass(frozen=True)
class Comparison:
    """The mean scores of the systems, and how they would vary with other documents.

    means: Mean ROUGE F1 × 100, shape (systems,).
    resampled: The same for bootstrap samples of the documents, shape (samples, systems). A
        sample has the same documents for all systems, so that differences are paired.
    """

    means: numpy.ndarray
    resampled: numpy.ndarray

    @cached_property
    def intervals(self) -> numpy.ndarray:
        """95 % of the samples' means lie inside, shape (systems, 2)."""
        return interval(self.resampled).T

    @property
    def difference(self) -> float:
        """How much better the model is than LEAD, in points."""
        return float(self.means[MODEL] - self.means[LEAD])

    @property
    def difference_interval(self) -> tuple[float, float]:
        low, high = interval(self.resampled[:, MODEL] - self.resampled[:, LEAD])
        return float(low), float(high)

    @property
    def closed(self) -> float:
        """The share of the way from LEAD to the oracle."""
        lead, model, oracle = self.means
        return float((model - lead) / max(oracle - lead, 1e-4))


def interval(values: numpy.ndarray) -> numpy.ndarray:
    """95 % of the values lie inside, shape (2, …)."""
    return numpy.quantile(values, [0.025, 0.975], axis=0)


def compare(
    results: Sequence[Result], way: str, metric: str | None = None, group: str = ""
) -> Comparison:
    """Mean scores of some documents, at least one.

    way: One of `WAYS`.
    metric: rouge_1, rouge_2 or rouge_l; the mean of the three if None.
    group: The documents' name: groups that go into a common mean need different ones.
    """
    metrics = list(METRICS) if metric is None else [metric]
    values = numpy.array(
        [
            [numpy.mean([result.scores[way][system][m] for m in metrics]) for system in SYSTEMS]
            for result in results
        ]
    )
    keys = [f"{group} {i}" for i in range(len(values))]
    return Comparison(values.mean(axis=0), resample(values, keys))


def resample(values: numpy.ndarray, keys: Iterable[str]) -> numpy.ndarray:
    """Means of bootstrap samples of documents, the same documents for all systems.

    How often a sample has a document is a Poisson number, which needs no common draw (Chamandy et
    al. 2012, "Estimating uncertainty for massive data streams").

    values: Shape (documents, systems).
    keys: What says how often a document is in each sample. Translations that have the same key vary
        together, also in different groups that go into a common mean.
    RETURNS: Shape (samples, systems).
    """
    counts = numpy.stack([_draw_counts(key) for key in keys])
    # Of very few documents none may have been drawn.
    counts[:, counts.sum(axis=0) == 0] = 1
    return counts.T @ values / counts.sum(axis=0)[:, None]


def _draw_counts(key: str) -> numpy.ndarray:
    return numpy.random.default_rng(list(key.encode())).poisson(size=RESAMPLES)


def average(comparisons: Sequence[Comparison]) -> Comparison:
    """The mean over groups of documents, each of them counting the same."""
    return Comparison(
        numpy.mean([comparison.means for comparison in comparisons], axis=0),
        numpy.mean([comparison.resampled for comparison in comparisons], axis=0),
    )


def score_sents(results: Iterable[Result], system: str) -> PRFScore:
    """Precision, recall and F1 of a system's sentences against the gold sentences."""
    score = PRFScore()
    for result in results:
        score.score_set(set(result.chosen[system]), set(result.gold))
    return score

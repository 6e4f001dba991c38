"""Reference summary → sentence labels: the greedy oracle."""

from collections import Counter
from collections.abc import Sequence

import numpy

from .rouge import tokenize


def greedy_oracle(
    sentences: Sequence[str], references: str | Sequence[str], max_sents: int | None = None
) -> list[int]:
    """Choose the sentences that together come closest to a reference summary.

    Sentences are added one by one, each time the one that raises ROUGE-1 F + ROUGE-2 F most,
    until none does (Nallapati et al. 2017; Liu & Lapata 2019). N-grams do not cross sentences.
    With several references, each gets its own oracle and the one that scores highest is kept.

    sentences: The document's sentences.
    references: The reference summary, or several alternatives.
    max_sents: Stop at this many sentences; by default nothing but the score stops the search.
    RETURNS: The indices of the chosen sentences in document order; empty if no sentence shares
        a token with a reference.
    """
    if isinstance(references, str):
        references = [references]
    tokens = [tokenize(sentence) for sentence in sentences]
    limit = len(sentences) if max_sents is None else min(max_sents, len(sentences))
    found = [_oracle_of_tokens(tokens, tokenize(reference), limit) for reference in references]
    _, chosen = max(found, key=lambda pair: pair[0], default=(0.0, []))
    return sorted(chosen)


def sentence_gains(sentences: Sequence[str], references: str | Sequence[str]) -> numpy.ndarray:
    """How close each sentence by itself comes to a reference: soft labels.

    RETURNS: The mean of ROUGE-1 F and ROUGE-2 F, 0 to 1, the best over the references, shape
        (sentences,).
    """
    if isinstance(references, str):
        references = [references]
    tokens = [tokenize(sentence) for sentence in sentences]
    gains = [numpy.zeros(len(tokens))]
    for reference in map(tokenize, references):
        unigrams, bigrams = (_NgramTable(tokens, reference, n).score_each() for n in (1, 2))
        gains.append((unigrams + bigrams) / 2)
    return numpy.max(gains, axis=0)


def _oracle_of_tokens(
    sentences: list[list[str]], reference: list[str], limit: int
) -> tuple[float, list[int]]:
    """The oracle over tokens, all candidates of a step at once, and its score."""
    tables = [_NgramTable(sentences, reference, n) for n in (1, 2)]
    best, chosen = 0.0, []
    while len(chosen) < limit:
        # Rounded, so that equal sums of fractions are equal: of tied sentences the first counts,
        # and a tie with the extract so far is no gain.
        scores = sum(table.score_each() for table in tables).round(9)
        scores[chosen] = 0.0
        candidate = int(scores.argmax())
        if scores[candidate] <= best:
            break
        best = float(scores[candidate])
        chosen.append(candidate)
        for table in tables:
            table.add(candidate)
    return best, chosen


class _NgramTable:
    """How often each n-gram of the reference occurs in each sentence and in the extract so far."""

    def __init__(self, sentences: list[list[str]], reference: list[str], n: int):
        wanted = Counter(_ngrams(reference, n))
        column = {ngram: i for i, ngram in enumerate(wanted)}
        self.wanted = numpy.fromiter(wanted.values(), dtype="f8", count=len(wanted))
        self.counts = numpy.zeros((len(sentences), len(wanted)))
        for row, sentence in zip(self.counts, sentences, strict=True):
            for ngram in _ngrams(sentence, n):
                if ngram in column:
                    row[column[ngram]] += 1
        self.totals = numpy.array([max(len(s) - n + 1, 0) for s in sentences], dtype="f8")
        self.extract_counts = numpy.zeros(len(wanted))
        self.extract_total = 0.0

    def score_each(self) -> numpy.ndarray:
        """ROUGE-N F of the extract with each sentence added to it, shape (sentences,)."""
        hits = numpy.minimum(self.counts + self.extract_counts, self.wanted).sum(axis=1)
        total = self.totals + self.extract_total + self.wanted.sum()
        return 2 * hits / numpy.maximum(total, 1.0)

    def add(self, i: int) -> None:
        self.extract_counts += self.counts[i]
        self.extract_total += self.totals[i]


def _ngrams(tokens: list[str], n: int) -> zip:
    return zip(*(tokens[i:] for i in range(n)), strict=False)

"""Variants of a document without some of its parts, and the logit of one sentence in each."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import numpy
from spacy.language import Language
from spacy.tokens import Doc, Span
from thinc.api import Model
from thinc.types import Floats1d

from .. import centrality, surprisal
from ..component import BertSum
from ..layers.pieces import get_sents
from ..layers.salience import FEATURES
from ..surface import clean
from ..words import get_is_word

# Documents made and scored at once.
_BATCH = 64
# Stands for a sentence none of whose tokens is left.
_NOTHING = "…"
VECTOR = "meaning"
# What the features of `salience`, `layout` and `surprisal` tell of a sentence. Those of the
# document as a whole are the same for all its sentences and stay.
GROUPS = {
    "position": (
        "is_first",
        "is_last",
        "reciprocal_rank",
        "position",
        "position_from_end",
        "starts_paragraph",
        "ends_paragraph",
        "paragraph_sentences",
        "position_in_paragraph",
        "paragraph",
    ),
    "length": (
        "log_length",
        "relative_length",
        "relative_length_of_previous",
        "relative_length_of_next",
    ),
    "centrality": (*centrality.FEATURES, *surprisal.CENTRALITY),
    "wording": (
        "word_probability",
        "new_words",
        "word_length",
        "surprisal",
        "relative_surprisal",
        "surprisal_new",
        "unterminated",
        "question",
        "quotation",
        "digits",
        "capitals",
    ),
}

# Documents → the logits of their sentences.
Scorer = Callable[[Sequence[Doc]], list[Floats1d]]


class Variants(Protocol):
    """The parts of an explanation, which can be taken away.

    names: The text of each part.
    spans: Where each is in the document; None for features.
    """

    names: list[str]
    spans: list[Span | None]

    def score(self, present: numpy.ndarray) -> Floats1d:
        """The logits of the sentence, shape (variants,).

        present: Which parts each variant has, bool, shape (variants, parts).
        """
        ...


def make_scorer(nlp: Language, bertsum: BertSum) -> Scorer:
    """Scores documents that have sentences and nothing else: a pipe whose vectors the model
    listens to reads them before."""
    upstream = [
        pipe
        for _, pipe in nlp.pipeline
        if bertsum.name in getattr(pipe, "listening_components", [])
    ]

    def score(docs: Sequence[Doc]) -> list[Floats1d]:
        stream: Iterable[Doc] = docs
        for pipe in upstream:
            stream = pipe.pipe(stream)
        return [bertsum.model.ops.to_numpy(row) for row in bertsum.model.predict(list(stream))]

    return score


class _Text:
    """Variants of the text: tokens are taken out, the borders of sentences stay."""

    def __init__(self, scorer: Scorer, doc: Doc, sentence: int):
        self.scorer = scorer
        self.doc = doc
        self.sentence = sentence
        self.sents = get_sents(doc)
        self.words = [token.text for token in doc]
        self.spaces = [bool(token.whitespace_) for token in doc]
        lengths = [len(sent) for sent in self.sents]
        self.sent_of_token = numpy.repeat(numpy.arange(len(lengths)), lengths)

    def _make(self, kept: numpy.ndarray, others: dict[int, str] | None = None) -> Doc:
        """kept: Which tokens stay, bool, shape (tokens,).
        others: Words to put in the place of some.
        """
        indices = numpy.flatnonzero(kept).tolist()
        sents = self.sent_of_token[indices]
        starts = numpy.diff(sents, prepend=-1) > 0
        words = {} if others is None else others
        return Doc(
            self.doc.vocab,
            words=[words.get(i, self.words[i]) for i in indices],
            spaces=[self.spaces[i] for i in indices],
            sent_starts=starts.tolist(),
        )


class Words(_Text):
    """Without some words of the sentence. Its punctuation stays, and so does the rest."""

    def __init__(self, scorer: Scorer, doc: Doc, sentence: int):
        super().__init__(scorer, doc, sentence)
        sent = self.sents[sentence]
        self.tokens = sent.start + numpy.flatnonzero(get_is_word(doc)[sent.start : sent.end])
        self.names = [self.words[i] for i in self.tokens]
        self.spans = [doc[i : i + 1] for i in self.tokens]

    def score(self, present: numpy.ndarray) -> Floats1d:
        return _in_batches(present, self._score)

    def _score(self, present: numpy.ndarray) -> list[float]:
        logits = self.scorer([self._without(row) for row in present])
        return [row[self.sentence] for row in logits]

    def _without(self, present: numpy.ndarray) -> Doc:
        kept = numpy.ones(len(self.words), dtype=bool)
        kept[self.tokens] = present
        sent = self.sents[self.sentence]
        if kept[sent.start : sent.end].any():
            return self._make(kept)
        kept[sent.start] = True
        return self._make(kept, {sent.start: _NOTHING})


class Sentences(_Text):
    """Without some of the other sentences: those that follow move up."""

    def __init__(self, scorer: Scorer, doc: Doc, sentence: int):
        super().__init__(scorer, doc, sentence)
        self.spans = self.sents[:sentence] + self.sents[sentence + 1 :]
        self.names = [clean(span.text) for span in self.spans]

    def score(self, present: numpy.ndarray) -> Floats1d:
        return _in_batches(present, self._score)

    def _score(self, present: numpy.ndarray) -> list[float]:
        kept = numpy.insert(present, self.sentence, True, axis=1)
        logits = self.scorer([self._make(row[self.sent_of_token]) for row in kept])
        places = present[:, : self.sentence].sum(axis=1)
        return [row[place] for row, place in zip(logits, places, strict=True)]


class Features:
    """With the mean of the document in the place of what the model knows of the sentence: its
    vector, or a kind of salience features. The other sentences keep theirs."""

    def __init__(self, model: Model, doc: Doc, sentence: int):
        layers = {layer.name: layer for layer in model.walk()}
        vectors, self.head = layers.get("side_by_side"), layers.get("summarization_head")
        if vectors is None or self.head is None:
            raise ValueError(
                "The model has no salience features that could be told from the meaning of a "
                "sentence (spacy-bertsum.Salience.v1): explain its words or the other sentences"
            )
        self.sentence = sentence
        self.rows = model.ops.to_numpy(vectors.predict([doc])[0])
        weighs = vectors.layers[0].attrs.get("surprisal", False)
        features = (surprisal.FEATURES if weighs else ()) + FEATURES
        width = vectors.get_dim("nO") - len(features)
        # Which columns belong to each part, bool, (parts, columns).
        self.columns = numpy.zeros((1 + len(GROUPS), vectors.get_dim("nO")), dtype=bool)
        self.columns[0, :width] = True
        for i, group in enumerate(GROUPS.values(), start=1):
            self.columns[i, width:] = numpy.isin(features, group)
        self.names = [VECTOR, *GROUPS]
        self.spans: list[Span | None] = [None] * len(self.names)

    def score(self, present: numpy.ndarray) -> Floats1d:
        return _in_batches(present, self._score)

    def _score(self, present: numpy.ndarray) -> list[float]:
        rows = [self.head.ops.asarray2f(self._without(row)) for row in present]
        logits = self.head.predict(rows)
        return [float(row[self.sentence]) for row in logits]

    def _without(self, present: numpy.ndarray) -> numpy.ndarray:
        hidden = self.columns[~present].any(axis=0)
        rows = self.rows.copy()
        rows[self.sentence, hidden] = self.rows[:, hidden].mean(axis=0)
        return rows


def _in_batches(
    present: numpy.ndarray, score: Callable[[numpy.ndarray], list[float]]
) -> numpy.ndarray:
    batches = [present[i : i + _BATCH] for i in range(0, len(present), _BATCH)]
    return numpy.array([logit for batch in batches for logit in score(batch)], dtype="f8")

"""The pipeline component ``bertsum``. It imports neither torch nor transformers: spaCy imports
this module for every pipeline in an environment where the package is installed."""

from collections.abc import Callable, Iterable
from typing import Any

from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Model, Optimizer, set_dropout_rate
from thinc.types import Floats1d, Floats2d

from . import extensions
from .diagnosis import explain_divergence, explain_out_of_memory, not_finite
from .labels import get_labels
from .queries import register
from .scorers import summary_score
from .selection import Selection

DEFAULT_CONFIG = {
    "model": {"@architectures": "spacy-bertsum.Pretrained.v1", "name": "xx_bertsum_mini"},
    "n_sents": None,
    "ratio": None,
    "max_words": None,
    "max_chars": None,
    "threshold": None,
    "block_ngrams": 0,
    "diversity": 0.0,
    "order": "document",
    "spans_key": extensions.SPANS_KEY,
    "summary_attr": extensions.SUMMARY,
    "scores_attr": extensions.SCORES,
    "summarize_attr": extensions.SUMMARIZE,
    "scorer": {"@scorers": "spacy-bertsum.summary_scorer.v1"},
}


@Language.factory(
    "bertsum",
    requires=["doc.sents"],
    assigns=["doc._.summary", "doc._.summary_scores", "doc.spans"],
    default_config=DEFAULT_CONFIG,
    default_score_weights={
        "rouge_1": 0.5,
        "rouge_2": 0.5,
        "rouge_l": 0.0,
        "summary_p": 0.0,
        "summary_r": 0.0,
        "summary_f": 0.0,
        # Stored with the pipeline and shown by spacy evaluate, but no number to select by.
        "summary_per_lang": None,
    },
)
def make_bertsum(
    nlp: Language,
    name: str,
    model: Model[list[Doc], list[Floats1d]],
    n_sents: int | None,
    ratio: float | None,
    max_words: int | None,
    max_chars: int | None,
    threshold: float | None,
    block_ngrams: int,
    diversity: float,
    order: str,
    spans_key: str,
    summary_attr: str,
    scores_attr: str,
    summarize_attr: str,
    scorer: Callable | None,
) -> "BertSum":
    selection = Selection(
        n_sents=n_sents,
        ratio=ratio,
        max_words=max_words,
        max_chars=max_chars,
        threshold=threshold,
        block_ngrams=block_ngrams,
        diversity=diversity,
        order=order,
    )
    return BertSum(
        nlp.vocab,
        model,
        name,
        selection=selection,
        spans_key=spans_key,
        summary_attr=summary_attr,
        scores_attr=scores_attr,
        summarize_attr=summarize_attr,
        scorer=scorer,
    )


class BertSum(TrainablePipe):
    """Extractive summarization: scores the sentences of a document and chooses the best.

    Sets, under the names that the settings give them:

    - ``doc._.summary``: the summary (str).
    - ``doc.spans["summary"]``: the chosen sentences, with their probabilities in
      ``.attrs["scores"]``.
    - ``doc._.summary_scores``: a probability for every sentence, float32, shape (sentences,).
    - ``doc._.summarize(...)``: a method that chooses again from these scores.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model[list[Doc], list[Floats1d]],
        name: str = "bertsum",
        *,
        selection: Selection = Selection(),
        spans_key: str = extensions.SPANS_KEY,
        summary_attr: str = extensions.SUMMARY,
        scores_attr: str = extensions.SCORES,
        summarize_attr: str = extensions.SUMMARIZE,
        scorer: Callable | None = summary_score,
    ) -> None:
        """Make the component; usually through ``nlp.add_pipe("bertsum", config=...)``.

        model: Gives a logit for every sentence of every document.
        selection: How many and which sentences make the summary.
        spans_key: Key in ``doc.spans`` of the chosen sentences, gold and predicted.
        summary_attr: Name of the attribute with the summary.
        scores_attr: Name of the attribute with the probabilities.
        summarize_attr: Name of the method that chooses again.
        scorer: Called by ``nlp.evaluate``.
        """
        self.vocab = vocab
        self.vocabs: dict[int, Vocab] = {}
        self.model = model
        self.name = name
        self.scorer = scorer
        self.cfg: dict[str, Any] = {
            **vars(selection),
            "spans_key": spans_key,
            "summary_attr": summary_attr,
            "scores_attr": scores_attr,
            "summarize_attr": summarize_attr,
        }
        self._install_extensions()

    def _install_extensions(self) -> None:
        register(self, self.cfg["scores_attr"])
        extensions.install(
            self.cfg["summary_attr"],
            self.cfg["scores_attr"],
            self.cfg["summarize_attr"],
            spans_key=self.cfg["spans_key"],
        )

    @property
    def selection(self) -> Selection:
        """How sentences are chosen; assign another one to change it."""
        return Selection(**{field: self.cfg[field] for field in Selection.__dataclass_fields__})

    @selection.setter
    def selection(self, selection: Selection) -> None:
        self.cfg.update(vars(selection))

    def predict(self, docs: Iterable[Doc]) -> list[Floats1d]:
        """Score the sentences of documents, leaving the documents as they are.

        RETURNS: For every document a probability for each sentence, shape (sentences,).

        Raises ValueError if a score is not finite: training has diverged.
        """
        docs = list(docs)
        if not any(len(doc) for doc in docs):
            return [self.model.ops.alloc1f(0) for _ in docs]
        with explain_out_of_memory(self.name):
            logits = self.model.predict(docs)
        self._check_finite("output", logits)
        return [self.model.ops.sigmoid(doc_logits) for doc_logits in logits]

    @property
    def encoder(self) -> Model[list[Doc], list[Floats2d]] | None:
        """The layer that gives sentence vectors; None if other components have a part in them."""
        layers = self.model.walk()
        return next((layer for layer in layers if layer.name == "sentence_encoder"), None)

    def encode(self, docs: Iterable[Doc]) -> list[Floats2d]:
        """The vectors of the sentences of documents, without features beside them.

        RETURNS: For every document an array in main memory, shape (sentences, width).

        Raises ValueError if the encoder is not this component's own.
        """
        encoder = self.require_encoder()
        with explain_out_of_memory(self.name):
            vectors = encoder.predict(list(docs))
        width = encoder.layers[0].get_dim("nO")
        return [encoder.ops.to_numpy(rows)[:, :width] for rows in vectors]

    def encode_pieces(self, docs: Iterable[Doc]) -> list[list[Floats2d]]:
        """The vectors of the word pieces of documents.

        RETURNS: For every document and sentence an array in main memory, shape (pieces, width), its
            [CLS] first.

        Raises ValueError if the encoder is not this component's own.
        """
        encoder = self.require_encoder()
        from .layers.sentences import predict_pieces  # imports torch

        with explain_out_of_memory(self.name):
            return predict_pieces(encoder, list(docs))

    def require_encoder(self) -> Model[list[Doc], list[Floats2d]]:
        """`encoder`; raises ValueError if there is none."""
        encoder = self.encoder
        if encoder is None:
            raise ValueError(
                f"'{self.name}' has no encoder of its own that could read a text by itself: it "
                'needs the architecture "spacy-bertsum.SentenceEncoder.v1", or '
                "nlp.replace_listeners where it listens to a transformer"
            )
        return encoder

    def set_annotations(self, docs: Iterable[Doc], scores: list[Floats1d]) -> None:
        """Choose sentences by their scores and write the summary to the documents.

        scores: What `predict` returned for these documents.
        """
        self._install_extensions()
        selection = self.selection
        for doc, doc_scores in zip(docs, scores, strict=True):
            register(self, self.cfg["scores_attr"], doc.vocab)
            extensions.annotate(
                doc,
                self.model.ops.to_numpy(doc_scores),
                selection,
                spans_key=self.cfg["spans_key"],
                summary=self.cfg["summary_attr"],
                scores_attr=self.cfg["scores_attr"],
            )

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
    ) -> None:
        """Load the encoder and build the layers whose size depends on it.

        get_examples: Returns gold examples; one at least must have a gold summary.
        """
        validate_get_examples(get_examples, "BertSum.initialize")
        if not any(self.cfg["spans_key"] in example.reference.spans for example in get_examples()):
            raise ValueError(
                f'No training example has gold sentences in doc.spans["{self.cfg["spans_key"]}"]'
                ". Mark the sentences of each reference summary there before training; "
                "spacy_bertsum.oracle.greedy_oracle finds them from a reference text."
            )
        # The layers need no more than the form of a document: the gold ones may have no sentences.
        sample = Doc(self.vocab, words=["Hello", "."], sent_starts=[True, False])
        self.model.initialize(X=[sample])

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Learn from a batch of examples.

        drop: Dropout rate of the head ([training] dropout); the encoder keeps that of its config.
        RETURNS: The losses by component; this one's is the mean binary cross-entropy.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        validate_examples(examples, "BertSum.update")
        if not any(len(example.predicted) for example in examples):
            return losses
        set_dropout_rate(self.model, drop)
        with explain_out_of_memory(self.name):
            logits, backprop = self.model.begin_update([eg.predicted for eg in examples])
            loss, d_logits = self.get_loss(examples, logits)
            backprop(d_logits)
        if sgd is not None:
            self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def get_loss(
        self, examples: Iterable[Example], scores: list[Floats1d]
    ) -> tuple[float, list[Floats1d]]:
        """Binary cross-entropy over sentences (Liu & Lapata 2019), the mean over the batch.

        scores: A logit for each sentence of each example.
        RETURNS: The loss, and its gradient with respect to the logits. Examples without a gold
            summary count for nothing.

        Raises ValueError if a logit is not finite: training has diverged.
        """
        ops = self.model.ops
        self._check_finite("loss", scores)
        labels = [get_labels(example, self.cfg["spans_key"]) for example in examples]
        n_labelled = max(1, sum(len(y) for y in labels if y is not None))
        loss = 0.0
        d_logits = []
        for logits, gold in zip(scores, labels, strict=True):
            if gold is None:
                d_logits.append(ops.alloc1f(len(logits)))
                continue
            y = ops.asarray1f(gold)
            # log(1 + e^z) - yz, in a form that can't overflow.
            losses = ops.xp.logaddexp(ops.xp.zeros_like(logits), logits) - y * logits
            loss += float(losses.sum()) / n_labelled
            d_logits.append((ops.sigmoid(logits) - y) / n_labelled)
        return loss, d_logits

    def finish_update(self, sgd: Optimizer) -> None:
        """Change the weights by the gradients that `update` has gathered.

        Raises ValueError if a gradient is not finite: training has diverged.
        """
        with explain_out_of_memory(self.name), explain_divergence(self.name):
            super().finish_update(sgd)

    def _check_finite(self, what: str, logits: list[Floats1d]) -> None:
        if not all(self.model.ops.xp.isfinite(doc_logits).all() for doc_logits in logits):
            raise not_finite(what, self.name)

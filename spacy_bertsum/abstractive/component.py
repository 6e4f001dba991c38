"""The pipeline component ``bertsum_abs``. It imports neither torch nor transformers: spaCy imports
this module for every pipeline in an environment where the package is installed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import srsly
from spacy import util
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc, Span
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Model, Optimizer
from thinc.types import Floats1d

from .. import extensions
from ..boundaries import find_sentences
from ..codes import base
from ..diagnosis import explain_divergence, explain_out_of_memory, not_finite
from ..surface import clean
from . import attributes
from .drafts import Written, join_parts, make_draft, make_merge, make_passages
from .pairs import make_pairs
from .scorer import written_score
from .settings import Generation, Pair, Passage, Request
from .support import Support, find_support, sentence_encoder_of

SOURCES = ("summary", "doc")
UNITS = ("auto", "sentence", "text")
MERGES = ("auto", "join", "rewrite")

DEFAULT_CONFIG = {
    "source": "summary",
    "source_lang": None,
    "spans_key": extensions.SPANS_KEY,
    "summary_attr": None,
    "unit": "auto",
    "merge": "auto",
    "num_beams": None,
    "length_penalty": None,
    "min_length": None,
    "max_length": None,
    "no_repeat_ngram_size": None,
    "min_support": 0.5,
    "progress": False,
    "encoder_learn_rate": None,
    "scorer": {"@scorers": "spacy-bertsum.written_scorer.v1"},
}


@Language.factory(
    "bertsum_abs",
    requires=["doc.sents"],
    default_config=DEFAULT_CONFIG,
    default_score_weights={
        "written_rouge_1": 0.5,
        "written_rouge_2": 0.5,
        "written_rouge_l": 0.0,
        "written_per_lang": None,
    },
)
def make_bertsum_abs(
    nlp: Language,
    name: str,
    model: Model[Request | Sequence[Pair], list],
    target_lang: str,
    source: str,
    source_lang: str | None,
    spans_key: str,
    summary_attr: str | None,
    unit: str,
    merge: str,
    num_beams: int | None,
    length_penalty: float | None,
    min_length: int | None,
    max_length: int | None,
    no_repeat_ngram_size: int | None,
    min_support: float | None,
    progress: bool,
    encoder_learn_rate: Any,
    scorer: Callable | None,
) -> "BertSumAbs":
    generation = Generation(
        num_beams=num_beams,
        length_penalty=length_penalty,
        min_length=min_length,
        max_length=max_length,
        no_repeat_ngram_size=no_repeat_ngram_size,
    )
    return BertSumAbs(
        nlp,
        model,
        name,
        target_lang=target_lang,
        source=source,
        source_lang=source_lang,
        spans_key=spans_key,
        summary_attr=summary_attr,
        unit=unit,
        merge=merge,
        generation=generation,
        min_support=min_support,
        progress=progress,
        encoder_learn_rate=encoder_learn_rate,
        scorer=scorer,
    )


class BertSumAbs(TrainablePipe):
    """Writes a summary in a language, with an encoder-decoder.

    Sets ``doc._.summary_<target_lang>`` (str), ``doc.spans["summary_<target_lang>"]``, the
    sentences it came from, and ``doc._.summary_<target_lang>_support``: for each written sentence
    the sentences that support it, see `Support`. ``doc._.summary`` stays as it is.
    """

    def __init__(
        self,
        nlp: Language,
        model: Model[Request | Sequence[Pair], list],
        name: str = "bertsum_abs",
        *,
        target_lang: str,
        source: str = "summary",
        source_lang: str | None = None,
        spans_key: str = extensions.SPANS_KEY,
        summary_attr: str | None = None,
        unit: str = "auto",
        merge: str = "auto",
        generation: Generation = Generation(),  # noqa: B008
        min_support: float | None = 0.5,
        progress: bool = False,
        encoder_learn_rate: float | Iterable[float] | None = None,
        scorer: Callable | None = written_score,
    ) -> None:
        """Make the component; usually through ``nlp.add_pipe("bertsum_abs", config=...)``.

        nlp: The pipeline; the encoder of its `bertsum` measures support.
        model: Writes a text for every passage, and in training says how likely a reference is.
        target_lang: The language to write, an ISO 639 code.
        source: "summary": translate or rewrite the sentences in doc.spans[spans_key]; "doc":
            summarize the whole document, window by window.
        source_lang: The language of all documents; None: that of each document or of the
            pipeline, detected for each document where that is "xx".
        summary_attr: Name of the attribute; by default "summary_<target_lang>".
        unit: What is written at once of an extract: "sentence", "text", or "auto", by sentence
            with checkpoints that translate.
        merge: What becomes of the summaries of a document's windows: "join" puts one after the
            other; "rewrite" summarizes them together, again until there is one or it gets no
            shorter; "auto" rewrites with checkpoints that summarize and read the target language.
        min_support: The least similarity of a supported sentence, -1 to 1; None: don't measure.
        progress: Whether to show a progress bar.
        encoder_learn_rate: In training the learning rate of the encoder, a number or a schedule;
            the decoder's is that of the optimizer. Liu & Lapata (2019) train an encoder that
            knows its job far more slowly than a new decoder. None: one rate for both.
        scorer: Called by ``nlp.evaluate``.
        """
        if source not in SOURCES:
            raise ValueError(f"source must be one of {', '.join(SOURCES)}, not {source!r}")
        if unit not in UNITS:
            raise ValueError(f"unit must be one of {', '.join(UNITS)}, not {unit!r}")
        if merge not in MERGES:
            raise ValueError(f"merge must be one of {', '.join(MERGES)}, not {merge!r}")
        if min_support is not None and not -1 <= min_support <= 1:
            raise ValueError(f"min_support must be a number from -1 to 1, not {min_support!r}")
        attr = summary_attr or attributes.attribute_name(target_lang)
        if not attr.isidentifier() or attr == extensions.SUMMARY:
            raise ValueError(
                f"summary_attr must be a Python name other than '{extensions.SUMMARY}', which "
                f"keeps the extract, not {attr!r}"
            )
        self.nlp = nlp
        self.vocab: Vocab = nlp.vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self.cfg: dict[str, Any] = {
            "target_lang": target_lang,
            "source": source,
            "source_lang": source_lang,
            "spans_key": spans_key,
            "summary_attr": attr,
            "unit": unit,
            "merge": merge,
            "min_support": min_support,
            "progress": progress,
            **asdict(generation),
        }
        model.shims[0].languages["source"] = source
        model.shims[0].set_encoder_rate(encoder_learn_rate)
        attributes.install(attr)

    @property
    def generation(self) -> Generation:
        """How summaries are written."""
        return Generation(**{f: self.cfg[f] for f in Generation.__dataclass_fields__})

    def predict(self, docs: Iterable[Doc]) -> list[Written]:
        """Write the summaries of documents, leaving the documents as they are.

        Raises ValueError if a language is not supported or max_length is more than the checkpoint
        can write, before any is written, or a document has no sentence boundaries or, with source =
        "summary", no extract.
        """
        docs = list(docs)
        drafts = [make_draft(doc, self.cfg, self.name) for doc in docs]
        if self.model.shims[0].checkpoints or any(d.spans and not d.is_copy for d in drafts):
            self._load()
        for draft in drafts:
            if draft.is_copy:
                draft.parts = [(clean(span.text), [span]) for span in draft.spans]
        written = [draft for draft in drafts if not draft.is_copy]
        self._write(written, [list(make_passages(d, self.cfg, self.model)) for d in written])
        while written:
            merges = [make_merge(draft, self.cfg, self.model) for draft in written]
            written = [draft for draft, merge in zip(written, merges, strict=True) if merge]
            passages = [
                [(passage, draft.spans) for passage in merge]
                for draft, merge in zip(written, filter(None, merges), strict=True)
            ]
            self._write(written, passages)
        for doc, draft in zip(docs, drafts, strict=True):
            draft.text = join_parts(draft)
            draft.support = self._support(doc, draft)
        return drafts

    def _write(
        self, drafts: list[Written], passages: list[list[tuple[Passage, list[Span]]]]
    ) -> None:
        """Write the passages of each draft, which become its parts."""
        flat = [passage for own in passages for passage, _ in own]
        if not flat:
            return
        texts = iter(self.model.predict(Request(flat, self.generation, self.cfg["progress"])))
        for draft, own in zip(drafts, passages, strict=True):
            draft.parts = [(next(texts), spans) for _, spans in own]

    def _load(self) -> None:
        if not self.model.shims[0].checkpoints:
            self.model.initialize()
        self.model.shims[0].check_target(self.cfg["target_lang"])

    def _support(self, doc: Doc, draft: Written) -> list[Support]:
        least = self.cfg["min_support"]
        if draft.is_copy:
            return [Support(text, spans, 1.0, True) for text, spans in draft.parts]
        sents = [
            (sent, spans)
            for text, spans in draft.parts
            for sent in _sentences(text, self.cfg["target_lang"])
        ]
        if not sents:
            return []
        vectors = None
        if least is not None:
            vectors = self._vectors([sent for sent, _ in sents], draft)
        if vectors is None:
            return [Support(sent, spans, None, None) for sent, spans in sents]
        found = find_support(*vectors)
        return [
            Support(sent, [draft.spans[i] for i in rows], score, score >= least)
            for (sent, _), (rows, score) in zip(sents, found, strict=True)
        ]

    def _vectors(self, sents: list[str], draft: Written) -> tuple[Any, Any] | None:
        """Vectors of the written sentences and of those they came from; None if there are none."""
        sources = [clean(span.text) for span in draft.spans]
        encode = sentence_encoder_of(self.nlp)
        if encode is not None:
            docs = [Doc(self.vocab, words=w, sent_starts=[True] * len(w)) for w in (sents, sources)]
            return tuple(encode(docs))
        from .generation import embed, max_passage

        source, target = draft.source_lang, self.cfg["target_lang"]
        source = target if source == "und" else source
        checkpoint, _ = max_passage(self.model, source, target)
        if not checkpoint.direction(source, target).reads_target:
            return None
        written = embed(self.model, [Passage(text, target, target) for text in sents])
        return written, embed(self.model, [Passage(text, source, target) for text in sources])

    def set_annotations(self, docs: Iterable[Doc], summaries: list[Written]) -> None:
        """Keep summaries on the documents.

        summaries: What `predict` returned for these documents.
        """
        attributes.install(self.cfg["summary_attr"])
        for doc, written in zip(docs, summaries, strict=True):
            attributes.annotate(
                doc,
                self.cfg["summary_attr"],
                written.text,
                written.spans,
                written.support or [],
                source_lang=written.source_lang,
                target_lang=self.cfg["target_lang"],
                is_copy=written.is_copy,
            )

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
    ) -> None:
        """Load the checkpoint, or make it, and see that it can write the target language.

        get_examples: Returns gold examples. There may be none, or none with a reference, to use a
            checkpoint as it is.

        Raises ValueError if there is no such checkpoint, or it can't write the language.
        """
        validate_get_examples(get_examples, "BertSumAbs.initialize")
        self._load()
        if self.cfg["source_lang"]:
            target = self.cfg["target_lang"]
            shim = self.model.shims[0]
            if base(self.cfg["source_lang"]) != base(target):
                shim.get(self.cfg["source_lang"], target).languages.check(
                    self.cfg["source_lang"], target
                )

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Learn from a batch of examples by teacher forcing.

        A document teaches as many times as it has references: ``doc._.summary_<lang>``, in all
        languages that the checkpoint is told apart by a token; see `pairs.make_pairs`. Documents
        without any teach nothing.

        drop: Not used: dropout is that of the checkpoint's config.
        RETURNS: The losses by component; this one's is the mean over the references' word pieces.

        Raises ValueError if a document has no sentence boundaries or, with source = "summary", no
        extract, neither predicted nor gold.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "BertSumAbs.update")
        self._load()
        pairs = [
            pair for eg in examples for pair in make_pairs(eg, self.cfg, self.model, self.name)
        ]
        if not pairs:
            return losses
        with explain_out_of_memory(self.name):
            scores, backprop = self.model.begin_update(pairs)
            loss, d_scores = self.get_loss(examples, scores)
            backprop(d_scores)
        if sgd is not None:
            self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def get_loss(
        self, examples: Iterable[Example], scores: list[Floats1d]
    ) -> tuple[float, list[Floats1d]]:
        """The mean over all word pieces of the batch, label-smoothed (Liu & Lapata 2019).

        scores: The losses of the pieces of every reference.
        RETURNS: The loss, and its gradient with respect to those of the pieces.

        Raises ValueError if a loss is not finite: training has diverged.
        """
        ops = self.model.ops
        if not all(ops.xp.isfinite(values).all() for values in scores):
            raise not_finite("loss", self.name)
        n_pieces = max(1, sum(map(len, scores)))
        loss = float(sum(values.sum() for values in scores)) / n_pieces
        return loss, [ops.xp.full_like(values, 1 / n_pieces) for values in scores]

    def finish_update(self, sgd: Optimizer) -> None:
        """Change the weights by the gradients that `update` has gathered.

        Raises ValueError if a gradient is not finite: training has diverged.
        """
        with explain_out_of_memory(self.name), explain_divergence(self.name):
            super().finish_update(sgd)

    @property
    def target_lang(self) -> str:
        """The language that is written; assign another one to change it."""
        return self.cfg["target_lang"]

    @target_lang.setter
    def target_lang(self, lang: str) -> None:
        self.model.shims[0].check_target(lang)
        if self.cfg["summary_attr"] == attributes.attribute_name(self.target_lang):
            self.cfg["summary_attr"] = attributes.attribute_name(lang)
            attributes.install(self.cfg["summary_attr"])
        self.cfg["target_lang"] = lang

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Save the settings, and the checkpoint in the directory "model" as it is on a hub."""
        serialize = {
            "vocab": lambda p: self.vocab.to_disk(p, exclude=exclude),
            "cfg": lambda p: srsly.write_json(p, self.cfg),
            "model": lambda p: self.model.shims[0].save(p),
        }
        util.to_disk(path, serialize, exclude)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "BertSumAbs":
        """Load what `to_disk` saved; no hub is asked."""
        deserialize = {
            "vocab": lambda p: self.vocab.from_disk(p, exclude=exclude),
            "cfg": lambda p: self.cfg.update(srsly.read_json(p)),
            "model": lambda p: self.model.shims[0].restore(p),
        }
        util.from_disk(path, deserialize, exclude)
        attributes.install(self.cfg["summary_attr"])
        return self


def _sentences(text: str, lang: str) -> list[str]:
    """The sentences of a written text, which is one at least if there is a letter in it."""
    starts = [0, *find_sentences(text, lang)[1:], len(text)]
    sents = [clean(text[a:b]) for a, b in pairwise(starts)]
    return [sent for sent in sents if sent]

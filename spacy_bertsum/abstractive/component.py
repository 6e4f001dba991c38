"""The pipeline component ``bertsum_abs``. It imports neither torch nor transformers: spaCy imports
this module for every pipeline in an environment where the package is installed."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import srsly
from spacy import util
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.vocab import Vocab
from thinc.api import Model

from .. import extensions
from ..language import detect_language, get_lang
from ..sentencizer import MULTIPLE, find_sentences
from ..surface import clean, join, separators
from . import attributes
from .codes import base, normalize
from .settings import Generation, Passage, Request
from .support import Support, find_support, sentence_encoder_of
from .windows import make_windows, text_of

SOURCES = ("summary", "doc")
UNITS = ("auto", "sentence", "text")

DEFAULT_CONFIG = {
    "source": "summary",
    "source_lang": None,
    "spans_key": extensions.SPANS_KEY,
    "summary_attr": None,
    "unit": "auto",
    "num_beams": None,
    "length_penalty": None,
    "min_length": None,
    "max_length": None,
    "no_repeat_ngram_size": None,
    "min_support": 0.5,
    "progress": False,
    "scorer": None,
}


@Language.factory("bertsum_abs", requires=["doc.sents"], default_config=DEFAULT_CONFIG)
def make_bertsum_abs(
    nlp: Language,
    name: str,
    model: Model[Request, list[str]],
    target_lang: str,
    source: str,
    source_lang: str | None,
    spans_key: str,
    summary_attr: str | None,
    unit: str,
    num_beams: int | None,
    length_penalty: float | None,
    min_length: int | None,
    max_length: int | None,
    no_repeat_ngram_size: int | None,
    min_support: float | None,
    progress: bool,
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
        generation=generation,
        min_support=min_support,
        progress=progress,
        scorer=scorer,
    )


@dataclass
class Written:
    """A written summary: its parts, each with the sentences it came from.

    parts: (text, sentences) in the order of the document.
    spans: All sentences it came from.
    source_lang: The language of the document.
    is_copy: Whether the parts are the sentences themselves.
    """

    parts: list[tuple[str, list[Span]]]
    spans: list[Span]
    source_lang: str
    is_copy: bool = False
    support: list[Support] | None = None
    text: str = ""


class BertSumAbs(TrainablePipe):
    """Writes a summary in a language, with an encoder-decoder.

    Sets ``doc._.summary_<target_lang>`` (str), ``doc.spans["summary_<target_lang>"]``, the
    sentences it came from, and ``doc._.summary_<target_lang>_support``: for each written sentence
    the sentences that support it, see `Support`. ``doc._.summary`` stays as it is.
    """

    def __init__(
        self,
        nlp: Language,
        model: Model[Request, list[str]],
        name: str = "bertsum_abs",
        *,
        target_lang: str,
        source: str = "summary",
        source_lang: str | None = None,
        spans_key: str = extensions.SPANS_KEY,
        summary_attr: str | None = None,
        unit: str = "auto",
        generation: Generation = Generation(),  # noqa: B008
        min_support: float | None = 0.5,
        progress: bool = False,
        scorer: Callable | None = None,
    ) -> None:
        """Make the component; usually through ``nlp.add_pipe("bertsum_abs", config=...)``.

        nlp: The pipeline; the encoder of its `bertsum` measures support.
        model: Writes a text for every passage.
        target_lang: The language to write, an ISO 639 code.
        source: "summary": translate or rewrite the sentences in doc.spans[spans_key]; "doc":
            summarize the whole document, window by window.
        source_lang: The language of all documents; None: that of each document or of the
            pipeline, detected for each document where that is "xx".
        summary_attr: Name of the attribute; by default "summary_<target_lang>".
        unit: What is written at once of an extract: "sentence", "text", or "auto", by sentence
            with checkpoints that translate.
        min_support: The least similarity of a supported sentence, -1 to 1; None: don't measure.
        progress: Whether to show a progress bar.
        """
        if source not in SOURCES:
            raise ValueError(f"source must be one of {', '.join(SOURCES)}, not {source!r}")
        if unit not in UNITS:
            raise ValueError(f"unit must be one of {', '.join(UNITS)}, not {unit!r}")
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
            "min_support": min_support,
            "progress": progress,
            **asdict(generation),
        }
        model.shims[0].languages["source"] = source
        attributes.install(attr)

    @property
    def generation(self) -> Generation:
        """How summaries are written."""
        return Generation(**{f: self.cfg[f] for f in Generation.__dataclass_fields__})

    def predict(self, docs: Iterable[Doc]) -> list[Written]:
        """Write the summaries of documents, leaving the documents as they are.

        Raises ValueError if a language is not supported, before any is written, or a document has
        no sentence boundaries or, with source = "summary", no extract.
        """
        docs = list(docs)
        drafts = [self._draft(doc) for doc in docs]
        if self.model.shims[0].checkpoints or any(d.spans and not d.is_copy for d in drafts):
            self._load()
        passages, owners = [], []
        for draft in drafts:
            if draft.is_copy:
                draft.parts = [(clean(span.text), [span]) for span in draft.spans]
                continue
            for passage, spans in self._passages(draft):
                passages.append(passage)
                owners.append((draft, spans))
        if passages:
            texts = self.model.predict(Request(passages, self.generation, self.cfg["progress"]))
            for (draft, spans), text in zip(owners, texts, strict=True):
                draft.parts.append((text, spans))
        for doc, draft in zip(docs, drafts, strict=True):
            draft.text = _join(draft)
            draft.support = self._support(doc, draft)
        return drafts

    def _load(self) -> None:
        if not self.model.shims[0].checkpoints:
            self.model.initialize()
        self.model.shims[0].check_target(self.cfg["target_lang"])

    def _draft(self, doc: Doc) -> Written:
        """What a summary is to be written from."""
        if not len(doc) or doc.text.isspace():
            return Written([], [], "und")
        if self.cfg["source"] == "doc":
            if not doc.has_annotation("SENT_START"):
                raise ValueError(
                    f"'{self.name}' needs sentence boundaries, and this document has none. Add a "
                    'component that sets them before it: nlp.add_pipe("multilingual_sentencizer")'
                )
            spans = [sent for sent in doc.sents if sent.text.strip()]
        else:
            key = self.cfg["spans_key"]
            if key not in doc.spans:
                raise ValueError(
                    f"'{self.name}' writes from the extract in doc.spans[{key!r}], and this "
                    'document has none. Add nlp.add_pipe("bertsum") before it, or set '
                    'source = "doc".'
                )
            spans = list(doc.spans[key])
        lang = self._source_lang(doc)
        is_same = lang == "und" or normalize(lang) == normalize(self.cfg["target_lang"])
        is_same |= lang == base(self.cfg["target_lang"])
        return Written([], spans, lang, is_copy=is_same and self.cfg["source"] == "summary")

    def _source_lang(self, doc: Doc) -> str:
        lang = self.cfg["source_lang"] or get_lang(doc)
        if lang in MULTIPLE:
            lang = detect_language(doc.text)
        return lang

    def _passages(self, draft: Written) -> Iterator[tuple[Passage, list[Span]]]:
        """What is written at once, each with the sentences it reads."""
        if not draft.spans:
            return
        from .generation import max_passage

        target = self.cfg["target_lang"]
        source = target if draft.source_lang == "und" else draft.source_lang
        checkpoint, limit = max_passage(self.model, source, target)
        gaps = separators([span.text_with_ws for span in draft.spans])
        sents = [clean(span.text) for span in draft.spans]
        is_translation = checkpoint.direction(source, target).is_translation
        unit = self.cfg["unit"]
        if self.cfg["source"] == "doc":
            unit = "text"
        elif unit == "auto":
            unit = "sentence" if is_translation else "text"
        indices = [[i] for i in range(len(sents))] if unit == "sentence" else [range(len(sents))]
        for unit_sents in indices:
            windows = make_windows(
                [sents[i] for i in unit_sents],
                [gaps[i] for i in unit_sents],
                lambda text: len(checkpoint.encode([text])[0]),
                limit,
            )
            for window in windows:
                text = text_of(window, [gaps[i] for i in unit_sents])
                numbers = dict.fromkeys(unit_sents[part.sentence] for part in window)
                yield Passage(text, source, target), [draft.spans[i] for i in numbers]

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
        """Load the checkpoint, and see that it can write the target language.

        Raises ValueError if there is no such checkpoint, or it can't.
        """
        self._load()
        if self.cfg["source_lang"]:
            target = self.cfg["target_lang"]
            shim = self.model.shims[0]
            if base(self.cfg["source_lang"]) != base(target):
                shim.get(self.cfg["source_lang"], target).languages.check(
                    self.cfg["source_lang"], target
                )

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


def _join(draft: Written) -> str:
    texts = [text for text, _ in draft.parts if text]
    if draft.is_copy:
        return join(texts, separators([span.text_with_ws for span in draft.spans]))
    return join(texts, separators(texts))

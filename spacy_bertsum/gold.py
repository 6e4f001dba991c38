"""Record → gold document: its sentences, which of them are the summary, and the reference text."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy
from spacy.attrs import IDX, SENT_START
from spacy.language import Language
from spacy.tokens import Doc, Span

from . import extensions
from .abstractive.attributes import attribute_name, install
from .codes import base
from .language import LANG, detect_language
from .oracle import greedy_oracle
from .records import Record
from .sentencizer import MULTIPLE, MultilingualSentencizer


@dataclass(frozen=True, slots=True)
class Gold:
    """The gold sentences of a document, in a form small enough to keep for every document.

    lang: Language code of the document.
    starts: The first token of each sentence.
    chosen: The indices of the gold sentences, in order; None where they are not known.
    """

    lang: str
    starts: array
    chosen: array | None


def find_lang(doc: Doc, lang: str | None = None) -> str:
    """The language of a document: the given one, or the pipeline's. "xx" detects it."""
    lang = lang or doc.lang_
    return detect_language(doc.text) if lang in MULTIPLE else lang


def find_gold(
    doc: Doc,
    record: Record,
    lang: str,
    split: Callable[[Doc], Doc],
    max_sents: int | None = None,
) -> Gold:
    """Find the sentences of a document and those that make its summary.

    Sentences are those of the record, or else what `split` finds. Text that is in none of the
    record's makes sentences of its own, which are never gold. Labels are taken as they are; without
    them, the greedy oracle chooses.

    Without a reference in the language of the text, in whatever script or region its code names,
    there is no oracle, and `chosen` is None.

    A reference that shares no word with any sentence (another language, another text) leaves
    `chosen` None: nothing is known about the sentences then, and a model that learns from them that
    no sentence matters learns wrong. Labels that are all 0 are knowledge, and `chosen` is empty.

    doc: The tokenized text of the record.
    lang: Language code of the document.
    split: Sets the sentence boundaries of a document in place.
    max_sents: Most gold sentences of the oracle.
    """
    if record.sents is None:
        starts = [sent.start for sent in split(doc).sents]
        candidates = list(range(len(starts)))
    else:
        starts, candidates = _align(doc, record.sents)
    references = record.references or [
        text for code, texts in record.summaries if base(code) == base(lang) for text in texts
    ]
    if record.labels is not None:
        pairs = zip(candidates, record.labels, strict=True)
        chosen = sorted({i for i, label in pairs if label})
    elif not references:
        chosen = None
    else:
        bounds = list(pairwise([*starts, len(doc)]))
        candidates = sorted(set(candidates))
        texts = [doc[slice(*bounds[i])].text for i in candidates]
        oracle = greedy_oracle(texts, references, max_sents)
        chosen = [candidates[i] for i in oracle] or None
    return Gold(lang, array("I", starts), None if chosen is None else array("I", chosen))


def _align(doc: Doc, sents: tuple[tuple[int, int], ...]) -> tuple[list[int], list[int]]:
    """The first token of each sentence of the document, and in which of these each of `sents` is.

    White space between sentences belongs to the one before it. A sentence that begins inside a
    token begins at the next one; if that leaves it no token, it is in the sentence before it.
    """
    text = doc.text
    starts = [0]
    for (_, end), (start, _) in pairwise([(0, 0), *sents, (len(text), len(text))]):
        between = text[end:start].strip()
        if between and end:
            starts.append(text.index(between, end))
        if between or end:
            starts.append(start)
    offsets = doc.to_array(IDX)
    tokens = numpy.unique(numpy.searchsorted(offsets, starts))
    tokens = tokens[tokens < len(doc)]
    last = numpy.searchsorted(offsets, [end - 1 for _, end in sents], side="right") - 1
    owners = numpy.searchsorted(tokens, last, side="right") - 1
    return tokens.tolist(), owners.tolist()


def set_gold(doc: Doc, record: Record, gold: Gold) -> Doc:
    """Write what is known about a document to it.

    Sets the sentence boundaries, ``doc.spans["summary"]`` where the gold sentences are known,
    ``doc._.summary`` where there is a reference (a list where there are several),
    ``doc._.summary_<lang>`` for each of the record's summaries by language, and
    ``doc.user_data["lang"]``.

    doc: The tokenized text of the record.
    RETURNS: The same document.
    """
    extensions.install()
    values = numpy.full(len(doc), -1, dtype="int64")
    values[gold.starts] = 1
    doc.from_array(SENT_START, values.astype("uint64"))
    doc.user_data[LANG] = gold.lang
    if record.references:
        doc._.set(extensions.SUMMARY, _one_or_all(record.references))
    for lang, references in record.summaries:
        name = attribute_name(lang)
        install(name)
        doc._.set(name, _one_or_all(references))
    if gold.chosen is not None:
        bounds = list(pairwise([*gold.starts, len(doc)]))
        doc.spans[extensions.SPANS_KEY] = [
            Span(doc, *bounds[i], label=extensions.LABEL) for i in gold.chosen
        ]
    return doc


def _one_or_all(references: Sequence[str]) -> str | list[str]:
    return references[0] if len(references) == 1 else list(references)


def make_splitter(nlp: Language) -> Callable[[Doc], Doc]:
    """What divides documents into gold sentences: the components of the pipeline that do so.

    A trained one (parser, senter) counts only where training leaves it as it is, in
    ``[training] frozen_components``, together with what runs before it; one that is being trained
    knows no sentences yet. Without any, it is a `MultilingualSentencizer`.
    """
    frozen = nlp.config["training"]["frozen_components"]
    pipes = [
        (name, pipe)
        for name, pipe in nlp.components
        if name in frozen or (name in nlp.pipe_names and not _is_trainable(pipe))
    ]
    last = max((i for i, (name, _) in enumerate(pipes) if _splits(nlp, name)), default=None)
    if last is None:
        return MultilingualSentencizer()
    pipes = pipes[: last + 1]
    splitters = [(name, pipe) for name, pipe in pipes if _splits(nlp, name)]
    if not any(_is_trainable(pipe) for _, pipe in splitters):
        pipes = splitters

    def split(doc: Doc) -> Doc:
        for _, pipe in pipes:
            doc = pipe(doc)
        return doc

    return split


def _is_trainable(pipe: Callable[[Doc], Doc]) -> bool:
    return getattr(pipe, "is_trainable", False)


def _splits(nlp: Language, name: str) -> bool:
    return not {"doc.sents", "token.is_sent_start"}.isdisjoint(nlp.get_pipe_meta(name).assigns)

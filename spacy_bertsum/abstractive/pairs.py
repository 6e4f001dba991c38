"""Gold documents → pairs of a passage and the summary that is to be written of it."""

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Model

from ..codes import base, normalize
from ..extensions import SUMMARY
from ..language import get_lang
from .attributes import attribute_name
from .drafts import make_draft, make_passages
from .settings import DEFAULT_MAX_OUTPUT, Pair, Passage

_PREFIX = attribute_name("")


def find_references(doc: Doc, target_lang: str, summary_attr: str) -> dict[str, list[str]]:
    """The reference summaries of a gold document by language.

    These are ``doc._.summary_<lang>``, a string or several alternatives, and what stands in
    `summary_attr` for the target language. Without one in the document's own language,
    ``doc._.summary`` is that.
    """
    # The attributes may be those of another process, which this one has never set up.
    gold = {
        key[1]: value
        for key, value in doc.user_data.items()
        if isinstance(key, tuple) and key[0] == "._." and key[2] is None and _is_text(value)
    }
    found = {
        normalize(name.removeprefix(_PREFIX).replace("_", "-")): value
        for name, value in gold.items()
        if name.startswith(_PREFIX)
    }
    if SUMMARY in gold:
        found.setdefault(normalize(get_lang(doc)), gold[SUMMARY])
    if summary_attr in gold:
        found[normalize(target_lang)] = gold[summary_attr]
    return {lang: [v] if isinstance(v, str) else list(v) for lang, v in found.items()}


def _is_text(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(item, str) for item in value)
    return isinstance(value, str) and bool(value)


def make_pairs(example: Example, cfg: Mapping[str, Any], model: Model, name: str) -> Iterator[Pair]:
    """What a document teaches: a pair for each reference in a language that can be written.

    A checkpoint that is told the target language learns all that there is a reference in, not the
    component's alone. A document that takes several windows is learnt from its first, and warned
    of: no part of a reference is known to come from the others. A reference that is longer than
    the decoder can write is passed over, with a warning.

    RAISES: ValueError if the document has no sentence boundaries or no extract.
    """
    references = find_references(example.reference, cfg["target_lang"], cfg["summary_attr"])
    doc = example.predicted
    if references and cfg["source"] == "summary" and cfg["spans_key"] not in doc.spans:
        doc = _with_gold_spans(example, cfg["spans_key"])
    for lang, texts in references.items():
        if not _is_target(model, lang, cfg["target_lang"]):
            continue
        settings = {**cfg, "target_lang": lang, "unit": "text"}
        draft = make_draft(doc, settings, name)
        if draft.is_copy:
            continue
        passages = [passage for passage, _ in make_passages(draft, settings, model)]
        if len(passages) > 1:
            warnings.warn(
                f"'{name}' learns from the first window alone where a text is longer than "
                f"{model.attrs['max_length'] or 'the encoder takes'} word pieces",
                stacklevel=2,
            )
        for text in texts if passages else ():
            if _fits(model, passages[0], text, cfg["max_length"]):
                yield Pair(passages[0], text)
            else:
                warnings.warn(
                    f"'{name}' learns nothing from references of more word pieces than the "
                    "checkpoint can write: shorten them, or allow more (max_length, or n_positions "
                    "of a new decoder)",
                    stacklevel=2,
                )


def _fits(model: Model, passage: Passage, reference: str, max_length: int | None) -> bool:
    checkpoint = model.shims[0].get(passage.source_lang, passage.target_lang)
    (pieces,) = checkpoint.encode_target([reference])
    # Beside them there are what starts the decoder, a language, and the end.
    return len(pieces) + 3 <= min(checkpoint.max_output(), max(max_length or 0, DEFAULT_MAX_OUTPUT))


def _is_target(model: Model, lang: str, target_lang: str) -> bool:
    if lang == normalize(target_lang) or lang == base(target_lang):
        return True
    known = [c.languages.targets() for c in model.shims[0].checkpoints.values()]
    return any(base(lang) in map(base, langs) for langs in known if langs)


def _with_gold_spans(example: Example, key: str) -> Doc:
    """The predicted document with the gold extract, if there is one."""
    gold, doc = example.reference, example.predicted.copy()
    spans = [
        doc.char_span(span.start_char, span.end_char, alignment_mode="expand")
        for span in gold.spans.get(key, [])
    ]
    if key in gold.spans:
        doc.spans[key] = [span for span in spans if span is not None]
    return doc

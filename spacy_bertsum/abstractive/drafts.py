"""Documents → passages to be written, each with the sentences it reads."""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spacy.tokens import Doc, Span
from thinc.api import Model

from ..codes import base, normalize
from ..language import SAMPLE_CHARS, detect_language, get_lang
from ..sentencizer import MULTIPLE
from ..surface import clean, join, separators
from .settings import Passage
from .support import Support
from .windows import make_windows, text_of

# What Unicode calls the letters of scripts that share a language with another script.
_LETTERS = {
    "Arab": "ARABIC",
    "Cyrl": "CYRILLIC",
    "Deva": "DEVANAGARI",
    "Guru": "GURMUKHI",
    "Latn": "LATIN",
    "Mong": "MONGOLIAN",
    "Tfng": "TIFINAGH",
}
# It doesn't tell these apart, but each has characters that the other's old encoding lacks.
_ENCODINGS = {"Hans": "gb2312", "Hant": "big5"}


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


def make_draft(doc: Doc, cfg: Mapping[str, Any], name: str) -> Written:
    """What the summary of a document is to be written from; nothing is written yet.

    An extract is copied that is in the target language already, and in its script if the target
    names one.

    cfg: The settings of the component.
    name: That of the component.
    RAISES: ValueError if the document has no sentence boundaries or no extract.
    """
    if not len(doc) or doc.text.isspace():
        return Written([], [], "und")
    if cfg["source"] == "doc":
        if not doc.has_annotation("SENT_START"):
            raise ValueError(
                f"'{name}' needs sentence boundaries, and this document has none. Add a "
                'component that sets them before it: nlp.add_pipe("multilingual_sentencizer"); '
                "in training, name it in [training] annotating_components, too."
            )
        spans = [sent for sent in doc.sents if sent.text.strip()]
    else:
        key = cfg["spans_key"]
        if key not in doc.spans:
            raise ValueError(
                f"'{name}' writes from the extract in doc.spans[{key!r}], and this document has "
                'none. Add nlp.add_pipe("bertsum") before it (in training, name it in [training] '
                'annotating_components, too), or set source = "doc".'
            )
        spans = list(doc.spans[key])
    lang = cfg["source_lang"] or get_lang(doc)
    if lang in MULTIPLE:
        lang = detect_language(doc.text)
    is_same = _is_same(doc.text, lang, cfg["target_lang"])
    return Written([], spans, lang, is_copy=is_same and cfg["source"] == "summary")


def _is_same(text: str, lang: str, target: str) -> bool:
    """Whether a text is in the target language, and in its script if it names one."""
    lang, target = normalize(lang), normalize(target)
    if lang in ("und", target):
        return True
    _, names_script, script = target.partition("-")
    if base(lang) != base(target) or not names_script:
        return base(lang) == base(target)
    # A language that was detected has no script.
    return "-" not in lang and _is_in_script(text, script)


def _is_in_script(text: str, script: str) -> bool:
    letters = [char for char in text.strip()[:SAMPLE_CHARS] if char.isalpha()]
    if script in _ENCODINGS:
        kept = {s: len("".join(letters).encode(e, "ignore")) for s, e in _ENCODINGS.items()}
        return kept[script] == max(kept.values())
    # Any other is the one script of its language.
    names = [unicodedata.name(char, "").startswith(_LETTERS.get(script, "")) for char in letters]
    return 2 * sum(names) >= len(names)


def make_passages(
    draft: Written, cfg: Mapping[str, Any], model: Model
) -> Iterator[tuple[Passage, list[Span]]]:
    """What is written at once, each with the sentences it reads."""
    if not draft.spans:
        return
    # With torch and transformers, which a pipeline that is never used does without.
    from .generation import max_passage

    target = cfg["target_lang"]
    source = target if draft.source_lang == "und" else draft.source_lang
    checkpoint, limit = max_passage(model, source, target)
    gaps = separators([span.text_with_ws for span in draft.spans])
    sents = [clean(span.text) for span in draft.spans]
    is_translation = checkpoint.direction(source, target).is_translation
    unit = cfg["unit"]
    if cfg["source"] == "doc":
        unit = "text"
    elif unit == "auto":
        unit = "sentence" if is_translation else "text"
    indices = [[i] for i in range(len(sents))] if unit == "sentence" else [range(len(sents))]
    for unit_sents in indices:
        unit_gaps = [gaps[i] for i in unit_sents]
        for window in make_windows(
            [sents[i] for i in unit_sents], unit_gaps, checkpoint.count, limit
        ):
            text = text_of(window, unit_gaps)
            numbers = dict.fromkeys(unit_sents[part.sentence] for part in window)
            yield Passage(text, source, target), [draft.spans[i] for i in numbers]


def make_merge(draft: Written, cfg: Mapping[str, Any], model: Model) -> list[Passage]:
    """What has to be written to bring the parts of a summary nearer to one text.

    RETURNS: Fewer passages than there are parts; none if there is nothing to merge, or it would
        become no less.
    RAISES: ValueError if merging is asked for and the checkpoint can't read what it writes.
    """
    texts = [clean(text) for text, _ in draft.parts if text]
    if cfg["source"] != "doc" or cfg["merge"] == "join" or len(texts) < 2:
        return []
    from .generation import max_passage

    target = cfg["target_lang"]
    source = target if draft.source_lang == "und" else draft.source_lang
    checkpoint, _ = max_passage(model, source, target)
    direction = checkpoint.direction(source, target)
    if cfg["merge"] == "auto" and (direction.is_translation or not direction.reads_target):
        return []
    if not direction.reads_target:
        raise ValueError(
            f'merge = "rewrite" needs a checkpoint that reads what it writes, and this one goes '
            f"from '{source}' to '{target}' alone. Set merge = \"join\"."
        )
    checkpoint, limit = max_passage(model, target, target)
    gaps = separators(texts)
    windows = make_windows(texts, gaps, checkpoint.count, limit)
    if len(windows) >= len(draft.parts):
        return []
    return [Passage(text_of(window, gaps), target, target) for window in windows]


def join_parts(draft: Written) -> str:
    """The text of a written summary."""
    texts = [text for text, _ in draft.parts if text]
    if draft.is_copy:
        return join(texts, separators([span.text_with_ws for span in draft.spans]))
    return join(texts, separators(texts))

"""What a document keeps of a written summary."""

from functools import partial
from typing import Any

from spacy.tokens import Doc, Span, SpanGroup

from .support import Support

LABEL = "SUMMARY"
SUPPORT = "_support"


def attribute_name(target_lang: str) -> str:
    """The attribute of a summary in a language: "summary_en", "summary_zh_Hant"."""
    return f"summary_{target_lang.replace('-', '_')}"


def install(summary_attr: str) -> None:
    """Set the extension attributes of `Doc`, but for those somebody has set before.

    `doc._.<summary_attr>` is the summary (str), None by default; `doc._.<summary_attr>_support` a
    list of `Support`, read from the attributes of `doc.spans[<summary_attr>]`, where it is saved
    with the document.
    """
    if not Doc.has_extension(summary_attr):
        Doc.set_extension(summary_attr, default=None)
    if not Doc.has_extension(summary_attr + SUPPORT):
        Doc.set_extension(summary_attr + SUPPORT, getter=partial(_get_support, key=summary_attr))


def annotate(
    doc: Doc, key: str, text: str, spans: list[Span], support: list[Support], **attrs: Any
) -> None:
    """Keep a written summary on a document.

    key: Name of the attribute, and key in `doc.spans` of the sentences the summary came from.
    attrs: More attributes of that group.
    """
    sources = [Span(doc, span.start, span.end, label=LABEL) for span in spans]
    records = [
        {
            "text": item.text,
            "tokens": [[span.start, span.end] for span in item.spans],
            "score": item.score,
            "is_supported": item.is_supported,
        }
        for item in support
    ]
    attrs = {**attrs, "support": records}
    doc.spans[key] = SpanGroup(doc, name=key, spans=sources, attrs=attrs)
    doc._.set(key, text)


def _get_support(doc: Doc, key: str) -> list[Support]:
    records = doc.spans[key].attrs.get("support", []) if key in doc.spans else []
    return [
        Support(
            record["text"],
            [doc[start:end] for start, end in record["tokens"]],
            record["score"],
            record["is_supported"],
        )
        for record in records
    ]

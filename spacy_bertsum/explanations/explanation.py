"""What an explanation says."""

from dataclasses import dataclass
from typing import Any

from spacy.tokens import Span


@dataclass(frozen=True)
class Part:
    """What may speak for a sentence or against it.

    text: A word, a sentence, or the name of a kind of features.
    span: Where it is in the document; None for features.
    weight: What it adds to the sentence's logit.
    """

    text: str
    span: Span | None
    weight: float


@dataclass(frozen=True)
class Explanation:
    """The logit of a sentence, divided among parts.

    sentence: The sentence explained.
    of: What the parts are: "words", "sentences" or "features".
    method: "shap" or "lime".
    parts: In the order of the document.
    logit: What the model gives the sentence.
    base: What is left of it without any of the parts. SHAP's weights add up to the difference;
        LIME's come near it.
    fit: How well LIME's linear model fits the logits of its variants, R² up to 1; None for SHAP.
    """

    sentence: Span
    of: str
    method: str
    parts: list[Part]
    logit: float
    base: float
    fit: float | None = None

    def top(self, n: int) -> list[Part]:
        """The n parts that count most, for the sentence or against it."""
        return sorted(self.parts, key=lambda part: -abs(part.weight))[:n]

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON, with characters of the document in the place of spans."""
        return {
            "sentence": _to_dict(self.sentence),
            "of": self.of,
            "method": self.method,
            "logit": self.logit,
            "base": self.base,
            "fit": self.fit,
            "parts": [
                {"text": part.text, "weight": part.weight}
                if part.span is None
                else {**_to_dict(part.span), "weight": part.weight}
                for part in self.parts
            ],
        }


def _to_dict(span: Span) -> dict[str, Any]:
    return {"start": span.start_char, "end": span.end_char, "text": span.text}

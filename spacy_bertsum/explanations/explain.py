"""Explain the score of a sentence."""

from importlib.util import find_spec

import numpy
from spacy.language import Language
from spacy.tokens import Doc, Span

from ..component import BertSum
from ..layers.pieces import get_sents
from .explanation import Explanation, Part
from .methods import lime_weights, shap_weights
from .variants import Features, Sentences, Variants, Words, make_scorer

METHODS = {"shap": shap_weights, "lime": lime_weights}
OF = ("words", "sentences", "features")


def explain(
    nlp: Language,
    doc: Doc,
    sentence: int | Span,
    *,
    of: str = "words",
    method: str = "shap",
    n_samples: int = 200,
    seed: int = 0,
    name: str = "bertsum",
) -> Explanation:
    """Divide the logit of a sentence among what brings it about.

    The model scores variants of the document without some of the parts: `n_samples` documents for
    "words" and "sentences", which takes a while for long ones; "features" take no time.

    doc: A document with sentence boundaries.
    sentence: Index among the document's sentences, or the sentence: one of doc.spans["summary"].
    of: "words" of the sentence, the other "sentences", or "features": the meaning of the sentence
        (its vector), its position, length, centrality and wording.
    method: "shap" or "lime".
    n_samples: Variants to score. SHAP takes twice the number of parts if that is more.
    seed: Of the variants.
    name: Of the component.
    RAISES: ValueError if a setting is out of its range, the document has no sentence boundaries or
        the sentence none of these parts; ImportError without the library of the method.
    """
    check_settings(of, method, n_samples)
    sents = get_sents(doc)
    index = _find(sents, sentence)
    variants = make_variants(nlp, doc, index, of, name)
    n_parts = len(variants.names)
    logit = variants.score(numpy.ones((1, n_parts), dtype=bool))[0]
    base, weights, fit = METHODS[method](variants.score, n_parts, n_samples, seed)
    parts = [
        Part(text, span, weight)
        for text, span, weight in zip(variants.names, variants.spans, weights.tolist(), strict=True)
    ]
    return Explanation(sents[index], of, method, parts, float(logit), base, fit)


def check_settings(of: str, method: str, n_samples: int) -> None:
    """RAISES: ValueError if a setting is out of its range, ImportError if the library of the method
    is not there."""
    if of not in OF:
        raise ValueError(f"of must be one of {', '.join(OF)}, not {of!r}")
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, not {method!r}")
    if n_samples < 2:
        raise ValueError(f"n_samples must be 2 or more, not {n_samples}")
    if find_spec(method) is None:
        raise ImportError(
            f"The library '{method}' is not installed: pip install 'spacy-bertsum[explain]'"
        )


def make_variants(
    nlp: Language, doc: Doc, sentence: int, of: str, name: str = "bertsum"
) -> Variants:
    """What `explain` takes parts away from.

    sentence: Index among the document's sentences.
    RAISES: ValueError if there are no such parts.
    """
    bertsum = nlp.get_pipe(name)
    if not isinstance(bertsum, BertSum):
        raise ValueError(f"'{name}' is no component of the factory bertsum")
    if of == "features":
        return Features(bertsum.model, doc, sentence)
    kind = Words if of == "words" else Sentences
    variants = kind(make_scorer(nlp, bertsum), doc, sentence)
    if not variants.names:
        what = "words" if of == "words" else "other sentences"
        raise ValueError(f"Sentence {sentence} has no {what}: there is nothing to explain it by")
    return variants


def _find(sents: list[Span], sentence: int | Span) -> int:
    if isinstance(sentence, Span):
        for i, sent in enumerate(sents):
            if sentence.doc is sent.doc and (sentence.start, sentence.end) == (
                sent.start,
                sent.end,
            ):
                return i
        raise ValueError(f"{sentence.text!r} is none of the document's sentences")
    if not 0 <= sentence < len(sents):
        raise ValueError(f"There is no sentence {sentence}: the document has {len(sents)}")
    return sentence

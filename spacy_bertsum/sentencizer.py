"""The pipeline component ``multilingual_sentencizer``."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy
import srsly
from spacy.attrs import IDX, SENT_START
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc
from spacy.util import ensure_path

from .boundaries import find_sentences
from .language import detect_language

# Codes that name no one language: the language is detected for each document.
MULTIPLE = ("", "xx", "mul", "und")

INSIDE_TOKENS = (
    "Half of the sentences of a document, or more, start inside a token, and were put together. "
    "For languages without spaces between words a pipeline needs a tokenizer that divides them, "
    "such as spacy-bertsum.MultilingualTokenizer.v1 in the config of spacy.blank"
)


@Language.factory(
    "multilingual_sentencizer",
    assigns=["token.is_sent_start", "doc.sents"],
    default_config={
        "lang": None,
        "overwrite": False,
        "scorer": {"@scorers": "spacy.senter_scorer.v1"},
    },
    # A rule does not learn: its score says nothing about which model is best.
    default_score_weights={"sents_f": None, "sents_p": None, "sents_r": None},
)
def make_multilingual_sentencizer(
    nlp: Language, name: str, lang: str | None, overwrite: bool, scorer: Callable | None
) -> "MultilingualSentencizer":
    """Create a multilingual sentencizer. See the class for the settings."""
    return MultilingualSentencizer(name, lang=lang, overwrite=overwrite, scorer=scorer)


class MultilingualSentencizer(Pipe):
    """Set sentence boundaries by rules, in about 300 languages.

    name: The name of the component in the pipeline.
    lang: The ISO 639 code of the language, such as "de". None: the language of the
        pipeline. Where that is "xx", or for "xx" or "mul" here, it is detected for each document.
    overwrite: Whether to change boundaries that are set already.
    scorer: The scoring method.
    """

    def __init__(
        self,
        name: str = "multilingual_sentencizer",
        *,
        lang: str | None = None,
        overwrite: bool = False,
        scorer: Callable | None = None,
    ) -> None:
        self.name = name
        self.lang = lang
        self.overwrite = overwrite
        self.scorer = scorer

    def __call__(self, doc: Doc) -> Doc:
        """Set the sentence boundaries of a document.

        doc: The document.
        RETURNS: The same document.
        """
        try:
            self.set_annotations([doc], self.predict([doc]))
        except Exception as error:
            self.get_error_handler()(self.name, self, [doc], error)
        return doc

    def predict(self, docs: Iterable[Doc]) -> list[numpy.ndarray]:
        """Find the sentences of documents without changing them.

        docs: The documents.
        RETURNS: For each document an array of bool with one entry per token:
            whether the token starts a sentence.
        """
        return [self._predict(doc) for doc in docs]

    def _predict(self, doc: Doc) -> numpy.ndarray:
        guess = numpy.zeros(len(doc), dtype=bool)
        if not len(doc):
            return guess
        text = doc.text
        lang = doc.lang_ if self.lang is None else self.lang
        if lang in MULTIPLE:
            lang = detect_language(text)
        guess[list(_find_tokens(doc, find_sentences(text, lang)[1:]))] = True
        # Even if it is white space.
        guess[0] = True
        return guess

    def set_annotations(self, docs: Iterable[Doc], guesses: Iterable[numpy.ndarray]) -> None:
        """Write sentence boundaries to documents.

        docs: The documents.
        guesses: What predict returned for them.
        """
        for doc, guess in zip(docs, guesses, strict=True):
            values = numpy.where(guess, 1, -1).astype("uint64")
            if not self.overwrite:
                present = doc.to_array(SENT_START)
                values = numpy.where(present == 0, values, present)
            doc.from_array(SENT_START, values)

    @property
    def cfg(self) -> dict[str, Any]:
        """The settings that are serialized."""
        return {"lang": self.lang, "overwrite": self.overwrite}

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialize the settings to a bytestring.

        exclude: Not used.
        RETURNS: The settings.
        """
        return srsly.msgpack_dumps(self.cfg)

    def from_bytes(
        self, bytes_data: bytes, *, exclude: Iterable[str] = ()
    ) -> "MultilingualSentencizer":
        """Load the settings from a bytestring.

        bytes_data: What to_bytes returned.
        exclude: Not used.
        RETURNS: This component.
        """
        return self._configure(srsly.msgpack_loads(bytes_data))

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Save the settings in a JSON file.

        path: The path, without the suffix.
        exclude: Not used.
        """
        srsly.write_json(ensure_path(path).with_suffix(".json"), self.cfg)

    def from_disk(
        self, path: str | Path, *, exclude: Iterable[str] = ()
    ) -> "MultilingualSentencizer":
        """Load the settings from a JSON file.

        path: The path, without the suffix.
        exclude: Not used.
        RETURNS: This component.
        """
        return self._configure(srsly.read_json(ensure_path(path).with_suffix(".json")))

    def _configure(self, cfg: dict[str, Any]) -> "MultilingualSentencizer":
        self.lang = cfg["lang"]
        self.overwrite = cfg["overwrite"]
        return self


def _find_tokens(doc: Doc, starts: Sequence[int]) -> Iterator[int]:
    """The tokens that sentences start with. A sentence that starts inside a token is moved to the
    next one that has a letter or digit, and may find none."""
    offsets = doc.to_array(IDX)
    tokens = numpy.searchsorted(offsets, starts).tolist()
    n_inside = 0
    for i, start in zip(tokens, starts, strict=True):
        if i == len(doc) or offsets[i] != start:
            n_inside += 1
            while i < len(doc) and not any(map(str.isalnum, doc[i].text)):
                i += 1
        if i < len(doc):
            yield i
    if 2 * n_inside >= len(starts) > 1:
        warnings.warn(INSIDE_TOKENS, stacklevel=2)

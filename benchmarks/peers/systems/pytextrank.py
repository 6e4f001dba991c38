"""pytextrank, on the words of a document alone."""

from collections.abc import Sequence

import pytextrank  # noqa: F401 — registers the pipe
import spacy
from protocol import Document
from spacy.tokens import Doc

from .ranker import Ranker


class PyTextRank(Ranker):
    """It wants parts of speech, noun chunks or entities of a trained pipeline.

    There is none for most languages, so a stub stands in for one: words with a letter that are no
    stop words of spaCy's are nouns, and runs of them within a sentence are the phrases.
    """

    def __init__(self) -> None:
        # Not spacy.blank("en"): its noun chunks need a parser, and without one raise an error.
        self.vocab = spacy.blank("xx").vocab
        self.textrank = spacy.blank("xx").add_pipe("textrank")
        self.stop_words: dict[str, set[str]] = {}

    def fit(self, documents: Sequence[Document]) -> None:
        for lang in {document.lang for document in documents}:
            self.stop_words[lang] = get_stop_words(lang)

    def rank(self, document: Document) -> list[int]:
        filled = [i for i, words in enumerate(document.words) if words]
        if not filled:
            return []
        doc = self.textrank(self.annotate(document, filled))
        starts = {sent.start: i for i, sent in zip(filled, doc.sents, strict=True)}
        spans = doc._.textrank.summary(limit_sentences=len(filled))
        return [starts[span.start] for span in spans]

    def annotate(self, document: Document, filled: list[int]) -> Doc:
        words, pos, entities, starts = [], [], [], []
        stop_words = self.stop_words[document.lang]
        for i in filled:
            nouns = [
                word not in stop_words and any(map(str.isalpha, word)) for word in document.words[i]
            ]
            for j, is_noun in enumerate(nouns):
                pos.append("NOUN" if is_noun else "X")
                inside = is_noun and j > 0 and nouns[j - 1]
                entities.append("I-PHRASE" if inside else "B-PHRASE" if is_noun else "O")
                starts.append(j == 0)
            words += document.words[i]
        return Doc(
            self.vocab, words=words, pos=pos, lemmas=words, ents=entities, sent_starts=starts
        )


def get_stop_words(lang: str) -> set[str]:
    """Those that spaCy has for a language; none if it doesn't know it."""
    try:
        return spacy.util.get_lang_class(lang).Defaults.stop_words
    except ImportError:
        return set()

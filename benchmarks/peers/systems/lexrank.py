"""The package lexrank (Erkan & Radev 2004)."""

from collections.abc import Sequence

import lexrank
import numpy
from protocol import Document

from .ranker import Ranker


class LexRank(Ranker):
    """It takes idf from a corpus, here all documents of the set that are in the language.

    It divides at spaces, and removes punctuation, numbers and stop words: it gets words with
    spaces between them, so that texts without spaces have words too.
    """

    def __init__(self) -> None:
        self.by_lang: dict[str, lexrank.LexRank] = {}

    def fit(self, documents: Sequence[Document]) -> None:
        self.by_lang.clear()
        for lang in {document.lang for document in documents}:
            corpus = [spaced(document) for document in documents if document.lang == lang]
            self.by_lang[lang] = lexrank.LexRank(corpus, stopwords=lexrank.STOPWORDS.get(lang))

    def rank(self, document: Document) -> list[int]:
        scores = self.by_lang[document.lang].rank_sentences(spaced(document))
        return numpy.argsort(-scores, kind="stable").tolist()


def spaced(document: Document) -> list[str]:
    return [" ".join(words) for words in document.words]

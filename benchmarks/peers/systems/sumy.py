"""The summarizers of sumy."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

from protocol import Document
from sumy.models.dom import ObjectDocumentModel, Paragraph, Sentence
from sumy.nlp.stemmers import Stemmer, null_stemmer
from sumy.summarizers.kl import KLSummarizer
from sumy.summarizers.lex_rank import LexRankSummarizer
from sumy.summarizers.lsa import LsaSummarizer
from sumy.summarizers.luhn import LuhnSummarizer
from sumy.summarizers.sum_basic import SumBasicSummarizer
from sumy.summarizers.text_rank import TextRankSummarizer
from sumy.utils import get_stop_words

from .ranker import Ranker

SUMMARIZERS = {
    "TextRank": TextRankSummarizer,
    "LexRank": LexRankSummarizer,
    "LSA": LsaSummarizer,
    "Luhn": LuhnSummarizer,
    "SumBasic": SumBasicSummarizer,
    "KL": KLSummarizer,
}


class Sumy(Ranker):
    """One of sumy's methods, with its stemmers and stop words where it has some for a language.

    Its tokenizers need data of nltk that are no part of any package, so it gets words.
    """

    def __init__(self, method: str):
        # Its answer is put in the order of the document; the ranking is what is asked for here.
        self.summarizer = type(method, (SUMMARIZERS[method],), {"_get_best_sentences": rank})
        self.by_lang: dict[str, Any] = {}

    def fit(self, documents: Sequence[Document]) -> None:
        for lang in {document.lang for document in documents}:
            self.by_lang[lang] = self.build(lang)

    def rank(self, document: Document) -> list[int]:
        words = dict(zip(document.sents, document.words, strict=True))
        tokenizer = SimpleNamespace(to_words=words.__getitem__)
        sents = [Sentence(sent, tokenizer) for sent in document.sents]
        model = ObjectDocumentModel([Paragraph(sents)])
        return list(self.by_lang[document.lang](model, len(sents)))

    def build(self, lang: str) -> Any:
        try:
            stemmer = Stemmer(lang)
        except LookupError:
            stemmer = null_stemmer
        summarizer = self.summarizer(stemmer)
        try:
            summarizer.stop_words = get_stop_words(lang)
        except LookupError:
            summarizer.stop_words = frozenset()
        return summarizer


@staticmethod
def rank(
    sents: Sequence[Sentence], count: int, rating: Any, *args: Any, **kwargs: Any
) -> tuple[int, ...]:
    """sumy's `_get_best_sentences`, before it goes back to the order of the document."""
    rate = rating.__getitem__ if isinstance(rating, Mapping) else rating
    infos = [
        SimpleNamespace(order=i, rating=rate(sent, *args, **kwargs)) for i, sent in enumerate(sents)
    ]
    infos.sort(key=attrgetter("rating"), reverse=True)
    return tuple(info.order for info in infos[:count])

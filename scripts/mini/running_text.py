"""Step `running-text` of the embedded model: passages whose first sentences are the reference for
the rest.

Anything that was ever written can be had this way, in languages and of kinds that nobody has
summarized ("Make Lead Bias in Your Favor", Zhu et al. 2021, https://arxiv.org/abs/1912.11602; the
strategy "Lead" of PEGASUS, Zhang et al. 2020, https://arxiv.org/abs/1912.08777). A head that has
seen it is far less wrong about kinds of text that it has not.

Running text and summarization sets may have sources in common: a passage that has a sentence of a
val or test document is left out.
"""

import lzma
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import typer
from spacy.tokens import Span

from scripts.corpora import Corpus
from scripts.mini.held_out import HeldOut, find_held_out
from scripts.mini.prepare import build_pipeline, prepare_corpora

SET = "running_text"
# How many sentences are cut off, by chance; what is left must have so many at least.
LEAD_SENTS = (1, 1, 2, 3)
LEAST_SENTS = 5
# Of a passage, in UTF-8, which counts scripts with few and with many letters a word more alike.
LEAST_BYTES, MOST_BYTES = 800, 12_000


@dataclass(frozen=True)
class RunningText(Corpus):
    """``LANG.txt.xz``: a paragraph or sentence a line, a blank line between passages.

    held_out: Documents that no passage may have a sentence of.
    """

    held_out: HeldOut

    def read(self, limit: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield passages in an order of chance, as records like those of any set."""
        yield from islice(self._read_all(), limit)

    def _read_all(self) -> Iterator[dict[str, Any]]:
        nlp = build_pipeline(self.lang)
        rng = random.Random(self.name)
        passages = list(self._read_passages())
        rng.shuffle(passages)
        found = False
        for number, passage in enumerate(passages):
            sents = list(nlp(passage).sents)
            record = cut_lead(passage, sents, rng.choice(LEAD_SENTS))
            if record and not self.held_out.has_any(sent.text for sent in sents):
                found = True
                yield {"id": f"{self.lang}-{number}", **record}
        if not found:
            raise ValueError(
                f"{self.path} has no passage of {LEAST_BYTES:,} to {MOST_BYTES:,} bytes and enough "
                "sentences, none of a val or test document. Passages are divided by blank lines"
            )

    def _read_passages(self) -> Iterator[str]:
        with lzma.open(self.path, "rt", encoding="utf-8") as file_:
            for is_text, lines in groupby(map(str.strip, file_), key=bool):
                passage = "\n".join(lines)
                if is_text and LEAST_BYTES <= len(passage.encode()) <= MOST_BYTES:
                    yield passage


def cut_lead(passage: str, sents: Sequence[Span], n_sents: int) -> dict[str, Any] | None:
    """The first sentences as ``references``, the rest as ``text``; None where that is too short."""
    if len(sents) < n_sents + LEAST_SENTS:
        return None
    start = sents[n_sents].start_char
    return {"text": passage[start:], "references": [passage[:start].strip()]}


def find_running_text(data: Path) -> list[RunningText]:
    """Those of a data directory, in alphabetical order of their languages.

    RAISES: typer.BadParameter if there are none.
    """
    folder = data / "text" / "mono"
    paths = sorted(folder.glob("*.txt.xz"))
    if not paths:
        raise typer.BadParameter(f"{folder} has no running text, LANG.txt.xz")
    languages = [path.name.split(".")[0] for path in paths]
    return [
        RunningText(path, f"{SET}.{lang}", "train", find_held_out(data, lang))
        for path, lang in zip(paths, languages, strict=True)
    ]


def main(
    data: Path = typer.Argument(..., exists=True, file_okay=False, help="Data directory"),
    work: Path = typer.Argument(..., help="Gets prepared/"),
    tokenizer: Path = typer.Argument(..., exists=True, help="Of the embedded model"),
    passages: int = typer.Option(400, help="Of each language"),
    workers: int = 2,
) -> None:
    folder = work / "prepared"
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(corpus, "train", slice(0, passages)) for corpus in find_running_text(data)]
    prepare_corpora(jobs, folder, tokenizer, workers)


if __name__ == "__main__":
    typer.run(main)

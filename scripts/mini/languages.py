"""Step `languages` of the embedded model: how far the vectors of each language lie from English.

Of a sentence and its translation, on average. A document whose vectors are moved by that much looks
as if it were in the other language, and a head learns not to go by the language: see `Mover`.
"""

import random
from dataclasses import dataclass
from pathlib import Path

import torch
import typer
from tqdm import tqdm

from scripts.mini.common import save_checkpoint
from scripts.mini.encoded import Encoded, substitute
from scripts.mini.encoder import Encoder
from scripts.mini.parallel import load_pairs

PIVOT = "en"
# Shorter sentences are often names and greetings, the same in all languages.
MIN_PIECES = 8


@dataclass
class Mover:
    """Moves documents into another language, at random.

    offsets: The mean of a language's vectors less that of English, (width,), by language.
    share: Of the documents in these languages that are moved.
    """

    offsets: dict[str, torch.Tensor]
    share: float
    rng: random.Random

    def __call__(self, batch: list[Encoded]) -> list[Encoded]:
        return [self._move(one) if self._is_chosen(one) else one for one in batch]

    def _is_chosen(self, encoded: Encoded) -> bool:
        is_known = encoded.document.lang in self.offsets and not encoded.in_disguise
        return is_known and self.rng.random() < self.share

    def _move(self, encoded: Encoded) -> Encoded:
        target = self.offsets[self.rng.choice(sorted(self.offsets))]
        offset = target - self.offsets[encoded.document.lang]
        vectors = encoded.vectors[:, : len(offset)].float() + offset
        return substitute(encoded, slice(0, encoded.n_sents), vectors)


def load_offsets(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)


@torch.no_grad()
def measure_offset(encoder: Encoder, pairs: list[tuple]) -> torch.Tensor:
    """The mean difference of the vectors of sentence pairs, each sentence in its own window."""
    english, other = (encoder([[sent] for sent in sents]) for sents in zip(*pairs, strict=True))
    return (other - english).mean(0).cpu()


def main(
    data: Path = typer.Argument(..., exists=True, file_okay=False, help="Data directory"),
    work: Path = typer.Argument(..., exists=True, help="Holds tokenizer/, gets the file"),
    model: Path = typer.Argument(..., exists=True, help="Model directory with the encoder"),
    n_pairs: int = typer.Option(600, help="Sentence pairs of a language"),
    save_as: str = typer.Option("languages", help="Name of the file"),
    int8: bool = typer.Option(False, help="As in scripts.mini.vectors"),
    seed: int = 0,
) -> None:
    encoder = Encoder(model, int8)
    rng = random.Random(seed)
    offsets = {}
    all_pairs = load_pairs(data, work / "tokenizer", work / "pairs.pt")
    for name, pairs in tqdm(all_pairs.items(), desc="languages"):
        long = [pair for pair in pairs if len(pair[0]) >= MIN_PIECES] or pairs
        offset = measure_offset(encoder, rng.sample(long, min(n_pairs, len(long))))
        offsets[name.removeprefix(f"{PIVOT}-")] = offset
    offsets[PIVOT] = torch.zeros_like(offset)
    save_checkpoint(work / f"{save_as}.pt", **offsets)


if __name__ == "__main__":
    typer.run(main)

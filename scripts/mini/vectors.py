"""Step `vectors` of the embedded model: the vector of every sentence, computed once.

What a head is trained on is kept, in half precision: a training run is then over in minutes. Some
documents are encoded a second time in disguise, as in a script or a language that the encoder
lacks, so that a head can learn to do without.
"""

import random
from collections import Counter
from pathlib import Path

import torch
import typer
from tqdm import tqdm
from weasel.util.hashing import get_checksum

from scripts.mini.common import save_checkpoint
from scripts.mini.disguise import disguise
from scripts.mini.documents import Document, find_prepared, load_documents, take_sents
from scripts.mini.encoder import Encoder

# Documents whose sentences are packed together.
CHUNK = 32


@torch.no_grad()
def encode_set(encoder: Encoder, documents: list[Document]) -> torch.Tensor:
    """The vectors of all sentences of documents, float16, (sentences, width)."""
    pieces = [document.pieces for document in documents]
    chunks = [pieces[i : i + CHUNK] for i in range(0, len(pieces), CHUNK)]
    bar = tqdm(chunks, desc=documents[0].set, mininterval=10)
    return torch.cat([encoder(chunk).half().cpu() for chunk in bar])


def check_folder(folder: Path, encoder: str) -> None:
    """RAISES: typer.BadParameter if it has vectors of another encoder.

    encoder: The checksum of its weights, which older files do not have.
    """
    for path in sorted(folder.glob("*.pt")):
        # The vectors themselves stay on disk.
        state = torch.load(path, weights_only=True, mmap=True)
        if state.get("encoder", encoder) != encoder:
            raise typer.BadParameter(
                f"{path} has vectors of another encoder: remove {folder} or use another --save-as"
            )


def main(
    work: Path = typer.Argument(..., exists=True, help="Holds prepared/, gets vectors/"),
    model: Path = typer.Argument(..., exists=True, help="Model directory with the encoder"),
    disguised: float = typer.Option(0.25, help="Share of training documents to disguise as well"),
    max_sents: int = typer.Option(12_000, help="Training sentences of a set in one language"),
    max_documents: int = typer.Option(1_200, help="Training documents of a set in all languages"),
    max_val_sents: int = typer.Option(4_000, help="The same of val and test sets"),
    int8: bool = typer.Option(False, help="For a CPU that has VNNI and no bfloat16"),
    save_as: str = typer.Option("vectors", help="Name of the folder"),
    seed: int = 0,
) -> None:
    checksum = get_checksum(model / "encoder" / "model.safetensors")
    check_folder(work / save_as, checksum)
    encoder = Encoder(model, int8)
    tokenizer, weights = encoder.shim.tokenizer, encoder.shim.piece_weights()
    (work / save_as).mkdir(exist_ok=True)
    for split in ("val", "test", "train"):
        paths = find_prepared(work, split)
        n_languages = Counter(name.split(".")[0] for name in paths)
        for name, path in paths.items():
            output = work / save_as / path.name
            if output.exists():
                continue
            n = n_languages[name.split(".")[0]]
            if split != "train":
                documents = take_sents(load_documents(path), max_val_sents)
            else:
                # Of many languages each gives less, all together more than one would.
                limit = max_sents // round(n**0.5)
                documents = take_sents(load_documents(path, max_documents // n), limit)
            rng = random.Random(f"{seed} {name}")
            count = round(disguised * len(documents)) if split == "train" else 0
            some = sorted(rng.sample(range(len(documents)), count))
            changed = [disguise(documents[i], tokenizer, weights, rng) for i in some]
            vectors = encode_set(encoder, documents + changed)
            save_checkpoint(
                output,
                vectors=vectors,
                n_documents=len(documents),
                disguised=some,
                features=[torch.from_numpy(one.features).half() for one in changed],
                encoder=checksum,
            )


if __name__ == "__main__":
    typer.run(main)

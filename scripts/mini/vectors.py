"""Steps 8 and 11 of the embedded model: the vector of every sentence, computed once.

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
from transformers import AutoModel, AutoTokenizer

from scripts.mini.common import encode_sentences, get_device, save_checkpoint
from scripts.mini.documents import Document, find_prepared, load_documents, take_sents
from scripts.mini.model_directory import read_windows
from spacy_bertsum.packing import SpecialIds, pack

# The longest word pieces that enter the encoder at once, padding included.
MAX_BATCH_PIECES = 4_096
# Documents whose sentences are packed together.
CHUNK = 32


class Encoder:
    """The encoder of a model directory, with the windows that its config names."""

    def __init__(self, model: Path, int8: bool = False):
        self.tokenizer = AutoTokenizer.from_pretrained(model / "encoder")
        encoder = AutoModel.from_pretrained(
            model / "encoder", add_pooling_layer=False, torch_dtype=torch.float32
        )
        self.encoder = _quantize(encoder.eval()) if int8 else encoder.to(get_device()).eval()
        self.special = SpecialIds.of(self.tokenizer)
        self.windows = read_windows(model)

    @torch.no_grad()
    def encode(self, documents: list[Document]) -> torch.Tensor:
        """The vectors of all sentences of documents, float16, shape (sentences, width)."""
        packed = pack([doc.pieces for doc in documents], self.special, **self.windows)
        return encode_sentences(self.encoder, packed, MAX_BATCH_PIECES).half().cpu()

    def disguise(self, document: Document, rng: random.Random) -> Document:
        space, unknown = self.tokenizer.convert_tokens_to_ids(["▁", self.tokenizer.unk_token])
        return document.disguise(space, unknown, len(self.tokenizer), rng)


def _quantize(encoder: torch.nn.Module) -> torch.nn.Module:
    """Linear layers with weights of 8 bits, for a CPU that multiplies them fast."""
    torch.backends.quantized.engine = "onednn"
    return torch.ao.quantization.quantize_dynamic(encoder, {torch.nn.Linear}, dtype=torch.qint8)


def encode_set(encoder: Encoder, documents: list[Document]) -> torch.Tensor:
    """The same in chunks, with a progress bar."""
    chunks = [documents[i : i + CHUNK] for i in range(0, len(documents), CHUNK)]
    name = documents[0].set
    vectors = [encoder.encode(chunk) for chunk in tqdm(chunks, desc=name, mininterval=10)]
    return torch.cat(vectors)


def main(
    work: Path = typer.Argument(..., exists=True, help="Holds prepared/, gets vectors/"),
    model: Path = typer.Argument(..., exists=True, help="Model directory with the encoder"),
    disguised: float = typer.Option(0.1, help="Share of training documents to disguise as well"),
    max_sents: int = typer.Option(12_000, help="Training sentences of a set in one language"),
    max_documents: int = typer.Option(1_200, help="Training documents of a set in all languages"),
    max_val_sents: int = typer.Option(4_000, help="The same of val and test sets"),
    int8: bool = typer.Option(False, help="On a CPU with VNNI: 1.5 times as fast, cosine 0.9995"),
    save_as: str = typer.Option("vectors", help="Name of the folder"),
    seed: int = 0,
) -> None:
    encoder = Encoder(model, int8)
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
            masked = [encoder.disguise(documents[i], rng) for i in some]
            vectors = encode_set(encoder, documents + masked)
            save_checkpoint(output, vectors=vectors, n_documents=len(documents), disguised=some)


if __name__ == "__main__":
    typer.run(main)

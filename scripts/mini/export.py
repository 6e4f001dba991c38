"""Step 7 of the embedded model: weights in half precision, in the form `Pretrained.v1` loads."""

from pathlib import Path

import safetensors.torch
import torch
import typer
from thinc.api import Config
from transformers import AutoModel, AutoTokenizer

from scripts.mini.train import HEAD, MAX_LENGTH, OVERLAP, Summarizer
from spacy_bertsum.packing import SpecialIds

CONFIG = {
    "model": {
        "@architectures": "spacy-bertsum.BertSum.v1",
        "tok2vec": {
            "@architectures": "spacy-bertsum.SentenceEncoder.v1",
            "pooling": "mean",
            "transformer": {
                "@architectures": "spacy-bertsum.BertSumTransformer.v1",
                "name": "encoder",
                "max_length": MAX_LENGTH,
                "overlap": OVERLAP,
            },
        },
        "salience": {"@architectures": "spacy-bertsum.Salience.v1"},
        "head": {"@architectures": "spacy-bertsum.FineGrained.v1", **HEAD},
    }
}


def main(
    work: Path = typer.Argument(..., exists=True, help="Holds encoder/ and the checkpoint"),
    output: Path = typer.Argument(..., help="Model directory"),
    checkpoint: str = "head.pt",
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(work / "encoder")
    encoder = AutoModel.from_pretrained(work / "encoder", add_pooling_layer=False)
    model = Summarizer(encoder, SpecialIds.of(tokenizer))
    state = torch.load(work / checkpoint, map_location="cpu", weights_only=False)
    model.load_state_dict(state["model"])
    output.mkdir(parents=True, exist_ok=True)
    Config(CONFIG).to_disk(output / "config.cfg")
    model.half()
    model.encoder.save_pretrained(output / "encoder")
    tokenizer.save_pretrained(output / "encoder")
    safetensors.torch.save_file(model.head.state_dict(), output / "head.safetensors")
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    print(f"{output}: {size / 1e6:.1f} MB, closed {state['closed']:.3f} on val")


if __name__ == "__main__":
    typer.run(main)

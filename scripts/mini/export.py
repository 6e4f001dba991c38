"""Steps 7 and 10 of the embedded model: half precision, in the form `Pretrained.v1` loads.

A checkpoint of encoder and head becomes a model directory; one of a head alone goes into a copy of
the model directory whose encoder it was trained on.
"""

import shutil
from pathlib import Path

import safetensors.torch
import torch
import typer
from thinc.api import Config
from transformers import AutoModel, AutoTokenizer

from scripts.mini.layers import DEFAULT, head_config
from scripts.mini.train import Summarizer
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
                # Shorter than those of the joint training, and disjoint: docs/performance.md.
                "max_length": 256,
                "overlap": 0,
            },
        },
        "salience": {"@architectures": "spacy-bertsum.Salience.v1"},
        "head": head_config(DEFAULT),
    }
}


def save_encoder(work: Path, output: Path, state: dict) -> dict[str, torch.Tensor]:
    """Write what `train.py` made. RETURNS: The weights of the head."""
    tokenizer = AutoTokenizer.from_pretrained(work / "encoder")
    encoder = AutoModel.from_pretrained(work / "encoder", add_pooling_layer=False)
    model = Summarizer(encoder, SpecialIds.of(tokenizer))
    model.load_state_dict(state["model"])
    model.encoder.half().save_pretrained(output / "encoder")
    tokenizer.save_pretrained(output / "encoder")
    return model.head.state_dict()


def main(
    work: Path = typer.Argument(..., exists=True, help="Holds the checkpoint"),
    output: Path = typer.Argument(..., help="Model directory"),
    checkpoint: str = "joint_3.pt",
    base: Path = typer.Option(None, help="Model directory whose encoder a head belongs to"),
) -> None:
    state = torch.load(work / checkpoint, map_location="cpu", weights_only=False)
    output.mkdir(parents=True, exist_ok=True)
    if base is None:
        config, head = Config(CONFIG), save_encoder(work, output, state)
    else:
        shutil.copytree(base / "encoder", output / "encoder", dirs_exist_ok=True)
        config, head = Config().from_disk(base / "config.cfg"), state["head"]
        config["model"]["head"] = head_config(state["name"])
    config.to_disk(output / "config.cfg")
    half = {name: weight.half() for name, weight in head.items()}
    safetensors.torch.save_file(half, output / "head.safetensors")
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    print(f"{output}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    typer.run(main)

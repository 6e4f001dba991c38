"""Step `export` of the embedded model: half precision, in the form `Pretrained.v1` loads.

A checkpoint of the joint training becomes a model directory, and one of pre-training a directory
that has no head yet; what was trained on the vectors of such a directory, a head alone or one with
the encoder's weights, goes into a copy of that.
"""

import shutil
from pathlib import Path

import safetensors.torch
import torch
import typer
from thinc.api import Config
from transformers import AutoModel, AutoTokenizer

from scripts.mini.layers import DEFAULT, head_config
from scripts.mini.summarizer import Summarizer
from spacy_bertsum.packing import SpecialIds

CONFIG = {
    "model": {
        "@architectures": "spacy-bertsum.BertSum.v1",
        "tok2vec": {
            "@architectures": "spacy-bertsum.SentenceEncoder.v1",
            "pooling": "mean",
            "surprisal": True,
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


def split_joint(work: Path, state: dict) -> dict:
    """What `train_joint.py` made, as `train_whole.py` leaves it."""
    tokenizer = AutoTokenizer.from_pretrained(work / "encoder")
    encoder = AutoModel.from_pretrained(work / "encoder", add_pooling_layer=False)
    model = Summarizer(encoder, SpecialIds.of(tokenizer))
    model.load_state_dict(state["model"])
    return {"encoder": model.encoder.state_dict(), "head": model.head.state_dict()}


def save_encoder(source: Path, output: Path, weights: dict[str, torch.Tensor]) -> None:
    """Write an encoder like one that is there, with other weights, and its tokenizer."""
    encoder = AutoModel.from_pretrained(source, add_pooling_layer=False)
    encoder.load_state_dict(weights)
    encoder.half().save_pretrained(output)
    AutoTokenizer.from_pretrained(source).save_pretrained(output)


def main(
    work: Path = typer.Argument(..., exists=True, help="Holds the checkpoint"),
    output: Path = typer.Argument(..., help="Model directory"),
    checkpoint: str = "joint_3.pt",
    base: Path = typer.Option(None, help="Model directory that training went on from"),
) -> None:
    state = torch.load(work / checkpoint, map_location="cpu", weights_only=False)
    output.mkdir(parents=True, exist_ok=True)
    config = Config(CONFIG)
    if "model" in state:
        state = split_joint(work, state)
    if base is not None:
        config = Config().from_disk(base / "config.cfg")
        config["model"]["head"] = head_config(state["name"])
        # The heads of models before the fifteenth version do without.
        config["model"]["tok2vec"]["surprisal"] = True
    if "encoder" in state:
        source = work / "encoder" if base is None else base / "encoder"
        save_encoder(source, output / "encoder", state["encoder"])
    else:
        shutil.copytree(base / "encoder", output / "encoder", dirs_exist_ok=True)
    config.to_disk(output / "config.cfg")
    if "head" in state:
        half = {name: weight.half() for name, weight in state["head"].items()}
        safetensors.torch.save_file(half, output / "head.safetensors")
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    print(f"{output}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    typer.run(main)

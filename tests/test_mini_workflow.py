"""The steps that make the embedded model, on a data directory of a few documents."""

import lzma
import re
import subprocess
import sys
from pathlib import Path

import pytest
import srsly
import torch
from safetensors.torch import load_file
from thinc.api import Config

ROOT = Path(__file__).parent.parent
LANGS = ("en", "de", "fr")


def write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with lzma.open(path, "wt", encoding="utf-8") as file_:
        file_.writelines(f"{line}\n" for line in lines)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Sample texts in the layout of a data directory; the pairs are no translations."""
    lines = {}
    for lang in LANGS:
        records = list(srsly.read_jsonl(ROOT / "assets" / "sample" / f"{lang}.jsonl"))
        for split in ("train", "val", "test"):
            path = tmp_path / f"data/summarization/toy.{lang}.{split}.jsonl.xz"
            write(path, [srsly.json_dumps(record) for record in records])
        lines[lang] = [line for record in records for line in record["text"].splitlines()]
        # Others: running text that test documents have, too, would be left out.
        others = srsly.read_jsonl(ROOT / "assets" / "corpus" / f"sample.{lang}.test.jsonl")
        passages = [line for record in others for line in (record["text"], "")]
        write(tmp_path / f"data/text/mono/{lang}.txt.xz", passages)
    for lang in LANGS[1:]:
        pairs = zip(lines["en"], lines[lang], strict=False)
        rows = [f"toy\t{english}\t{other}" for english, other in pairs]
        write(tmp_path / f"data/text/parallel/en-{lang}.tsv.xz", rows)
    return tmp_path / "data"


def run(module: str, *arguments: object) -> str:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=300
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout + result.stderr


def changed_layers(base: Path, model: Path) -> set[int]:
    """The layers of the encoder whose weights differ; an error if any other weight does."""
    old, new = (load_file(folder / "encoder" / "model.safetensors") for folder in (base, model))
    names = {name for name in old if not torch.equal(old[name], new[name])}
    return {int(re.match(r"encoder\.layer\.(\d+)\.", name)[1]) for name in names}


def weights_of(model: Path) -> dict[str, torch.Tensor]:
    """Of encoder and head, by name."""
    files = [load_file(path) for path in sorted(model.rglob("*.safetensors"))]
    return {name: weight.float() for file_ in files for name, weight in sorted(file_.items())}


def head_of(model: Path) -> str:
    """The architecture of a model's head."""
    return Config().from_disk(model / "config.cfg")["model"]["head"]["@architectures"]


@pytest.mark.slow
def test_from_data_directory_to_model(data: Path, tmp_path: Path):
    work = tmp_path / "work"
    work.mkdir()
    tokenizer = work / "tokenizer"
    run("scripts.mini.train_tokenizer", data, tokenizer, "--vocab-size", 600)
    run(
        "scripts.mini.train_embeddings",
        *(data, tokenizer, work / "vectors.npy", "--width", 32, "--epochs", 1),
    )
    run("scripts.mini.pretrain_encoder", data, work, "--n-pairs", 16, "--steps", 3)
    run("scripts.mini.prepare", data, work, "--test")
    assert "step 3 loss" in run("scripts.mini.train_salience", work, "--steps", 3)
    train = ("scripts.mini.train_joint", work, "--steps", 3, "--n-pairs", 16)
    joint = run(*train)
    assert "step 3 loss" in joint
    assert "retrieval@1" in joint
    again = ("--save-as", "joint_2", "--start-from", work / "joint.pt", "--seed", 1)
    two = ("torch.distributed.run", "--standalone", "--nproc-per-node", 2, "-m")
    assert run(*two, *train, *again).count("step 3 loss") == 1
    base, whole, model = work / "base", work / "whole", work / "model"
    run("scripts.mini.export", work, base, "--checkpoint", "joint_2.pt")
    run("scripts.mini.vectors", work, base, "--disguised", 0.5)
    table = run("benchmarks.heads", work, "--steps", 2)
    assert "| logistic regression on the features |" in table
    train = ("scripts.mini.train_whole", work, base, "--max-pieces", 40, "--n-layers", 1, "--steps")
    assert "step 3 loss" in run(*train, 3)
    resumed = run(*train, 6)
    assert "step 6 loss" in resumed
    assert "before training" not in resumed
    run("scripts.mini.export", work, whole, "--checkpoint", "whole.pt", "--base", base)
    assert changed_layers(base, whole) == {3}
    run("scripts.mini.vectors", work, whole, "--save-as", "vectors_2")
    run("scripts.mini.languages", data, work, whole)
    languages = ("--languages", work / "languages.pt")
    train = ("scripts.mini.train_head", work, "--vectors", "vectors_2", *languages, "--steps")
    assert "step 3 loss" in run(*train, 3)
    assert "step 6 loss" in run(*train, 6)
    again = ("--start-from", work / "head.pt", "--save-as", "head_2", "--lead", "toy")
    assert "step 3 loss" in run(*train, 3, *again)
    run("scripts.mini.export", work, model, "--checkpoint", "head.pt", "--base", whole)
    assert changed_layers(whole, model) == set()
    assert head_of(whole) == "spacy-bertsum.FineGrained.v1"
    assert head_of(model) == "spacy-bertsum.RecurrentHead.v1"
    further, middle = work / "further", work / "middle"
    train = ("scripts.mini.train_whole", work, model, "--vectors", "vectors_2", *languages)
    some = ("--max-pieces", 40, "--n-layers", 2, "--encoder-rate", 0.01, "--steps", 3)
    assert "retrieval@1" in run(*train, *some, "--n-pairs", 16, "--save-as", "whole_2")
    run("scripts.mini.export", work, further, "--checkpoint", "whole_2.pt", "--base", model)
    run("scripts.mini.average", model, further, middle)
    assert changed_layers(model, further) == changed_layers(model, middle) == {2, 3}
    first, mean, second = map(weights_of, (model, middle, further))
    for name, weight in mean.items():
        torch.testing.assert_close(weight, (first[name] + second[name]) / 2, atol=1e-3, rtol=1e-3)
    more, pages, last = work / "running_text", work / "boilerplate", work / "last"
    run("scripts.mini.running_text", data, more, tokenizer)
    run("scripts.mini.boilerplate", data, pages, tokenizer, "--documents", 4)
    for folder in (work, more, pages):
        run("scripts.mini.vectors", folder, middle, "--save-as", "vectors_4")
    also = ("--also", more, "--also", pages)
    train = ("scripts.mini.train_head", work, "--vectors", "vectors_4", *also)
    run(*train, "--start-from", middle, "--steps", 3, "--save-as", "head_4")
    run("scripts.mini.export", work, last, "--checkpoint", "head_4.pt", "--base", middle)
    assert changed_layers(middle, last) == set()
    old, new = (weights_of(folder)["lstm.weight_hh_l0"] for folder in (middle, last))
    assert not torch.equal(old, new)
    other = work / "pretrained"
    run("scripts.mini.export", work, other, "--checkpoint", "pretrain.pt")
    assert not (other / "head.safetensors").exists()
    for folder in (work, pages):
        run("scripts.mini.vectors", folder, other, "--save-as", "vectors_3")
    only = ("--vectors", "vectors_3", "--also", pages, "--only", "toy,boilerplate_toy")
    only += ("--save-as", "head_3")
    run("scripts.mini.train_head", work, *only, "--steps", 3)
    run("scripts.mini.export", work, work / "short", "--checkpoint", "head_3.pt", "--base", other)
    assert head_of(work / "short") == "spacy-bertsum.RecurrentHead.v1"
    matrix = run(
        "benchmarks.zero_shot",
        *(work, "--languages", "de,en", "--steps", 2, "--plot", work / "matrix.png"),
        *("--inputs", "vectors,shipped,features", "--vectors", "vectors_4"),
        *("--moved", work / "languages.pt", "--also", more),
    )
    assert "| de alone |" in matrix
    assert matrix.count("| all but de |") == 6
    assert matrix.count("Left out:") == 6
    assert (work / "matrix.png").stat().st_size > 5_000
    table = run(
        "benchmarks.quality",
        *(data, "--model", model, "--no-peers", "--store", work / "quality"),
    )
    assert "| toy.fr | 3 |" in table
    assert "**mean over sets**" in table

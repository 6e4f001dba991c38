"""`spacy bertsum train` on two processes: the same as one that averages the gradients itself."""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy
import pytest
import torch
from checkpoints import make_checkpoint
from numpy.testing import assert_allclose
from safetensors.torch import load_file
from spacy.schemas import ConfigSchemaTraining
from spacy.tokens import DocBin
from spacy.training.initialize import init_nlp
from spacy.util import load_config, registry, resolve_dot_names
from test_training_loop import (
    REPO,
    assert_same_training,
    find_steps,
    make_config,
    make_docs,
    read_weights,
    with_encoder,
)
from thinc.api import Config

from spacy_bertsum.training.batches import Batches
from spacy_bertsum.training.parameters import Parameter, Parameters

N_STEPS = 5

# Every process runs it before training, and the callback before each step.
CODE = '''
import os, sys
from pathlib import Path
from safetensors.torch import save_file
from spacy.util import registry
from spacy_bertsum.training.parameters import Parameters

RANK = os.environ["RANK"]
OUTPUT = os.environ["OUTPUT"]
WRITING = ("os.mkdir", "os.rename", "os.remove", "os.rmdir")

def allow_to_write(event, args):
    """Only the first process may touch the output directory."""
    is_writing = event in WRITING or (event == "open" and args[1] and args[1][0] in "wa")
    if RANK != "0" and is_writing and str(args[0]).startswith(OUTPUT):
        raise RuntimeError(f"process {RANK} writes to {args[0]}")

sys.addaudithook(allow_to_write)

@registry.callbacks("test_distributed.dump.v1")
def make_dump():
    def dump(nlp, info):
        if RANK == os.environ.get("FAILING_RANK") and info["step"] == 4:
            raise ValueError("The loss of this process is nan")
        weights = {name: t.clone() for name, t in Parameters(nlp).get_weights().items()}
        save_file(weights, os.environ["WEIGHTS"] + f"-{RANK}-{info['step']}.safetensors")
    return dump
'''


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for name, docs in {"train": make_docs(0, 13), "dev": make_docs(13, 3)}.items():
        DocBin(store_user_data=True, docs=docs).to_disk(folder / f"{name}.spacy")
    return folder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint("bert", tmp_path_factory.mktemp("bert"))


def make_two_process_config(name: str, data: Path, encoder: Path) -> Config:
    config = make_config(data, training__max_steps=N_STEPS, training__dropout=0.0)
    if name == "encoder":
        config = with_encoder(config, encoder)
    if name == "shared":
        shared = load_config(REPO / "configs" / "shared_transformer.cfg", interpolate=False)
        config["components"] = shared["components"]
        config["nlp"]["pipeline"] = shared["nlp"]["pipeline"]
        config["components"]["transformer"]["model"].update(
            name=str(encoder), overlap=16, mixed_precision=False
        )
        head = config["components"]["bertsum"]["model"]["head"]
        head.update(width=16, depth=1, n_heads=2, n_hidden=16)
        # Any other value draws random numbers.
        config["components"]["ner"]["update_with_oracle_cut_size"] = 0
    config["training"]["before_update"] = {"@callbacks": "test_distributed.dump.v1"}
    return config


@pytest.fixture
def run_two(tmp_path: Path):
    """Run the command with torchrun on two processes."""
    (tmp_path / "code.py").write_text(CODE)

    def run_two(config: Config, output: Path, *options: str, **env: str):
        config.to_disk(tmp_path / "config.cfg")
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += ["--nproc-per-node", "2", "-m", "spacy", "bertsum", "train"]
        command += [str(tmp_path / "config.cfg"), "--output", str(output)]
        command += ["--code", str(tmp_path / "code.py"), *options]
        env = {**os.environ, "OUTPUT": str(output), "WEIGHTS": str(output) + "-weights", **env}
        result = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
        return result

    return run_two


def read_step(output: Path, rank: int, step: int) -> dict[str, torch.Tensor]:
    """The weights that a process had before a step."""
    return load_file(f"{output}-weights-{rank}-{step}.safetensors")


def has_gradient(parameter: Parameter) -> bool:
    return parameter.gradient is not None


def train_alone(config: Config) -> Iterable[dict[str, numpy.ndarray]]:
    """Train on one process with the batches of two, and give the weights before each step."""
    nlp = init_nlp(config.merge({"training": {"before_update": None}}))
    config = nlp.config.interpolate()
    settings = registry.resolve(config["training"], schema=ConfigSchemaTraining)
    (corpus,) = resolve_dot_names(config, [settings["train_corpus"]])
    optimizer = settings["optimizer"]
    batches = Batches(
        nlp, corpus, settings["batcher"], max_epochs=0, seed=config["training"]["seed"]
    )
    annotating = settings["annotating_components"]
    for _, _, group in batches.groups(2):
        parameters = Parameters(nlp)
        yield {name: t.numpy().copy() for name, t in parameters.get_weights().items()}
        gradients = []
        for batch in group:
            # The order of documents in a batch shows in the last digits.
            batch = sorted(batch, key=lambda example: len(example.predicted))
            nlp.update(batch, drop=0.0, sgd=False, annotates=annotating)
            gradients.append({p.name: p.gradient.clone() for p in parameters if has_gradient(p)})
            for parameter in filter(has_gradient, parameters):
                parameter.gradient.zero_()
        for parameter in filter(has_gradient, parameters):
            found = [by_name[parameter.name] for by_name in gradients if parameter.name in by_name]
            parameter.set_gradient(sum(found) / len(group))
        for component in parameters.components.values():
            component.finish_update(optimizer)
        optimizer.step_schedules()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As torchrun has it: with more threads sums have other last digits, and of a gradient that is
    nothing but such digits Adam makes a step of full size."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cnn", "encoder", "shared"])
def test_two_processes_equal_one(
    name: str, data: Path, encoder: Path, tmp_path: Path, run_two, one_thread
):
    config = make_two_process_config(name, data, encoder)
    output = tmp_path / "out"
    result = run_two(config, output)
    assert result.returncode == 0, result.stdout + result.stderr
    expected = train_alone(config)
    for step in range(N_STEPS + 1):
        first, second = (read_step(output, rank, step) for rank in (0, 1))
        alone = next(expected)
        assert first.keys() == second.keys() == alone.keys()
        for key, weights in alone.items():
            assert torch.equal(first[key], second[key]), f"step {step}: {key}"
            assert_allclose(first[key], weights, atol=1e-6, err_msg=f"step {step}: {key}")
    moved = [not torch.equal(first[key], read_step(output, 0, 0)[key]) for key in first]
    assert sum(moved) > len(moved) / 2
    assert find_steps(output) == [0, 3]
    assert sorted(path.name for path in output.iterdir()) == [
        "checkpoint",
        "model-best",
        "model-last",
    ]
    assert result.stdout.count("Saved pipeline") == 1
    again = run_two(config, output)
    assert again.returncode == 0
    assert again.stdout.count("is finished") == 1


@pytest.mark.slow
def test_a_failing_process_ends_both_and_training_goes_on(
    data: Path, encoder: Path, tmp_path: Path, run_two
):
    config = make_two_process_config("encoder", data, encoder)
    # Each process has its own random numbers, and must find them again.
    config["training"]["dropout"] = 0.2
    whole = run_two(config, tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    failed = run_two(config, tmp_path / "failed", FAILING_RANK="1")
    assert failed.returncode != 0
    assert "The loss of this process is nan" in failed.stderr
    assert find_steps(tmp_path / "failed") == [0, 3]
    resumed = run_two(config, tmp_path / "failed")
    assert resumed.returncode == 0, resumed.stderr
    assert_same_training(tmp_path / "whole", tmp_path / "failed")
    assert len(read_weights(tmp_path / "failed")) > 10
    refused = run_two(config, tmp_path / "failed", "--training.dropout", "0.3")
    assert refused.returncode != 0
    assert "training.dropout: 0.2, now 0.3" in refused.stdout

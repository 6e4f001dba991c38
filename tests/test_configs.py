"""The configs in configs/: each builds a pipeline, and `spacy train` works with them."""

import subprocess
import sys
from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin
from spacy.util import load_config, load_model_from_config
from test_component import TEXTS, make_examples

CONFIGS = sorted((Path(__file__).parent.parent / "configs").glob("*.cfg"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_config_builds_a_pipeline(path: Path):
    config = load_config(path, interpolate=False)
    nlp = load_model_from_config(config, auto_fill=True)
    assert nlp.config == config, "the config is complete: init fill-config changes nothing"
    assert nlp.pipe_names == ["multilingual_sentencizer", "bertsum"]
    training = nlp.config["training"]
    assert training["annotating_components"] == ["multilingual_sentencizer"]
    weights = {name for name, weight in training["score_weights"].items() if weight}
    assert weights == {"rouge_1", "rouge_2"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cnn", "mini"])
def test_spacy_train(name: str, tmp_path: Path):
    docs = []
    for example in make_examples(spacy.blank("en")):
        example.reference._.summary = example.reference.spans["summary"][0].text
        docs.append(example.reference)
    DocBin(store_user_data=True, docs=docs).to_disk(tmp_path / "docs.spacy")
    arguments = {
        "paths.train": tmp_path / "docs.spacy",
        "paths.dev": tmp_path / "docs.spacy",
        "training.max_steps": 40,
        "training.eval_frequency": 20,
        "training.optimizer.learn_rate.rate": 0.003,
        "components.bertsum.n_sents": 1,
    }
    command = [sys.executable, "-m", "spacy", "train", f"configs/{name}.cfg"]
    command += ["--output", str(tmp_path / "out")]
    for argument, value in arguments.items():
        command += [f"--{argument}", str(value)]
    subprocess.run(command, cwd=CONFIGS[0].parent.parent, check=True, timeout=300)
    nlp = spacy.load(tmp_path / "out" / "model-best")
    assert nlp.meta["performance"]["rouge_1"] > 0.9
    expected = [doc._.summary for doc in docs]
    found = [doc._.summary for doc in nlp.pipe(TEXTS)]
    assert sum(a == b for a, b in zip(found, expected, strict=True)) >= 3

"""`spacy bertsum train`: the same as `spacy train`, and going on after any kind of stop."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import spacy
import torch
from checkpoints import make_checkpoint
from safetensors.torch import load_file
from spacy.tokens import Doc, DocBin, Span
from spacy.training.initialize import init_nlp
from spacy.training.loop import train as spacy_train
from spacy.util import load_config, registry
from thinc.api import Config
from typer import Exit

from spacy_bertsum.cli.train import train
from spacy_bertsum.extensions import SUMMARY
from spacy_bertsum.training import checkpoint as checkpoint_module
from spacy_bertsum.training.batches import Batches
from spacy_bertsum.training.checkpoint import (
    Checkpoint,
    Progress,
    checksum_corpus,
    fill,
    find_changes,
    replace_directory,
    restore_directory,
)
from spacy_bertsum.training.parameters import Parameters

REPO = Path(__file__).parent.parent
N_TRAIN = 12


class Interruption(Exception):
    pass


class Stop:
    """Raises in the update of a step, once."""

    at: int | None = None
    error: type[BaseException] = Interruption

    def __call__(self, nlp: Any, info: dict[str, int]) -> None:
        if info["step"] == Stop.at:
            Stop.at = None
            raise Stop.error


@registry.callbacks("test_training_loop.stop.v1")
def make_stop():
    return Stop()


class Reversing:
    """A reader with an order of its own for each epoch."""

    def __init__(self, path: Path):
        self.corpus = registry.readers.get("spacy.Corpus.v1")(path, gold_preproc=False)
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __call__(self, nlp):
        examples = list(self.corpus(nlp))
        return iter(examples[::-1] if self.epoch % 2 else examples)


@registry.readers("test_training_loop.Reversing.v1")
def make_reversing(path: Path):
    return Reversing(path)


def make_docs(first: int, n: int) -> list[Doc]:
    """Documents no two of which have the same number of tokens; the sentence with the number is
    gold."""
    if not Doc.has_extension(SUMMARY):
        Doc.set_extension(SUMMARY, default=None)
    nlp = spacy.blank("xx")
    nlp.add_pipe("sentencizer")
    things = ["garden", "council", "coffee", "window", "choir", "lamp", "harbour"]
    docs = []
    for i in range(first, first + n):
        sents = [f"The {things[(i + j) % 7]} was {'very ' * j}old." for j in range(3 + i % 3)]
        sents[i % 3] = f"The {things[i % 5]} grew by {10 + i} percent{' again' * 9 * i}."
        doc = nlp(" ".join(sents))
        gold = list(doc.sents)[i % 3]
        doc.spans["summary"] = [Span(doc, gold.start, gold.end, label="SUMMARY")]
        doc._.set(SUMMARY, gold.text)
        doc.ents = [Span(doc, 1, 2, label="THING")]
        docs.append(doc)
    return docs


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for name, docs in {"train": make_docs(0, N_TRAIN), "dev": make_docs(N_TRAIN, 4)}.items():
        DocBin(store_user_data=True, docs=docs).to_disk(folder / f"{name}.spacy")
    return folder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small BERT that has dropout."""
    folder = make_checkpoint("bert", tmp_path_factory.mktemp("bert"))
    config = json.loads((folder / "config.json").read_text())
    config.update(hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def make_config(data: Path, **overrides: Any) -> Config:
    """configs/cnn.cfg with everything small; a step takes milliseconds."""
    config = load_config(REPO / "configs" / "cnn.cfg", interpolate=False)
    for name in ("train", "dev"):
        path = str(data / f"{name}.spacy")
        config["corpora"][name] = {"@readers": "spacy.Corpus.v1", "path": path}
        config["corpora"][name].update(gold_preproc=False, max_length=0, limit=0, augmenter=None)
    config["components"]["bertsum"]["n_sents"] = 1
    tok2vec = config["components"]["bertsum"]["model"]["tok2vec"]["tok2vec"]
    tok2vec.update(width=16, depth=1, embed_size=50)
    head = config["components"]["bertsum"]["model"]["head"]
    head.update(width=16, n_heads=2, n_hidden=16)
    config["training"].update(max_epochs=0, max_steps=11, eval_frequency=3, patience=0)
    config["training"]["before_update"] = {"@callbacks": "test_training_loop.stop.v1"}
    config["training"]["batcher"]["size"] = 200
    config["training"]["logger"] = {"@loggers": "spacy.ConsoleLogger.v3", "output_file": None}
    flat = {key.replace("__", "."): value for key, value in overrides.items()}
    return config.from_str(config.to_str(), interpolate=False, overrides=flat)


def with_encoder(config: Config, encoder: Path) -> Config:
    """Put a transformer in the place of the CNN."""
    model = config["components"]["bertsum"]["model"]
    model["tok2vec"] = {
        "@architectures": "spacy-bertsum.SentenceEncoder.v1",
        "transformer": {
            "@architectures": "spacy-bertsum.BertSumTransformer.v1",
            "name": str(encoder),
            "overlap": 16,
        },
    }
    return config


def run(config: Config, output: Path, **settings: Any) -> None:
    path = output.with_suffix(".cfg")
    config.to_disk(path)
    train(path, output, **settings)


def read_weights(output: Path) -> dict[str, torch.Tensor]:
    """The final weights, the optimizer's moments and everything else that is a tensor."""
    tensors = {}
    for path in (output / "checkpoint").glob("*.safetensors"):
        for name, tensor in load_file(path).items():
            tensors[f"{path.stem}/{name}"] = tensor
    return tensors


def assert_same_training(one: Path, other: Path) -> None:
    expected, found = read_weights(one), read_weights(other)
    assert expected.keys() == found.keys()
    assert len(expected) > 10
    for name, tensor in expected.items():
        assert torch.equal(tensor, found[name]), name
    for name in ("model-best", "model-last"):
        files = [path.relative_to(one) for path in (one / name / "bertsum").rglob("*")]
        assert files
        for path in files:
            assert (one / path).read_bytes() == (other / path).read_bytes(), path
    progress = [Checkpoint(output / "checkpoint").read()[0] for output in (one, other)]
    for row in progress[0].evaluations + progress[1].evaluations:
        row.pop("seconds")
    assert progress[0].evaluations == progress[1].evaluations
    assert progress[0].random == progress[1].random


def find_steps(output: Path) -> list[int]:
    progress, _ = Checkpoint(output / "checkpoint").read()
    return [row["step"] for row in progress.evaluations]


def make_variant(name: str, data: Path, encoder: Path) -> Config:
    if name == "encoder":
        return with_encoder(make_config(data, training__accumulate_gradient=2), encoder)
    config = make_config(data, training__optimizer__use_averages=True)
    if name == "schedules":
        training = config["training"]
        size = {"@schedules": "compounding.v1", "start": 150, "stop": 400, "compound": 1.1}
        training["batcher"]["size"] = size
        training["optimizer"]["learn_rate"] = {
            "@schedules": "warmup_linear.v1",
            "warmup_steps": 4,
            "total_steps": 30,
            "initial_rate": 0.01,
        }
    if name == "streamed":
        config["training"]["max_epochs"] = -1
        reader = {"@readers": "test_training_loop.Reversing.v1"}
        config["corpora"]["train"] = {**reader, "path": str(data / "train.spacy")}
    return config


@pytest.mark.parametrize("name", ["cnn", "encoder"])
def test_trains_as_spacy_does(name: str, data: Path, encoder: Path, tmp_path: Path):
    """With all documents in one batch, and sorted by length there, their order has no effect."""
    config = make_variant(name, data, encoder)
    config["training"]["batcher"]["size"] = 100_000
    run(config, tmp_path / "ours")
    (tmp_path / "spacy").mkdir()
    nlp, _ = spacy_train(init_nlp(config), tmp_path / "spacy")
    weights = {f"weights-11/{k}": v for k, v in Parameters(nlp).get_weights().items()}
    ours = read_weights(tmp_path / "ours")
    for key, tensor in weights.items():
        assert torch.equal(tensor, ours[key]), key
    for pipeline in ("model-best", "model-last"):
        for file in ("bertsum/model", "meta.json", "config.cfg"):
            found, expected = (tmp_path / d / pipeline / file for d in ("ours", "spacy"))
            assert found.read_bytes() == expected.read_bytes(), file


@pytest.mark.parametrize("name", ["cnn", "encoder", "schedules", "streamed"])
def test_goes_on_as_if_never_stopped(name: str, data: Path, encoder: Path, tmp_path: Path):
    config = make_variant(name, data, encoder)
    run(config, tmp_path / "whole")
    for step in (1, 5, 10):
        Stop.at = step
        with pytest.raises(Interruption):
            run(config, tmp_path / "stopped")
        # At most one evaluation interval is lost.
        assert find_steps(tmp_path / "stopped")[-1] == (step - 1) // 3 * 3
    run(config, tmp_path / "stopped")
    assert find_steps(tmp_path / "stopped") == [0, 3, 6, 9]
    assert_same_training(tmp_path / "whole", tmp_path / "stopped")


KILLER = """
import os, signal
from spacy.util import registry

@registry.callbacks("test_training_loop.stop.v1")
def make_killer():
    def kill(nlp, info):
        if info["step"] == int(os.environ["KILL_AT"]):
            os.kill(os.getpid(), signal.SIGKILL)
    return kill
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_goes_on_after_sigkill(data: Path, tmp_path: Path):
    config = make_config(data, training__logger__output_file=str(tmp_path / "log.jsonl"))
    run(config, tmp_path / "whole")
    expected_log = (tmp_path / "log.jsonl").read_text()
    (tmp_path / "log.jsonl").unlink()
    (tmp_path / "killer.py").write_text(KILLER)
    command = [sys.executable, "-m", "spacy", "bertsum", "train", str(tmp_path / "whole.cfg")]
    command += ["--output", str(tmp_path / "killed"), "--code", str(tmp_path / "killer.py")]
    for step, code in [(8, -signal.SIGKILL), (-1, 0)]:
        env = {**os.environ, "KILL_AT": str(step)}
        assert subprocess.run(command, env=env, timeout=120).returncode == code
    assert_same_training(tmp_path / "whole", tmp_path / "killed")
    assert (tmp_path / "log.jsonl").read_text() == expected_log


def test_a_finished_training_says_so_and_can_be_prolonged(data: Path, tmp_path: Path, capsys):
    run(make_config(data), tmp_path / "whole")
    run(make_config(data, training__max_steps=4), tmp_path / "longer")
    capsys.readouterr()
    run(make_config(data, training__max_steps=4), tmp_path / "longer")
    output = " ".join(capsys.readouterr().out.split())
    assert "is finished: max_steps was reached in step 4" in output
    assert "Raise training.max_steps" in output
    run(make_config(data), tmp_path / "longer")
    assert_same_training(tmp_path / "whole", tmp_path / "longer")


def test_max_epochs_and_patience_finish_training(data: Path, tmp_path: Path, capsys):
    config = make_config(data, training__max_epochs=2, training__max_steps=0)
    run(config, tmp_path / "epochs")
    n_steps = Checkpoint(tmp_path / "epochs" / "checkpoint").read()[0].step
    run(config, tmp_path / "epochs")
    assert "max_epochs was reached" in capsys.readouterr().out
    config["training"]["max_epochs"] = 3
    run(config, tmp_path / "epochs")
    assert Checkpoint(tmp_path / "epochs" / "checkpoint").read()[0].step > n_steps
    config = make_config(data, training__patience=3, training__optimizer__learn_rate__rate=0.0)
    run(config, tmp_path / "patience")
    assert find_steps(tmp_path / "patience") == [0, 3]
    run(config, tmp_path / "patience")
    assert "patience was reached" in capsys.readouterr().out


def test_other_settings_are_refused(data: Path, tmp_path: Path, capsys):
    run(make_config(data, training__max_steps=1), tmp_path / "out")
    config = make_config(data, training__dropout=0.25, training__optimizer__L2=0.5)
    with pytest.raises(Exit):
        run(config, tmp_path / "out")
    output = capsys.readouterr().out
    assert "training.dropout: 0.1, now 0.25\ntraining.optimizer.L2: 0.01, now 0.5\n" in output
    assert "--overwrite" in output
    run(config, tmp_path / "out", overwrite=True)
    assert find_steps(tmp_path / "out") == [0, 3, 6, 9]


def test_settings_that_may_change(data: Path):
    old = fill(make_config(data))
    new = fill(make_config(data, training__eval_frequency=50, training__logger__output_file="x"))
    new["corpora"]["dev"]["limit"] = 5
    new["training"]["max_epochs"] = 7
    assert find_changes(old, new) == []
    new["training"]["max_epochs"] = -1
    new["corpora"]["train"]["limit"] = 5
    del new["components"]["bertsum"]["model"]["salience"]
    assert [line.split(":")[0] for line in find_changes(old, new)] == [
        "components.bertsum.model.salience.@architectures",
        "corpora.train.limit",
        "training.max_epochs",
    ]


def test_a_folder_of_the_name_of_a_setting_is_no_corpus(tmp_path: Path, monkeypatch):
    (tmp_path / "de").mkdir()
    monkeypatch.chdir(tmp_path)
    corpus = {"@readers": "spacy-bertsum.JsonlCorpus.v1", "path": "train.jsonl", "lang": "de"}
    config = {"corpora": {"train": corpus}, "training": {"train_corpus": "corpora.train"}}
    (tmp_path / "train.jsonl").write_text("{}")
    before = checksum_corpus(config)
    (tmp_path / "de" / "other").touch()
    assert checksum_corpus(config) == before
    (tmp_path / "train.jsonl").write_text("{ }")
    assert checksum_corpus(config) != before


@pytest.mark.parametrize(
    "settings, is_named",
    [
        ({"path": "texts"}, True),
        ({"paths": ["gone", "texts"]}, True),
        ({"reader": {"gold_path": "texts"}}, True),
        ({"paths": {"de": "texts"}}, True),
        ({"path": None, "paths": [1], "pathology": "texts", "field": "texts"}, False),
        ({"path": ""}, False),
    ],
)
def test_corpus_is_what_is_called_a_path(
    settings: dict, is_named: bool, tmp_path: Path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts").write_text("one")
    config = {"corpora": {"train": settings}, "training": {"train_corpus": "corpora.train"}}
    assert bool(checksum_corpus(config)) == is_named


@pytest.mark.parametrize("finished", [False, True])
def test_other_training_data_are_refused(finished: bool, data: Path, tmp_path: Path, capsys):
    shutil.copytree(data, tmp_path / "data")
    run(make_config(tmp_path / "data", training__max_steps=1), tmp_path / "out")
    steps = {"training__max_steps": 1} if finished else {}
    docs = make_docs(1, N_TRAIN)
    DocBin(store_user_data=True, docs=docs).to_disk(tmp_path / "data" / "train.spacy")
    with pytest.raises(Exit):
        run(make_config(tmp_path / "data", **steps), tmp_path / "out")
    assert "corpus is not that of the checkpoint" in capsys.readouterr().out


def test_the_log_of_another_training_is_not_touched(data: Path, tmp_path: Path, capsys):
    log = tmp_path / "log.jsonl"
    log.write_text("precious\n")
    config = make_config(data, training__logger__output_file=str(log))
    with pytest.raises(Exit):
        run(config, tmp_path / "out")
    assert "log.jsonl is the log of another training" in capsys.readouterr().out
    assert log.read_text() == "precious\n"


def test_the_log_goes_on(data: Path, tmp_path: Path):
    log = tmp_path / "log.jsonl"
    config = make_config(data, training__logger__output_file=str(log))
    Stop.at = 8
    with pytest.raises(Interruption):
        run(config, tmp_path / "out")
    run(config, tmp_path / "out")
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == [0, 3, 6, 9]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"corpora__train__path": "nowhere.spacy"}, "nowhere.spacy"),
        ({"corpora__dev__path": "nowhere.spacy"}, "nowhere.spacy"),
        ({"corpora__train__path": None}, "E913"),
        ({"components__bertsum__spans_key": "gist"}, "No training example has gold sentences"),
    ],
)
def test_errors_come_before_training(change: dict, message: str, data: Path, tmp_path: Path):
    with pytest.raises((ValueError, OSError), match=message):
        run(make_config(data, **change), tmp_path / "out")
    assert not (tmp_path / "out" / "model-last").exists()


def test_dev_documents_without_gold_data_are_an_error(data: Path, tmp_path: Path):
    for name, docs in {"empty": [], "bare": [d.copy() for d in make_docs(0, 2)]}.items():
        for doc in docs:
            doc.spans.clear()
            doc.user_data.clear()
        DocBin(store_user_data=True, docs=docs).to_disk(tmp_path / f"{name}.spacy")
    config = make_config(data, corpora__dev__path=str(tmp_path / "empty.spacy"))
    with pytest.raises(ValueError, match=r"The dev corpus .* has no documents"):
        run(config, tmp_path / "out")
    config = make_config(data, corpora__dev__path=str(tmp_path / "bare.spacy"))
    with pytest.raises(ValueError, match=r"none of the scores .*rouge_1, rouge_2.*gold data"):
        run(config, tmp_path / "out")


@pytest.mark.parametrize("error", [Interruption, KeyboardInterrupt])
def test_an_interruption_tells_how_to_go_on(
    error: type[BaseException], data: Path, tmp_path: Path, capsys, monkeypatch
):
    monkeypatch.setattr(Stop, "error", error)
    Stop.at = 5
    with pytest.raises(error):
        run(make_config(data), tmp_path / "out")
    output = capsys.readouterr().out
    assert "Stopped in step 5." in output
    assert "The same command goes on after step 3." in output
    spacy.load(tmp_path / "out" / "model-last")


def fail_at(monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    """Let the n-th operation on files and directories raise, as if the process ended there."""
    counter = iter(range(1000))

    def guard(owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def guarded(*args: Any, **kwargs: Any) -> Any:
            if next(counter) == n:
                raise Interruption
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, guarded)

    guard(checkpoint_module, "save_file")
    guard(os, "replace")
    guard(os, "unlink")
    guard(shutil, "rmtree")
    for name in ("rename", "unlink", "write_text"):
        guard(Path, name)


def test_a_checkpoint_is_whole_at_any_moment(tmp_path: Path):
    def write(step: int) -> None:
        tensors = {"weights": {"a": torch.tensor([step])}, "mom1": {"a": torch.tensor([-step])}}
        checkpoint.write(Progress(seed=0, step=step), Config({"a": {"b": step}}), tensors)

    checkpoint = Checkpoint(tmp_path)
    write(1)
    seen = []
    for n in range(100):
        with pytest.MonkeyPatch.context() as monkeypatch:
            fail_at(monkeypatch, n)
            try:
                write(2)
            except Interruption:
                finished = False
            else:
                finished = True
        progress, config = checkpoint.read()
        tensors = checkpoint.read_tensors()
        assert config["a"]["b"] == progress.step
        assert tensors["weights"]["a"].item() == -tensors["mom1"]["a"].item() == progress.step
        seen.append(progress.step)
        if finished:
            break
        write(1)
    assert len(seen) > 5
    assert sorted(seen) == seen, "before the state is replaced the old one counts, then the new"
    assert set(seen) == {1, 2}
    assert len(list(tmp_path.iterdir())) == 3, "nothing old is left"


def test_a_directory_is_whole_at_any_moment(tmp_path: Path):
    def write(content: str) -> None:
        def fill_directory(path: Path) -> None:
            path.mkdir()
            (path / "a").write_text(content)

        replace_directory(tmp_path / "model", fill_directory)

    for n in range(100):
        write("old")
        with pytest.MonkeyPatch.context() as monkeypatch:
            fail_at(monkeypatch, n)
            try:
                write("new")
            except Interruption:
                finished = False
            else:
                finished = True
        restore_directory(tmp_path / "model")
        assert (tmp_path / "model" / "a").read_text() in ("old", "new")
        assert [path.name for path in tmp_path.iterdir()] == ["model"]
        if finished:
            break
    assert n > 3


def test_batches_can_be_entered_anywhere(data: Path):
    nlp = spacy.blank("xx")

    def read(epoch: int = 0, start: int = 0, size: int = 1):
        corpus = registry.readers.get("spacy.Corpus.v1")(data / "train.spacy", gold_preproc=False)
        batcher = registry.batchers.get("spacy.batch_by_sequence.v1")(5)
        batches = Batches(nlp, corpus, batcher, max_epochs=3, seed=1)
        return [
            (epoch, n, [[eg.text for eg in batch] for batch in group])
            for epoch, n, group in batches.groups(size, epoch=epoch, start=start)
        ]

    whole = read()
    assert [(epoch, n) for epoch, n, _ in whole] == [(e, n) for e in range(3) for n in (1, 2, 3)]
    epochs = [[t for _, _, [batch] in whole[i : i + 3] for t in batch] for i in (0, 3, 6)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == sorted(epochs[2])
    assert epochs[0] != epochs[1] != epochs[2]
    assert read(1, 2) == whole[5:]
    assert read(2, 3) == []
    in_pairs = read(size=2)
    assert [(epoch, n) for epoch, n, _ in in_pairs] == [(0, 2), (1, 2), (2, 2)]
    assert in_pairs[1][2] == [whole[3][2][0], whole[4][2][0]]
    with pytest.raises(ValueError, match=r"has 3 batches, fewer than there are processes \(4\)"):
        read(size=4)

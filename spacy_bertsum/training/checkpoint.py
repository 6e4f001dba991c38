"""Checkpoints: all that training needs to go on as if it had never stopped. No pickle."""

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from spacy.language import Language
from thinc.api import Config
from weasel.util.hashing import get_checksum

FORMAT = 1
STATE = "state.json"

# Settings that say how long to train, what to report and where: training may go on with others.
FREE_SETTINGS = (
    "paths",
    "system",
    "pretraining",
    "nlp.batch_size",
    "training.dev_corpus",
    "training.eval_frequency",
    "training.gpu_allocator",
    "training.logger",
    "training.max_epochs",
    "training.max_steps",
    "training.patience",
)
# Of the settings of a corpus: "path", "paths", "train_path", "paths.train".
_names_path = re.compile(r"(^|[._])paths?($|\.)").search


@dataclass
class Progress:
    """How far training has come.

    step: The last step done, from 0 on.
    epoch, batch: Where the next step begins in the training corpus.
    seed: What the order of the documents follows from.
    corpus: The checksum of the training corpus's files.
    n_examples: The size of the training corpus, if it is held in memory.
    seconds: Time spent so far.
    words: Words seen so far.
    losses: By component, since the last evaluation.
    evaluations: What the logger was told of each evaluation.
    counts, scales: What the optimizer and the gradient scalers have counted; see `Parameters`.
    random: The random number generators of each process.
    """

    seed: int
    corpus: str = ""
    n_examples: int | None = None
    step: int = -1
    epoch: int = 0
    batch: int = 0
    seconds: float = 0.0
    words: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    evaluations: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    scales: dict[str, list[float]] = field(default_factory=dict)
    random: list[dict[str, Any]] = field(default_factory=list)

    @property
    def best(self) -> tuple[float, int]:
        """The best score and its step, the first of equals."""
        score, step = max((row["score"], -row["step"]) for row in self.evaluations)
        return score, -step

    def why_finished(self, training: dict[str, Any]) -> str | None:
        """The setting of [training] by which training is over, or None."""
        if training["max_steps"] and self.step >= training["max_steps"]:
            return "max_steps"
        if 0 < training["max_epochs"] <= self.epoch:
            return "max_epochs"
        patience = training["patience"]
        if patience and self.evaluations and self.step - self.best[1] >= patience:
            return "patience"
        return None


class Checkpoint:
    """A directory with one checkpoint.

    Tensors go to files of this step's own, and count from the moment at which state.json, replaced
    in one move, names them: whenever the process is killed, the old checkpoint is whole or the new.
    """

    def __init__(self, path: Path):
        self.path = path

    def exists(self) -> bool:
        return (self.path / STATE).is_file()

    def write(
        self, progress: Progress, config: Config, tensors: dict[str, dict[str, torch.Tensor]]
    ) -> None:
        """Replace the checkpoint.

        config: The interpolated config of the training.
        tensors: Tensors by name, in groups; each group is a file.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        files = {group: f"{group}-{progress.step}.safetensors" for group in tensors}
        for group, name in files.items():
            stored = {key: tensor.cpu().contiguous() for key, tensor in tensors[group].items()}
            save_file(stored, self.path / name)
            _flush(self.path / name)
        state = {
            "format": FORMAT,
            "config": config.to_str(),
            "files": files,
            "progress": asdict(progress),
        }
        new = self.path / f"{STATE}.new"
        # Not srsly, which rounds numbers: a score must stay equal to itself.
        new.write_text(json.dumps(state, default=float), encoding="utf8")
        _flush(new)
        os.replace(new, self.path / STATE)
        for path in self.path.glob("*.safetensors"):
            if path.name not in files.values():
                path.unlink()

    def read(self) -> tuple[Progress, Config]:
        """Read how far training has come, and with what config.

        Raises ValueError if the checkpoint was written by another version of this package.
        """
        state = self._read_state()
        return Progress(**state["progress"]), Config().from_str(state["config"])

    def read_tensors(self) -> dict[str, dict[str, torch.Tensor]]:
        """Read the tensors by group and name."""
        files = self._read_state()["files"]
        return {group: load_file(self.path / name) for group, name in files.items()}

    def _read_state(self) -> dict[str, Any]:
        state = json.loads((self.path / STATE).read_text(encoding="utf8"))
        if state["format"] != FORMAT:
            raise ValueError(
                f"The checkpoint in {self.path} has format {state['format']}, and this version of "
                f"spacy-bertsum knows {FORMAT}. Start afresh with --overwrite."
            )
        return state


def _flush(path: Path) -> None:
    """Have a file on the disk and not in memory alone, in case the machine fails."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def fill(config: Config) -> Config:
    """Fill in spaCy's defaults outside the components, and interpolate."""
    return Language.default_config.merge(config).interpolate()


def find_changes(old: Config, new: Config) -> list[str]:
    """Describe the settings that keep a training from going on, one line each.

    old, new: Interpolated configs.
    """
    free = (*FREE_SETTINGS, *(config["training"]["dev_corpus"] for config in (old, new)))
    # The one is held in memory and shuffled, the other read again.
    streamed = [config["training"]["max_epochs"] < 0 for config in (old, new)]
    # Through text and back: a path and its name are the same.
    before, after = (_flatten(Config().from_str(config.to_str())) for config in (old, new))
    lines = []
    for key in sorted(before.keys() | after.keys()):
        is_free = any(key == prefix or key.startswith(f"{prefix}.") for prefix in free)
        if key == "training.max_epochs" and len(set(streamed)) == 2:
            is_free = False
        if not is_free and before.get(key) != after.get(key):
            lines.append(f"{key}: {before.get(key)!r}, now {after.get(key)!r}")
    return lines


def checksum_corpus(config: Config) -> str:
    """The checksum of the files and directories that the training corpus names, in what is called
    a path or paths.

    config: An interpolated config.
    """
    section: Any = config
    for key in config["training"]["train_corpus"].split("."):
        section = section[key]
    named: list[Any] = []
    for key, value in _flatten(section).items():
        if _names_path(key):
            named += value if isinstance(value, list | tuple) else [value]
    # Path("") would be the working directory.
    paths = [Path(value) for value in named if value and isinstance(value, str | Path)]
    return " ".join(get_checksum(path) for path in paths if path.exists())


def _flatten(section: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, value in section.items():
        if isinstance(value, dict) and value:
            flat.update(_flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def replace_directory(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a directory beside `path`, and move it there when it is complete."""
    new, old = _beside(path)
    for leftover in (new, old):
        if leftover.exists():
            shutil.rmtree(leftover)
    write(new)
    if path.exists():
        path.rename(old)
    new.rename(path)
    if old.exists():
        shutil.rmtree(old)


def restore_directory(path: Path) -> None:
    """Put things right where `replace_directory` was killed."""
    new, old = _beside(path)
    if old.exists() and not path.exists():
        old.rename(path)
    for leftover in (new, old):
        if leftover.exists():
            shutil.rmtree(leftover)


def _beside(path: Path) -> tuple[Path, Path]:
    return path.with_name(f"{path.name}.new"), path.with_name(f"{path.name}.old")

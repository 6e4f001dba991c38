"""Trained models by name or path: the one that comes with the package, or your own."""

from pathlib import Path
from typing import Any

import safetensors.torch
from spacy.tokens import Doc
from spacy.util import registry
from spacy.vocab import Vocab
from thinc.api import Config, Model
from thinc.types import Floats1d

from .layers.transformer import load_encoder

MODELS = Path(__file__).parent / "models"

_PRETRAINED = "spacy-bertsum.Pretrained.v1"
_WITH_PRECISION = ("spacy-bertsum.BertSumTransformer.v1", _PRETRAINED)


def build_pretrained(name: str, mixed_precision: bool = False) -> Model[list[Doc], list[Floats1d]]:
    """A trained bertsum model, ready for use and for fine-tuning.

    name: A model that comes with the package ("xx_bertsum_mini"), a model directory like it, or the
        directory of a saved pipeline that has a bertsum component. A pipeline that was saved
        with this layer carries the model's weights and config itself, so the directory may be
        gone when it is loaded.
    mixed_precision: Of the encoder, as in BertSumTransformer.
    """
    model = Pretrained(name, mixed_precision)
    path = find_model(name)
    if path is not None:
        model.load(path)
    return model


class Pretrained(Model):
    """A layer around a model whose own config says how to build it.

    That config is stored with the weights: ``from_bytes`` builds the model they were saved from,
    whatever stands at `name` by then. Until that or `load` it has none.
    """

    def __init__(self, name: str, mixed_precision: bool = False):
        super().__init__("pretrained", _forward, init=_init, attrs={"name": str(name)})
        self.config: Config | None = None
        self.mixed_precision = mixed_precision

    def load(self, path: Path) -> None:
        """Take the model of a directory, see `load_model`."""
        self.config, model = load_model(path, self.mixed_precision)
        self._layers = [model]

    def to_dict(self) -> dict:
        config = None if self.config is None else self.config.to_str()
        return {**super().to_dict(), "config": config}

    def from_dict(self, msg: dict) -> "Pretrained":
        if msg.get("config") is not None:
            self.config = Config().from_str(msg["config"])
            self._layers = [_build(self.config, self.mixed_precision)]
        return super().from_dict(msg)


def find_model(name: str | Path) -> Path | None:
    """The directory of a model, or None. The names of those that come with the package are theirs,
    whatever is in the working directory."""
    candidates = [path for path in (MODELS / name, Path(name)) if (path / "config.cfg").is_file()]
    return candidates[0] if candidates else None


def load_model(path: Path, mixed_precision: bool = False) -> tuple[Config, Model]:
    """Load a model directory, or the bertsum model of a saved pipeline.

    mixed_precision: Of the encoder, whatever the config says.
    RETURNS: The config with a section [model], and the model made from it with its weights.
    """
    config = Config().from_disk(path / "config.cfg", interpolate=False)
    if "components" in config:
        return _load_from_pipeline(path, config.interpolate(), mixed_precision)
    model = _build(config, mixed_precision)
    for layer in model.walk():
        if layer.name == "bertsum_transformer":
            load_encoder(layer, path / layer.attrs["name"])
    model.initialize(X=[Doc(Vocab(), words=["Hello", "."], sent_starts=[True, False])])
    head = next(layer for layer in model.walk() if layer.name == "summarization_head")
    head.shims[0].load_state(safetensors.torch.load_file(path / "head.safetensors"))
    return config, model


def _load_from_pipeline(path: Path, config: Config, mixed_precision: bool) -> tuple[Config, Model]:
    names = [name for name, c in config["components"].items() if c.get("factory") == "bertsum"]
    if not names:
        raise ValueError(f"The pipeline in {path} has no bertsum component to take a model from")
    section = config["components"][names[0]]["model"]
    config = Config({"model": section})
    if section["@architectures"] == _PRETRAINED:
        # What lies at the name by now may be this very pipeline: all it needs is stored with it.
        model = Pretrained(section["name"], mixed_precision)
    else:
        model = _build(config, mixed_precision)
    if any("listener" in layer.name for layer in model.walk()):
        raise ValueError(
            f"The bertsum model in {path} listens to another component and can't be taken alone. "
            f"Load that pipeline, call nlp.replace_listeners for '{names[0]}', and save it again."
        )
    model.from_disk(path / names[0] / "model")
    if isinstance(model, Pretrained):
        # Fine-tuned from a model of its own: take what it was built from, not where that lay.
        return model.config, model.layers[0]
    return config, model


def _build(config: Config, mixed_precision: bool) -> Model:
    config = config.copy()
    _set_mixed_precision(config, mixed_precision)
    return registry.resolve(config)["model"]


def _set_mixed_precision(section: dict[str, Any], value: bool) -> None:
    if section.get("@architectures") in _WITH_PRECISION:
        section["mixed_precision"] = value
    for subsection in section.values():
        if isinstance(subsection, dict):
            _set_mixed_precision(subsection, value)


def _init(model: Pretrained, X: Any = None, Y: Any = None) -> None:
    _inner(model).initialize(X=X)


def _forward(model: Pretrained, docs: list[Doc], is_train: bool) -> Any:
    return _inner(model)(docs, is_train)


def _inner(model: Pretrained) -> Model:
    if not model.layers:
        available = sorted(path.parent.name for path in MODELS.glob("*/config.cfg"))
        raise ValueError(
            f"There is no bertsum model '{model.attrs['name']}': name one that comes with the "
            f"package ({', '.join(available)}), or a directory with a config.cfg."
        )
    return model.layers[0]

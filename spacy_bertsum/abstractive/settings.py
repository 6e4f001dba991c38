"""How a summary is written: the settings of generation."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from numbers import Integral, Real
from typing import Any

# The most word pieces that are written for an input unless max_length says more: a decoder that
# counts no positions, such as T5's, would go on for ever.
DEFAULT_MAX_OUTPUT = 1024


@dataclass(frozen=True)
class Generation:
    """Settings of generation; None leaves one to the checkpoint. Out of range: ValueError.

    num_beams: Width of the beam search, at least 1 (greedy).
    length_penalty: Above 0 favors long texts, below 0 short ones; of beam search only.
    min_length: Least word pieces to write for an input, at least 0.
    max_length: Most word pieces to write for an input, at least 2, and at most what the checkpoint
        has positions for. None: for translation twice the length of the input and 32 more, for
        anything else the checkpoint's own or 128, but no more than 1,024.
    no_repeat_ngram_size: No n-gram of this many word pieces comes twice; 0 is off.
    """

    num_beams: int | None = None
    length_penalty: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    no_repeat_ngram_size: int | None = None

    def __post_init__(self) -> None:
        self._check("num_beams", Integral, "an integer of at least 1", lambda n: n >= 1)
        self._check("length_penalty", Real, "a number", lambda x: True)
        self._check("min_length", Integral, "an integer of at least 0", lambda n: n >= 0)
        self._check("max_length", Integral, "an integer of at least 2", lambda n: n >= 2)
        self._check("no_repeat_ngram_size", Integral, "an integer of at least 0", lambda n: n >= 0)
        if None not in (self.min_length, self.max_length) and self.min_length > self.max_length:
            raise ValueError(
                f"min_length = {self.min_length} is more than max_length = {self.max_length}"
            )

    def _check(
        self, field: str, kind: type, expected: str, is_valid: Callable[[Any], bool]
    ) -> None:
        value = getattr(self, field)
        if value is None:
            return
        if isinstance(value, bool) or not isinstance(value, kind) or not is_valid(value):
            raise ValueError(f"{field} must be {expected}, not {value!r}")

    def given(self) -> dict[str, Any]:
        """The settings that are not None, as arguments of ``generate``; lengths left out."""
        lengths = ("min_length", "max_length")
        return {k: v for k, v in asdict(self).items() if v is not None and k not in lengths}


@dataclass(frozen=True)
class Passage:
    """A text to be written anew in another language, or shorter in its own."""

    text: str
    source_lang: str
    target_lang: str


@dataclass(frozen=True)
class Pair:
    """A passage and what is to be written of it."""

    passage: Passage
    reference: str


@dataclass(frozen=True)
class Request:
    """What the model is asked to do: the passages, how, and whether to show progress."""

    passages: list[Passage]
    generation: Generation = Generation()
    progress: bool = False

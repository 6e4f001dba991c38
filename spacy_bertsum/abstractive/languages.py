"""What each family of encoder-decoders wants to be told about languages.

A family is told by what its tokenizer and config have, not by the name of a class: the same
checkpoint may come with a tokenizer of its own class or with a plain fast one.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .. import codes

# How language tokens are spelled: M2M100 (and SMaLL), NLLB, mBART.
_TOKENS = {
    "m2m_100": (r"__(?P<lang>[a-z]{2,3})__", r"(?P<lang>[a-z]{3}_[A-Z][a-z]{3})"),
    "nllb-moe": (r"(?P<lang>[a-z]{3}_[A-Z][a-z]{3})",),
    "mbart": (r"(?P<lang>[a-z]{2}_[A-Z]{2})",),
}
# A token that says the target language alone: MADLAD-400 and our own encoder-decoders, Marian.
_TARGET_TOKENS = {
    "t5": r"<2(?P<lang>[a-z]{2,3}(?:_[A-Z][a-z]{3})?)>",
    "encoder-decoder": r"<2(?P<lang>[a-z]{2,3}(?:_[A-Z][a-z]{3})?)>",
    "marian": r">>(?P<lang>[a-z]{2,3}(?:_[A-Z][a-z]{3})?)<<",
}
_TRANSLATION = re.compile(r"translation_([a-z]+)_to_([a-z]+)")


@dataclass(frozen=True)
class Direction:
    """How a checkpoint is told to go from one language to another.

    head: Ids before the pieces of the text.
    tail: Ids after them.
    forced_bos: The first id to be written, or None to leave it open.
    start: The id that starts the decoder, or None for that of the checkpoint.
    is_translation: Whether the checkpoint translates, best sentence by sentence.
    reads_target: Whether its encoder reads the target language as well as the source language.
    """

    head: tuple[int, ...] = ()
    tail: tuple[int, ...] = ()
    forced_bos: int | None = None
    start: int | None = None
    is_translation: bool = False
    reads_target: bool = True

    @property
    def overhead(self) -> int:
        """The number of ids around a text."""
        return len(self.head) + len(self.tail)


class Languages:
    """The languages of a checkpoint.

    tokenizer: Its tokenizer.
    config: Its config.
    prefix: Text before every input, with {source}, {target} (ISO codes), {source_name} and
        {target_name} (English names) in it; None: what the checkpoint's config says.
    source: "doc" or "summary": whether long texts are summarized or extracts translated; a config
        may have a prefix for each.
    pair: The two languages of a checkpoint that knows no others.
    """

    def __init__(
        self,
        tokenizer: Any,
        config: Any,
        *,
        prefix: str | None = None,
        source: str = "summary",
        pair: tuple[str, str] | None = None,
    ):
        self.tokenizer = tokenizer
        self.prefix = prefix
        self.source = source
        self.pair = pair
        self.model_type = config.model_type.replace("umt5", "t5").replace("mt5", "t5")
        self.params: dict[str, Any] = getattr(config, "task_specific_params", None) or {}
        self.tokens = self._find(*_TOKENS.get(self.model_type, ()))
        self.target_tokens = self._find(*filter(None, [_TARGET_TOKENS.get(self.model_type)]))
        self.starts = self._starts()

    def _find(self, *patterns: str) -> dict[str, int]:
        """Language tokens by the language's code, those of the vocabulary's start first."""
        # M2M100's own class knows its languages beside the vocabulary.
        beside = getattr(self.tokenizer, "lang_token_to_id", {})
        vocab = {**self.tokenizer.get_vocab(), **beside}
        found = {}
        for token, token_id in sorted(vocab.items(), key=lambda item: item[1]):
            for match in filter(None, (re.fullmatch(pattern, token) for pattern in patterns)):
                found[match["lang"]] = token_id
        return found

    def _starts(self) -> dict[str, int]:
        """Cross-lingual mT5 summarizers have a table: name of a language → (id, token)."""
        table = self.params.get("langid_map", {})
        return {
            lang: entry[0] if isinstance(entry, list | tuple) else entry
            for lang, entry in table.items()
        }

    def targets(self) -> list[str] | None:
        """The languages it can write, as ISO codes; None if it doesn't say."""
        if self.pair:
            return [self.pair[1]]
        found = self.tokens or self.target_tokens or self.starts
        if found:
            return sorted(set(map(codes.base, found)))
        translations = self._translations()
        return sorted({target for _, target in translations}) if translations else None

    def sources(self) -> list[str] | None:
        """The languages it can read, as ISO codes; None if it doesn't say."""
        if self.pair:
            return [self.pair[0]]
        if self.tokens:
            return sorted(set(map(codes.base, self.tokens)))
        translations = self._translations()
        return sorted({source for source, _ in translations}) if translations else None

    def _translations(self) -> list[tuple[str, str]]:
        """The pairs that the config of a T5 has a prefix for, where that prefix would be used."""
        if self.prefix is not None or self.source == "doc":
            return []
        return [match.groups() for match in map(_TRANSLATION.fullmatch, self.params) if match]

    def check(self, source: str | None, target: str) -> None:
        """Raise ValueError if it can't read the source language or can't write the target."""
        sides = [("write", target, self.targets())]
        if source is not None and not (self._translations() and _is_same(source, target)):
            sides.append(("read", source, self.sources()))
        for verb, lang, supported in sides:
            if supported is not None and codes.base(lang) not in map(codes.base, supported):
                raise unsupported(verb, lang, supported)
        pairs = self._translations()
        if not pairs or source is None or _is_same(source, target):
            return
        if (codes.base(source), codes.base(target)) not in pairs:
            names = ", ".join(f"{a}-{b}" for a, b in sorted(pairs))
            raise ValueError(
                f"The checkpoint can't translate '{source}' to '{target}', but {names}"
            )

    def direction(self, source: str, target: str) -> Direction:
        """How to go from one language to another.

        Raises ValueError if the checkpoint can't.
        """
        self.check(source, target)
        prefix = tuple(self._pieces(self._prefix(source, target).strip()))
        if self.tokens:
            head, tail = self._language_frame(source)
            forced = self.tokens[_choose(target, self.tokens)]
            return Direction(
                head + prefix,
                tail,
                forced_bos=forced,
                is_translation=True,
                reads_target=not self.pair,
            )
        head, tail = self._frame()
        if self.starts:
            start = self.starts[_choose(target, self.starts)]
            return Direction(head + prefix, tail, start=start, reads_target=not self.pair)
        if self.target_tokens:
            token = self.target_tokens[_choose(target, self.target_tokens)]
            if self.model_type == "encoder-decoder":
                return Direction(head + prefix, tail, start=token, reads_target=not self.pair)
            # Marian reads the languages on its left side only.
            reads_target = self.model_type != "marian" and not self.pair
            head = (*head, token, *prefix)
            return Direction(head, tail, is_translation=True, reads_target=reads_target)
        is_pair = self.pair is not None or self.model_type == "marian"
        return Direction(
            head + prefix,
            tail,
            is_translation=is_pair or bool(self._translations()),
            reads_target=not is_pair,
        )

    def _prefix(self, source: str, target: str) -> str:
        if self.prefix is not None:
            return self.prefix.format(
                source=codes.base(source),
                target=codes.base(target),
                source_name=codes.name(source),
                target_name=codes.name(target),
            )
        if self.model_type != "t5":
            return ""
        task = f"translation_{codes.base(source)}_to_{codes.base(target)}"
        if self.source == "doc" or codes.base(source) == codes.base(target):
            task = "summarization"
        return self.params.get(task, {}).get("prefix", "")

    def _language_frame(self, source: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        code = _choose(source, self.tokens)
        if hasattr(self.tokenizer, "src_lang"):
            # Its own class knows best: mBART-25 and the first NLLB have the language at the end.
            self.tokenizer.src_lang = code
            return self._frame()
        return (self.tokens[code],), (self.tokenizer.eos_token_id,)

    def _frame(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The special ids that the tokenizer puts around a text."""
        inner = self._pieces("a")
        outer = self.tokenizer("a")["input_ids"]
        n = len(inner)
        at = next(i for i in range(len(outer)) if outer[i : i + n] == inner)
        return tuple(outer[:at]), tuple(outer[at + n :])

    def _pieces(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"] if text else []


def _is_same(source: str, target: str) -> bool:
    return codes.base(source) == codes.base(target)


def _choose(lang: str, spelled: Iterable[str]) -> str:
    """The family's spelling of a language: the very one, that of its script, or the first."""
    spellings = list(spelled)
    for key in (str, codes.normalize, codes.base):
        for spelling in spellings:
            if key(spelling) == key(lang):
                return spelling
    # `check` has looked before.
    raise KeyError(lang)


def unsupported(verb: str, lang: str, supported: Iterable[str]) -> ValueError:
    """The error for a language that a checkpoint can't "read" or "write"."""
    return ValueError(
        f"The checkpoint can't {verb} the language '{lang}'. It can {verb}: "
        f"{', '.join(sorted(supported))}"
    )

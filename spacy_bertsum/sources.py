"""Where training documents come from: JSONL files and .spacy files, read by index."""

from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol
from weakref import WeakKeyDictionary

import srsly
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example

from .gold import Gold, find_gold, find_lang, make_splitter, set_gold
from .language import LANG, detect_language
from .records import BadRecord, Record, Row

# Bad records that an error lists; it counts the others.
MAX_LISTED = 10


class Source(Protocol):
    """Documents by index, with their languages, "" where these don't matter."""

    langs: Sequence[str]

    def read(self, nlp: Language, order: Sequence[int]) -> Iterator[Example]: ...


class _Place(NamedTuple):
    """Where a record stands: its file, its first byte there, and its line."""

    path: Path
    offset: int
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class Jsonl:
    """The records of JSONL files."""

    def __init__(self, files: list[Path], lang: str | None, limit: int, need_langs: bool) -> None:
        self.langs: list[str] = []
        self._lang = lang
        self._files = files
        self._places = array("Q")  # three numbers for each record, as in _Place
        self._longest = (0, "")
        # Of each pipeline, the gold sentences found so far.
        self._gold: WeakKeyDictionary[Language, dict[int, Gold]] = WeakKeyDictionary()
        self._index(limit, need_langs)

    def _index(self, limit: int, need_langs: bool) -> None:
        bad: list[str] = []
        n_bad = 0
        names: dict[str, str] = {}  # one object for each language, not for each record
        for i, path in enumerate(self._files):
            for place, line in _read_places(path):
                if limit and len(self.langs) == limit:
                    break
                try:
                    record = Row(place.line, line).parse()
                except BadRecord as error:
                    n_bad += 1
                    if n_bad <= MAX_LISTED:
                        bad.append(f"{place}: {error}")
                    continue
                lang = (record.lang or self._lang or "") if need_langs else ""
                if need_langs and not lang:
                    lang = detect_language(record.text)
                self.langs.append(names.setdefault(lang, lang))
                self._places.extend((i, place.offset, place.line))
                self._longest = max(self._longest, (len(record.text), str(place)))
        if n_bad:
            more = f"\nand {n_bad - len(bad)} more" if n_bad > len(bad) else ""
            raise ValueError(
                "Some records can't be used: correct or remove them, or convert the file by python "
                "-m spacy bertsum convert, which can pass over them.\n" + "\n".join(bad) + more
            )

    def read(self, nlp: Language, order: Sequence[int]) -> Iterator[Example]:
        n_chars, place = self._longest
        if n_chars > nlp.max_length:
            raise ValueError(
                f"{place}: The text has {n_chars:,} characters, more than the {nlp.max_length:,} "
                "that the pipeline takes: divide it into several documents"
            )
        split = make_splitter(nlp)
        known = self._gold.setdefault(nlp, {})
        for i in order:
            record = self._read_record(i)
            doc = nlp.make_doc(record.text)
            if i not in known:
                lang = find_lang(doc, record.lang or self._lang)
                # On a copy: what a parser says beside the sentences is not gold.
                known[i] = find_gold(doc.copy(), record, lang, split)
            yield Example(doc, set_gold(doc.copy(), record, known[i]))

    def _read_record(self, i: int) -> Record:
        file, offset, line = self._places[3 * i : 3 * i + 3]
        place = _Place(self._files[file], offset, line)
        with place.path.open("rb") as stream:
            stream.seek(offset)
            try:
                return Row(line, stream.readline()).parse()
            except BadRecord as error:
                raise ValueError(f"{place} has changed since the training began") from error


def _read_places(path: Path) -> Iterator[tuple[_Place, bytes]]:
    offset = 0
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield _Place(path, offset, number), line
            offset += len(line)


class DocBins:
    """The documents of .spacy files."""

    def __init__(self, files: list[Path], lang: str | None, limit: int, need_langs: bool) -> None:
        self.langs: list[str] = []
        self._lang = lang
        self._bins: list[DocBin] = []
        self._places: list[tuple[int, int]] = []  # which bin, which document of it
        for number, path in enumerate(files):
            docs = DocBin().from_disk(path)
            self._bins.append(docs)
            # spaCy's own reader passes over empty documents too.
            found = [(number, i) for i, tokens in enumerate(docs.tokens) if len(tokens)]
            self._places += found[: limit - len(self._places) if limit else None]
        for number, i in self._places:
            self.langs.append(
                (_get_lang(self._bins[number], i) or lang or "") if need_langs else ""
            )
        if need_langs and not all(self.langs):
            raise ValueError(
                f"Documents in '{files[0].parent}' don't say their language in "
                'doc.user_data["lang"]: set lang, or make them by python -m spacy bertsum convert'
            )

    def read(self, nlp: Language, order: Sequence[int]) -> Iterator[Example]:
        for docs in self._bins:
            for string in docs.strings:
                nlp.vocab.strings.add(string)
        for i in order:
            reference = self._read_doc(nlp, *self._places[i])
            if self._lang and not reference.user_data.get(LANG):
                reference.user_data[LANG] = self._lang
            if reference.has_unknown_spaces:
                words = [token.text for token in reference]
                spaces = [bool(token.whitespace_) for token in reference]
                predicted = Doc(nlp.vocab, words=words, spaces=spaces)
            else:
                predicted = nlp.make_doc(reference.text)
            yield Example(predicted, reference)

    def _read_doc(self, nlp: Language, number: int, i: int) -> Doc:
        docs = self._bins[number]
        # get_docs has no index: a bin of this one document has.
        single = DocBin(store_user_data=True)
        single.attrs = docs.attrs
        for name in ("tokens", "spaces", "cats", "span_groups", "user_data", "flags"):
            setattr(single, name, [getattr(docs, name)[i]])
        return next(single.get_docs(nlp.vocab))


def _get_lang(docs: DocBin, i: int) -> str | None:
    user_data = docs.user_data[i]
    return srsly.msgpack_loads(user_data, use_list=False).get(LANG) if user_data else None

"""The documents of all inputs a command is given, read one at a time."""

import codecs
import hashlib
import io
import sys
from collections.abc import Hashable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ..records import BadRecord, get_id, get_lang, get_text, parse_line, read_lines

STDIN = Path("-")
SUFFIXES = {".txt", ".jsonl"}
# What begins a file that has a text and is none, in small letters.
_FORMATS = {
    b"<!doctype html": "HTML",
    b"<html": "HTML",
    b"{\\rtf": "RTF",
    b"%pdf-": "PDF",
    b"pk\x03\x04": "An archive, as .docx, .odt and .epub are",
}


@dataclass(frozen=True)
class Entry:
    """What stands at one place of the inputs.

    source: The path of its file as given; "-" for standard input.
    line: Its line in a JSONL file, from 1; None where the file is one document.
    n_bytes: Its size in the file.
    """

    source: str
    line: int | None
    n_bytes: int

    @property
    def place(self) -> str:
        return self.source if self.line is None else f"{self.source}:{self.line}"


@dataclass(frozen=True)
class Document(Entry):
    """A text, with the id and the language code that its JSONL record has, if any."""

    text: str
    id: str | int | None = None
    lang: str | None = None


@dataclass(frozen=True)
class Unreadable(Entry):
    """A file or a line that gives no document."""

    reason: str


def find_files(inputs: Iterable[Path]) -> list[Path]:
    """The files among the inputs and those in the directories among them, each once.

    Of a directory and those below it, all .txt and .jsonl files are taken, sorted by path. Names
    that begin with a dot are passed over. "-" is standard input.

    RAISES: ValueError if a file does not exist or a directory has no such file.
    """
    files: dict[Path, None] = {}
    for path in inputs:
        if path != STDIN and not path.exists():
            raise ValueError(f"There is no file or directory '{path}'")
        found = _walk(path) if path != STDIN and path.is_dir() else [path]
        if not found:
            raise ValueError(
                f"The directory '{path}' has no {' or '.join(sorted(SUFFIXES))} files: "
                "name the files themselves if theirs end otherwise"
            )
        files.update(dict.fromkeys(found))
    return list(files)


def _walk(directory: Path) -> list[Path]:
    return sorted(
        path
        for path in directory.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(directory).parts)
    )


def without_output(files: list[Path], output: Path, inputs: list[Path]) -> list[Path]:
    """The files but the output, which a directory among the inputs may well contain.

    RAISES: ValueError if the output is an input itself.
    """
    others = [path for path in files if path == STDIN or path.resolve() != output.resolve()]
    if any(path in inputs for path in set(files).difference(others)):
        raise ValueError(f"'{output}' is among the inputs: choose another file to write to")
    return others


def count_bytes(files: list[Path]) -> int | None:
    """The size of all files together, or None where it is not known before they are read."""
    return None if STDIN in files else sum(map(_size, files))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def get_key(record: dict[str, Any]) -> Hashable:
    """What tells the document of a record of results from others; None for standard input, which
    may be another each time."""
    if record["source"] == str(STDIN):
        return None
    return record["source"], record["line"], record["id"]


def hash_document(document: Document) -> str:
    """What changes with what a document says, wherever it stands."""
    # A text from JSON may have lone surrogates.
    data = f"{document.lang}\n{document.text}".encode("utf-8", errors="surrogatepass")
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def read(path: Path, *, as_jsonl: bool = False, text_field: str = "text") -> Iterator[Entry]:
    """Read the documents of a file, which must be UTF-8, with or without a byte order mark.

    Another file than JSONL is one document, and plain text; its line ends are read as "\\n". A line
    of a JSONL file is an object with a text, and with an "id" and a "lang" if it likes; blank lines
    are passed over.

    as_jsonl: Read the file as JSONL even if its name does not end in .jsonl.
    text_field: Field of the text.
    YIELDS: A Document, or an Unreadable in place of one.
    """
    source = str(path)
    try:
        with _open(path) as file:
            if as_jsonl or path.suffix.lower() == ".jsonl":
                for number, line in read_lines(file):
                    yield _parse(source, number, line, text_field)
            else:
                yield _decode(source, file.read())
    except OSError as error:
        yield Unreadable(source, None, 0, reason=error.strerror or str(error))


def _open(path: Path) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if path == STDIN else path.open("rb")


def _decode(source: str, data: bytes) -> Entry:
    start = data[:1_000].removeprefix(codecs.BOM_UTF8).lstrip().lower()
    for beginning, name in _FORMATS.items():
        if start.startswith(beginning):
            reason = f"{name}, no plain text: extract the text first"
            return Unreadable(source, None, len(data), reason=reason)
    try:
        text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig").read()
    except UnicodeDecodeError as error:
        return Unreadable(source, None, len(data), reason=f"Not UTF-8: {error}")
    return Document(source, None, len(data), text=text)


def _parse(source: str, number: int, line: bytes, text_field: str) -> Entry:
    try:
        fields = parse_line(line)
        text = get_text(fields, text_field)
    except BadRecord as error:
        return Unreadable(source, number, len(line), reason=str(error))
    return Document(source, number, len(line), text=text, id=get_id(fields), lang=get_lang(fields))

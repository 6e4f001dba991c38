"""Records of training data: texts with reference summaries, one a line or row of a file."""

import bz2
import csv
import gzip
import json
import lzma
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, starmap
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TextIO

TEXT = "text"
SUMMARY = "summary"
SUMMARIES = "summaries"

OPENERS: dict[str, Callable[..., Any]] = {
    "": open,
    ".gz": gzip.open,
    ".xz": lzma.open,
    ".bz2": bz2.open,
}
# All but white space, spaces without width, and soft hyphens.
_VISIBLE = re.compile(r"[^\s\u00ad\u200b\u2060\ufeff]")
# A row group of Parquet can be the whole file: rows are read by this number.
PARQUET_ROWS = 256
# The csv module refuses cells of more than 131,072 characters unless told otherwise.
MAX_CELL = 2**31 - 1


class BadRecord(ValueError):
    """A record that is of no use; the message tells its author why."""


@dataclass(frozen=True, slots=True)
class Record:
    """A document with its summary: the text of one, the gold sentences, or both.

    references: The reference summaries, alternatives to one another; empty where gold sentences or
        summaries in other languages take their place.
    lang: Language code of the text.
    sents: Start and end of its sentences, in characters of the text; None if not known.
    labels: 1 for each of them that belongs to the summary, else 0; None if not known.
    summaries: Reference summaries in other languages, or in several: (language code, alternatives).
    """

    text: str
    references: tuple[str, ...] = ()
    lang: str | None = None
    id: str | int | None = None
    sents: tuple[tuple[int, int], ...] | None = None
    labels: tuple[int, ...] | None = None
    summaries: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Row(NamedTuple):
    """A record as it stands in a file, before anything is made of it.

    number: Its line, from 1; in Parquet its row, from 1.
    data: A line of JSON, the fields, or what makes it unreadable.
    """

    number: int
    data: bytes | dict[str, Any] | BadRecord

    def parse(self, text_field: str = TEXT, summary_field: str = SUMMARY) -> Record:
        """Check the record.

        RAISES: BadRecord if it is of no use.
        """
        if isinstance(self.data, BadRecord):
            raise self.data
        fields = parse_line(self.data) if isinstance(self.data, bytes) else self.data
        return make_record(fields, text_field, summary_field)


def read_rows(path: Path, *, text_field: str = TEXT, summary_field: str = SUMMARY) -> Iterator[Row]:
    """Read the records of a file, one at a time.

    The name of the file says what it is. ".jsonl": an object a line; blank lines are passed over.
    ".csv": with a header, of whose columns the text, the summary, "lang" and "id" count. Both may
    be compressed (".gz", ".xz", ".bz2"). ".parquet": lists of strings may be summaries and "sents".
    Text is UTF-8, with or without a byte order mark.

    RAISES: ValueError if the file is of another kind, lacks a column or is broken; ImportError if
        pyarrow is needed and not installed; OSError if the file can't be opened.
    """
    compression = path.suffix.lower() if path.suffix.lower() in OPENERS else ""
    kind = path.with_suffix("").suffix.lower() if compression else path.suffix.lower()
    try:
        if kind == ".jsonl":
            with OPENERS[compression](path, "rb") as file:
                yield from starmap(Row, read_lines(file))
        elif kind == ".csv":
            # What is not UTF-8 becomes surrogates, so that it spoils its own row only.
            with OPENERS[compression](
                path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline=""
            ) as file:
                yield from _read_csv(path, file, text_field, summary_field)
        elif kind == ".parquet" and not compression:
            with path.open("rb") as file:
                yield from _read_parquet(path, file, text_field, summary_field)
        else:
            raise ValueError(
                f"The name of '{path}' does not say what it is: it must end in .jsonl, .csv or "
                ".parquet; the first two may be compressed, as .jsonl.gz, .jsonl.xz or .jsonl.bz2"
            )
    except (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"'{path}' can't be decompressed: {error}") from error


def read_lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines of a JSONL file but for blank ones, with their numbers."""
    for number, line in enumerate(file, start=1):
        if line.strip():
            yield number, line


def _read_csv(path: Path, file: TextIO, text_field: str, summary_field: str) -> Iterator[Row]:
    csv.field_size_limit(MAX_CELL)
    rows = csv.reader(file, strict=True)
    try:
        header = next(rows, [])
    except csv.Error as error:
        raise ValueError(f"'{path}' has no readable header: {error}") from error
    _check_columns(path, header, [text_field, summary_field])
    wanted = [(i, name) for i, name in enumerate(header) if name in (text_field, summary_field)]
    wanted += [(i, name) for i, name in enumerate(header) if name in ("lang", "id")]
    while True:
        number = rows.line_num + 1
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(number, BadRecord(f"Not CSV: {error}"))
            continue
        if len(cells) == len(header):
            yield Row(number, {name: cells[i] for i, name in wanted})
        elif cells:
            reason = f"The row has {len(cells)} cells, the header {len(header)}"
            yield Row(number, BadRecord(reason))


def _read_parquet(path: Path, file: BinaryIO, text_field: str, summary_field: str) -> Iterator[Row]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise ImportError(
            "Parquet files need pyarrow: pip install 'spacy-bertsum[tables]'"
        ) from error
    number = 0
    try:
        table = ParquetFile(file)
        columns = table.schema_arrow.names
        summary = [] if {"labels", SUMMARIES} & set(columns) else [summary_field]
        _check_columns(path, columns, [text_field, *summary])
        fields = (text_field, summary_field, "lang", "id", "sents", "labels", SUMMARIES)
        wanted = [name for name in columns if name in fields]
        for batch in table.iter_batches(PARQUET_ROWS, columns=wanted):
            for data in batch.to_pylist():
                number += 1
                yield Row(number, data)
    except ArrowException as error:
        raise ValueError(f"'{path}' can't be read after row {number}: {error}") from error


def _check_columns(path: Path, columns: Sequence[str], needed: Sequence[str]) -> None:
    for name in needed:
        if name not in columns:
            raise ValueError(
                f"'{path}' has no column '{name}', only {', '.join(map(repr, columns)) or 'none'}: "
                "name the columns of the text and of the summary"
            )


def parse_line(line: bytes) -> dict[str, Any]:
    """The fields of a record in JSON.

    RAISES: BadRecord if it is not an object in UTF-8.
    """
    try:
        fields = json.loads(line.decode("utf-8-sig").rstrip("\r\n"))
    except UnicodeDecodeError as error:
        raise BadRecord(f"Not UTF-8: {error}") from error
    except json.JSONDecodeError as error:
        reason = f"Not JSON: {error.msg.removesuffix(' at')} in column {error.colno}"
        raise BadRecord(reason) from error
    except RecursionError as error:
        raise BadRecord("JSON nested too deeply") from error
    except ValueError as error:  # a number of thousands of digits
        raise BadRecord(f"Not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise BadRecord("Expected a JSON object with the fields of a record")
    return fields


def get_text(fields: Mapping[str, Any], text_field: str = TEXT) -> str:
    """The text of a record.

    RAISES: BadRecord if there is none.
    """
    text = fields.get(text_field)
    if not isinstance(text, str):
        raise BadRecord(f"Expected an object with a string in the field '{text_field}'")
    return text


def get_lang(fields: Mapping[str, Any]) -> str | None:
    """The language code of a record, if it has one."""
    lang = fields.get("lang")
    return lang.strip() or None if isinstance(lang, str) else None


def get_id(fields: Mapping[str, Any]) -> str | int | None:
    """The id of a record, if it has one."""
    id_ = fields.get("id")
    return id_ if isinstance(id_, str | int) else None


def make_record(
    fields: Mapping[str, Any], text_field: str = TEXT, summary_field: str = SUMMARY
) -> Record:
    """Check the fields of a record and make a Record of them.

    fields: The text; the summary, a string or a list of alternatives; if known "lang", "id", and
        "sents", a list of the text's sentences in order, which may differ from it in white space,
        with "labels", 0 or 1 for each, and "summaries", an object with a summary for each of
        several languages by its code. With labels or summaries, there need not be a summary.
    RAISES: BadRecord if the record is of no use.
    """
    text = _check_string(get_text(fields, text_field), text_field)
    summary, sents, labels = (fields.get(key) for key in (summary_field, "sents", "labels"))
    summaries = _check_summaries(fields.get(SUMMARIES))
    if summary is None and labels is None and not summaries:
        raise BadRecord(
            f"Expected a summary in the field '{summary_field}', or gold sentences in the fields "
            f"'sents' and 'labels', or summaries by language in the field '{SUMMARIES}'"
        )
    references = () if summary is None else _check_summary(summary, summary_field)
    spans = None if sents is None else find_sents(text, _check_list(sents, "sents"))
    labels = None if labels is None else _check_labels(labels, spans)
    if spans is not None:
        filled = [start < end for start, end in spans]
        spans = tuple(compress(spans, filled))
        labels = None if labels is None else tuple(compress(labels, filled))
    return Record(text, references, get_lang(fields), get_id(fields), spans, labels, summaries)


def _check_string(string: Any, name: str) -> str:
    if not isinstance(string, str):
        raise BadRecord(f"'{name}' is no string: {string!r:.60}")
    if not string.strip():
        raise BadRecord(f"'{name}' is empty")
    try:
        string.encode()
    except UnicodeEncodeError as error:
        reason = f"Not UTF-8: '{name}' has an invalid character at position {error.start}"
        raise BadRecord(reason) from error
    return string


def _check_list(values: Any, name: str) -> list[Any]:
    if not isinstance(values, list) or not values:
        raise BadRecord(f"'{name}' must be a list with at least one element, not {values!r:.60}")
    return values


def _check_summary(summary: Any, name: str) -> tuple[str, ...]:
    if isinstance(summary, str):
        return (_check_string(summary, name),)
    references = _check_list(summary, name)
    return tuple(_check_string(ref, f"{name}[{i}]") for i, ref in enumerate(references))


def _check_summaries(summaries: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if summaries is None:
        return ()
    if not isinstance(summaries, dict):
        raise BadRecord(
            f"'{SUMMARIES}' must be an object with a summary for each language code, not "
            f"{summaries!r:.60}"
        )
    # In a table every row has all languages of the column.
    filled = {lang: summary for lang, summary in summaries.items() if summary is not None}
    for lang in filled:
        if not lang.replace("-", "_").isidentifier():
            raise BadRecord(f"'{SUMMARIES}' has {lang!r:.60}, which is no language code")
    return tuple((k, _check_summary(v, f"{SUMMARIES}.{k}")) for k, v in filled.items())


def _check_labels(labels: Any, spans: Sequence[tuple[int, int]] | None) -> tuple[int, ...]:
    if spans is None:
        raise BadRecord("'labels' without 'sents': name the sentences that they label")
    labels = _check_list(labels, "labels")
    if len(labels) != len(spans):
        raise BadRecord(f"{len(labels)} labels for {len(spans)} sents: each needs one")
    for i, (label, (start, end)) in enumerate(zip(labels, spans, strict=True)):
        if label not in (0, 1):
            raise BadRecord(f"'labels[{i}]' must be 0 or 1, not {label!r:.60}")
        if label and start == end:
            raise BadRecord(f"'labels[{i}]' is 1, but 'sents[{i}]' is empty")
    return tuple(map(int, labels))


def find_sents(text: str, sents: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Find sentences in their text, one after another, whatever white space is in either.

    RETURNS: The start and the end of each, in characters of the text; equal if it is empty.
    RAISES: BadRecord if one does not follow the one before it, or all are empty.
    """
    places = [place.start() for place in _VISIBLE.finditer(text)]
    dense = _get_visible(text)
    spans = []
    end = 0
    for i, sent in enumerate(sents):
        if not isinstance(sent, str):
            raise BadRecord(f"'sents[{i}]' is no string: {sent!r:.60}")
        wanted = _get_visible(sent)
        start = dense.find(wanted, end)
        if start < 0:
            where = "" if i == 0 else f" after sents[{i - 1}]"
            raise BadRecord(f"'sents[{i}]' does not occur in the text{where}: {sent!r:.60}")
        end = start + len(wanted)
        spans.append((places[start], places[end - 1] + 1) if wanted else (0, 0))
    if end == 0:
        raise BadRecord("All of 'sents' are empty")
    return tuple(spans)


def _get_visible(text: str) -> str:
    return "".join(_VISIBLE.findall(text))

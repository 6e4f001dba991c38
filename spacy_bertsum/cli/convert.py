"""``python -m spacy bertsum convert``: documents with summaries → training data for spaCy."""

import os
import signal
import sys
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import asdict, dataclass
from enum import Enum
from functools import cache
from itertools import islice
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Annotated, Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm
from typer import Argument, BadParameter, Exit, Option
from wasabi import Printer

from ..about import __version__
from ..extensions import SPANS_KEY
from ..gold import find_gold, set_gold
from ..language import get_lang
from ..records import SUMMARY, TEXT, BadRecord, Row, read_rows
from ..sentencizer import MultilingualSentencizer
from .parts import MAX_MERGED, SUFFIX, Parts, new_bin
from .pipelines import MAX_LENGTH, TOKENIZER, make_doc

# A part ends with the record that reaches one of these.
BLOCK_ROWS = 500
BLOCK_SIZE = 4_000_000
# Blocks that are read ahead for each process.
AHEAD = 2


class OnError(str, Enum):
    """What a bad record does."""

    report = "report"
    fail = "fail"


@dataclass(frozen=True)
class Settings:
    """What the documents depend on, beside the input.

    lang: Language code of records that have none; None finds it for each.
    max_sents: Most gold sentences of the oracle.
    """

    lang: str | None = None
    text_field: str = TEXT
    summary_field: str = SUMMARY
    max_sents: int | None = None


class BadInput(ValueError):
    """A bad record where none is allowed."""


def convert_cli(
    source: Annotated[
        Path,
        Argument(
            metavar="INPUT",
            help="JSONL (one record a line) or CSV, both also as .gz, .xz or .bz2, or Parquet",
            exists=True,
            dir_okay=False,
        ),
    ],
    output: Annotated[
        Path,
        Argument(
            metavar="OUTPUT",
            help=f"Name ending in {SUFFIX}: a file, or of more than {MAX_MERGED:,} documents a "
            "directory of files, which spaCy reads by its name just the same",
        ),
    ],
    lang: Annotated[
        str | None,
        Option(
            "--lang",
            "-l",
            help="Language code of the documents; found for each if not given. A record's own "
            "'lang' goes before",
        ),
    ] = None,
    text_field: Annotated[str, Option(help="Field or column of the text")] = TEXT,
    summary_field: Annotated[str, Option(help="Field or column of the summary")] = SUMMARY,
    max_sents: Annotated[
        int | None, Option(help="Most gold sentences of a document, if they are found", min=1)
    ] = None,
    on_error: Annotated[
        OnError,
        Option(help="Report bad records and pass over them, or stop at the first"),
    ] = OnError.report,
    n_process: Annotated[
        int | None, Option("--n-process", "-n", help="Processes; all cores if not given", min=1)
    ] = None,
    limit: Annotated[int | None, Option(help="Read the first records only", min=1)] = None,
    overwrite: Annotated[
        bool, Option("--overwrite", help="Replace an output that exists, and parts of other runs")
    ] = False,
) -> None:
    """
    Convert documents with summaries to spaCy's format for training, DocBin.

    A record has the fields 'text' and 'summary' (a string, or a list of
    alternatives) and, if it likes, 'lang', 'id' and 'sents', a list of the
    sentences, with 'labels', a list with 1 for those of the summary and 0 for
    the others. Without labels, the sentences that come closest to the summary
    by ROUGE-1 and ROUGE-2 are the gold ones.

    A second run of the same command after a stop goes on where it was. Bad
    records are reported on standard error with their line (in Parquet, row) and
    passed over; the exit code is then 1.
    """
    settings = Settings(lang, text_field, summary_field, max_sents)
    cores = getattr(os, "process_cpu_count", os.cpu_count)() or 1
    try:
        counts = convert(
            source,
            output,
            settings,
            on_error=on_error,
            n_process=n_process or cores,
            limit=limit,
            overwrite=overwrite,
        )
    except BadInput as error:
        print(error, file=sys.stderr)
        raise Exit(1) from error
    except BrokenProcessPool as error:
        print(
            "A process was ended from outside, as happens where memory is short: run the same "
            "command again to go on, with a lower --n-process",
            file=sys.stderr,
        )
        raise Exit(1) from error
    except (ValueError, OSError, ImportError) as error:
        raise BadParameter(str(error)) from error
    except KeyboardInterrupt as error:
        print("Stopped: run the same command again to go on", file=sys.stderr)
        raise Exit(130) from error
    _print_counts(counts, output)
    if counts["bad"]:
        raise Exit(1)


def convert(
    source: Path,
    output: Path,
    settings: Settings = Settings(),
    *,
    on_error: OnError = OnError.report,
    n_process: int = 1,
    limit: int | None = None,
    overwrite: bool = False,
) -> Counter[str]:
    """Convert a file of records, see `convert_cli`.

    RETURNS: The numbers of "documents", "sentences", "gold" sentences, documents "without_gold",
        "bad" records, and documents by language, "lang:de".
    RAISES: ValueError if there is nothing to convert, if the input can't be read or the output
        exists, `BadInput` at a bad record if `on_error` says so; OSError and ImportError.
    """
    if output.suffix != SUFFIX:
        raise ValueError(f"The name of the output, '{output}', must end in {SUFFIX}")

    def blocks() -> Iterator[list[Row]]:
        rows = read_rows(
            source, text_field=settings.text_field, summary_field=settings.summary_field
        )
        return _blocks(islice(rows, limit))

    sizes = [len(block) for block in blocks()]
    parts = Parts(output)
    parts.open(_fingerprint(source, settings, limit), overwrite=overwrite)
    counts: Counter[str] = Counter()
    jobs = ((parts, settings, number, block) for number, block in enumerate(blocks()))
    with (
        tqdm(total=sum(sizes), unit=" docs", desc="Converting") as bar,
        closing(_run(jobs, min(n_process, len(sizes)))) as results,
    ):
        for size, (part_counts, bad) in zip(sizes, results, strict=True):
            for line, reason in bad:
                tqdm.write(f"{source}:{line}: {reason}", file=sys.stderr)
                if on_error is OnError.fail:
                    raise BadInput(
                        "Stopped at a bad record. Correct or remove it and use --overwrite, or "
                        "pass over all of them with --on-error report"
                    )
            counts.update(part_counts)
            bar.update(size)
    if not counts["documents"]:
        parts.remove()
        raise ValueError(f"'{source}' has no record that can be used")
    parts.finish(counts["documents"])
    return counts


def _fingerprint(source: Path, settings: Settings, limit: int | None) -> dict[str, Any]:
    stat = source.stat()
    return {
        **asdict(settings),
        "version": __version__,
        "source": str(source.resolve()),
        "size": stat.st_size,
        "modified": stat.st_mtime_ns,
        "limit": limit,
    }


def _blocks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    block: list[Row] = []
    size = 0
    for row in rows:
        block.append(row)
        size += _size(row)
        if len(block) == BLOCK_ROWS or size >= BLOCK_SIZE:
            yield block
            block, size = [], 0
    if block:
        yield block


def _size(row: Row) -> int:
    if isinstance(row.data, dict):
        return sum(len(value) for value in row.data.values() if isinstance(value, str))
    return len(row.data) if isinstance(row.data, bytes) else 0


Job = tuple[Parts, Settings, int, list[Row]]
Results = tuple[dict[str, int], list[tuple[int, str]]]


def _run(jobs: Iterable[Job], n_process: int) -> Iterator[Results]:
    """Do jobs in several processes, a few ahead of the one whose results are due."""
    if n_process <= 1:
        yield from map(_do, jobs)
        return
    # Fresh processes: a fork would copy locks of threads that it does not have.
    pool = ProcessPoolExecutor(n_process, get_context("spawn"), _start_process)
    waiting = deque()
    try:
        for job in jobs:
            waiting.append(pool.submit(_do, job))
            if len(waiting) > AHEAD * n_process:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _start_process() -> None:
    """Leave Ctrl-C to the parent, and end with it, even where it was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=lambda: (parent_process().join(), os._exit(1)), daemon=True).start()


@cache
def _make_nlp() -> Language:
    """The pipeline that tokenizes, in every language the same.

    It is the one of the training configs, so gold and predicted tokens agree there. With others,
    spaCy aligns the tokens, and gold sentences stay what they are.
    """
    nlp = spacy.blank("xx", config={"nlp": {"tokenizer": TOKENIZER}})
    nlp.max_length = MAX_LENGTH
    return nlp


def _do(job: Job) -> Results:
    """Convert a block, unless a run before did, and return its counts and its bad records."""
    parts, settings, number, rows = job
    if (results := parts.read(number)) is None:
        results = _convert_block(parts, settings, number, rows)
    return results["counts"], results["bad"]


def _convert_block(
    parts: Parts, settings: Settings, number: int, rows: list[Row]
) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    bad = []
    docs = new_bin()
    nlp = _make_nlp()
    # Words seen in this block alone leave the vocabulary with it.
    with nlp.memory_zone():
        for row in rows:
            try:
                doc = _make_gold_doc(nlp, row, settings)
            except BadRecord as error:
                bad.append((row.number, str(error)))
            except Exception as error:
                bad.append((row.number, f"{type(error).__name__}: {error}"))
            else:
                docs.add(doc)
                counts.update(_count(doc))
    results = {"counts": counts + Counter(bad=len(bad)), "bad": bad}
    parts.write(number, docs, results)
    return results


def _make_gold_doc(nlp: Language, row: Row, settings: Settings) -> Doc:
    record = row.parse(settings.text_field, settings.summary_field)
    doc = make_doc(nlp, record.text, record.lang or settings.lang)
    lang = get_lang(doc)
    gold = find_gold(doc, record, lang, MultilingualSentencizer(lang=lang), settings.max_sents)
    return set_gold(doc, record, gold)


def _count(doc: Doc) -> dict[str, int]:
    gold = doc.spans.get(SPANS_KEY)
    return {
        "documents": 1,
        "sentences": sum(1 for _ in doc.sents),
        "gold": len(gold or ()),
        "without_gold": int(gold is None),
        f"lang:{get_lang(doc)}": 1,
    }


def _print_counts(counts: Counter[str], output: Path) -> None:
    printer = Printer(pretty=sys.stderr.isatty(), no_print=True)
    n_docs = counts["documents"]
    langs = [(n, key.removeprefix("lang:")) for key, n in counts.items() if key[:5] == "lang:"]
    lines = [
        printer.info(
            f"Documents: {n_docs:,}, sentences: {counts['sentences']:,}, gold sentences per "
            f"document: {counts['gold'] / n_docs:.1f}"
        ),
        printer.info("Languages: " + ", ".join(f"{lang} {n:,}" for n, lang in sorted(langs)[::-1])),
    ]
    if counts["without_gold"]:
        lines.append(
            printer.warn(
                "Documents without gold sentences, from which a bertsum learns nothing: "
                f"{counts['without_gold']:,}. They have no summary in their language, or no "
                "sentence shares a word with it"
            )
        )
    if counts["bad"]:
        lines.append(printer.fail(f"Bad records passed over: {counts['bad']:,}"))
    about = "" if output.is_file() else f", a directory of {len(list(output.iterdir()))} files"
    lines.append(printer.good(f"Written to {output}{about}"))
    print("\n".join(lines), file=sys.stderr)

"""``python -m spacy bertsum summarize``: summaries of text files and JSONL files."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from itertools import chain
from typing import Annotated, Any

from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import require_gpu
from tqdm import tqdm
from typer import BadParameter, Exit, Option
from wasabi import Printer

from ..language import get_lang
from ..queries import check_query, score_by_query
from ..selection import Selection
from .documents import (
    Document,
    Entry,
    Unreadable,
    count_bytes,
    find_files,
    hash_document,
    read,
    without_output,
)
from .options import AsJsonl, Inputs, Lang, Output, Overwrite, Pipeline, TextField
from .pipelines import get_bertsum, hash_settings, load_pipeline, make_doc, make_pipeline
from .results import Results
from .screen import Screen

# A batch ends with the document that reaches this, however many are asked for.
MAX_BATCH_CHARS = 1_000_000


def summarize_cli(
    inputs: Inputs,
    n_sents: Annotated[
        int | None,
        Option(
            "--n-sents",
            "-n",
            help="Number of sentences. Without any limit: what the pipeline is set to",
        ),
    ] = None,
    ratio: Annotated[
        float | None, Option("--ratio", "-r", help="Share of the sentences, above 0 and up to 1")
    ] = None,
    max_words: Annotated[int | None, Option(help="Most words")] = None,
    max_chars: Annotated[int | None, Option(help="Most characters")] = None,
    threshold: Annotated[float | None, Option(help="Least score of a sentence, 0 to 1")] = None,
    query: Annotated[
        str | None,
        Option("--query", "-q", help="What summaries should be about, in any language"),
    ] = None,
    lang: Lang = None,
    model: Pipeline = None,
    output: Output = None,
    overwrite: Overwrite = False,
    all_scores: Annotated[
        bool, Option("--all-scores", help="Write the scores of all sentences to the output file")
    ] = False,
    jsonl: AsJsonl = False,
    text_field: TextField = "text",
    batch_size: Annotated[
        int, Option("--batch-size", "-b", help="Documents per batch, fewer if long", min=1)
    ] = 32,
    use_gpu: Annotated[int, Option("--gpu-id", "-g", help="GPU ID or -1 for CPU")] = -1,
) -> None:
    """
    Summarize documents by their most important sentences. All text must be plain
    text in UTF-8. Summaries go to standard output, or with --output to a JSONL
    file that has a record with the offsets and scores of the chosen sentences for
    each document. A second run of the same command completes it after a stop, and
    summarizes documents again whose text has changed; with other settings or
    another model it asks for --overwrite. With --query the scores say how much a
    sentence has to do with the query, beside the rest of its document.

    Files and lines that can't be read and documents that can't be summarized are
    reported on standard error and passed over; the exit code is then 1.
    """
    limits = {
        "n_sents": n_sents,
        "ratio": ratio,
        "max_words": max_words,
        "max_chars": max_chars,
        "threshold": threshold,
    }
    try:
        Selection(**limits)
        if query is not None:
            check_query(query)
        files = find_files(inputs)
        if output is not None:
            files = without_output(files, output, inputs)
        if use_gpu >= 0:
            require_gpu(use_gpu)
        nlp = make_pipeline() if model is None else load_pipeline(model)
        bertsum = get_bertsum(nlp)
        bertsum.selection = bertsum.selection.replace(**limits)
        if query is not None:
            bertsum.require_encoder()
        if output is None:
            sink = Screen(_print)
        else:
            settings_hash = hash_settings(nlp, lang=lang, all_scores=all_scores, query=query)
            sink = Results(output, settings_hash, overwrite=overwrite)
    except (ValueError, OSError, ImportError) as error:
        raise BadParameter(str(error)) from error
    with closing(sink):
        counts = summarize(
            chain.from_iterable(read(f, as_jsonl=jsonl, text_field=text_field) for f in files),
            nlp,
            sink,
            query=query,
            lang=lang,
            batch_size=batch_size,
            all_scores=all_scores,
            n_bytes=count_bytes(files),
        )
    _print_counts(counts)
    if counts["failed"]:
        raise Exit(1)


def _print_counts(counts: Counter[str]) -> None:
    texts = [f"Documents summarized: {counts['summarized']}"]
    texts += [f"{key}: {counts[key]}" for key in ("skipped", "failed") if counts[key]]
    printer = Printer(pretty=sys.stderr.isatty(), no_print=True)
    style = printer.fail if counts["failed"] else printer.good
    print(style(", ".join(texts)), file=sys.stderr)


def _print(printer: Printer, record: dict[str, Any]) -> None:
    name = record["source"]
    if record["line"] is not None:
        name += f":{record['line']}"
    if record["id"] is not None:
        name += f" ({record['id']})"
    size = f"{len(record['sentences'])} of {record['n_sents']} sentences"
    about = ", ".join(filter(None, [record["lang"], size]))
    printer.text(f"{name}: {about}", color="blue")
    printer.text(record["summary"])
    printer.text()


def summarize(
    entries: Iterable[Entry],
    nlp: Language,
    sink: Screen | Results,
    *,
    query: str | None = None,
    lang: str | None = None,
    batch_size: int = 32,
    all_scores: bool = False,
    n_bytes: int | None = None,
) -> Counter[str]:
    """Summarize a stream of documents, batch by batch.

    nlp: A pipeline with a component bertsum.
    sink: Where the summaries go. Documents that it is done with are skipped.
    query: What the summaries should be about.
    lang: Language code of the documents that have none themselves.
    batch_size: Documents per batch, fewer if long.
    all_scores: Add the scores of all sentences to the records.
    n_bytes: Size of all documents, for the progress bar.
    RETURNS: The numbers of documents "summarized", "skipped" and "failed".
    """
    counts: Counter[str] = Counter()
    bar = tqdm(total=n_bytes, unit="B", unit_scale=True, desc="Summarizing")

    def fail(entry: Entry, reason: str) -> None:
        counts["failed"] += 1
        tqdm.write(f"{entry.place}: {reason}", file=sys.stderr)

    def documents() -> Iterator[Document]:
        for entry in entries:
            bar.update(entry.n_bytes)
            if isinstance(entry, Unreadable):
                fail(entry, entry.reason)
            elif sink.is_done(entry):
                counts["skipped"] += 1
            else:
                yield entry

    bertsum = get_bertsum(nlp)
    with bar:
        for batch in _batches(documents(), batch_size):
            # Words seen in this batch alone leave the vocabulary with it.
            with nlp.memory_zone():
                records = []
                for document, doc in zip(batch, _process(nlp, batch, lang), strict=True):
                    if query is not None and isinstance(doc, Doc):
                        doc = _focus(doc, bertsum, query)
                    if isinstance(doc, Exception):
                        fail(document, f"{type(doc).__name__}: {doc}")
                    else:
                        records.append(_to_record(document, doc, bertsum.cfg, all_scores))
            sink.write(records)
            counts["summarized"] += len(records)
    return counts


def _batches(documents: Iterable[Document], size: int) -> Iterator[list[Document]]:
    batch: list[Document] = []
    n_chars = 0
    for document in documents:
        batch.append(document)
        n_chars += len(document.text)
        if len(batch) == size or n_chars >= MAX_BATCH_CHARS:
            yield batch
            batch, n_chars = [], 0
    if batch:
        yield batch


def _process(nlp: Language, batch: list[Document], lang: str | None) -> list[Doc | Exception]:
    try:
        return list(nlp.pipe(make_doc(nlp, d.text, d.lang or lang) for d in batch))
    except Exception:
        # One bad document fails the batch: alone, the others go through.
        return [_attempt(nlp, d.text, d.lang or lang) for d in batch]


def _attempt(nlp: Language, text: str, lang: str | None) -> Doc | Exception:
    try:
        return nlp(make_doc(nlp, text, lang))
    except Exception as error:
        return error


def _focus(doc: Doc, bertsum: Any, query: str) -> Doc | Exception:
    """Summarize a document again, by what its sentences have to do with a query."""
    scores_attr = bertsum.cfg["scores_attr"]
    try:
        scores = score_by_query(doc, doc._.get(scores_attr), query, scores_attr)
        bertsum.set_annotations([doc], [scores])
    except Exception as error:
        return error
    return doc


def _to_record(
    document: Document, doc: Doc, names: dict[str, Any], all_scores: bool
) -> dict[str, Any]:
    to_number = partial(round, ndigits=6)
    group = doc.spans[names["spans_key"]]
    scores = doc._.get(names["scores_attr"])
    record = {
        "source": document.source,
        "line": document.line,
        "id": document.id,
        "document_hash": hash_document(document),
        "lang": get_lang(doc),
        "n_sents": len(scores),
        "summary": doc._.get(names["summary_attr"]),
        "sentences": [
            {
                "start": sent.start_char,
                "end": sent.end_char,
                "score": to_number(score),
                "text": sent.text,
            }
            for sent, score in zip(group, group.attrs["scores"].tolist(), strict=True)
        ],
    }
    if all_scores:
        record["scores"] = [to_number(score) for score in scores.tolist()]
    return record

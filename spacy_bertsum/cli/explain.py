"""``python -m spacy bertsum explain``: why sentences are in a summary, by LIME or SHAP."""

import sys
from contextlib import closing
from itertools import chain
from typing import Annotated, Any

from spacy.language import Language
from tqdm import tqdm
from typer import BadParameter, Exit, Option
from wasabi import Printer

from ..language import get_lang
from ..surface import clean
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

# Parts of a sentence that are printed: those that count most.
N_PRINTED = 5


def explain_cli(
    inputs: Inputs,
    of: Annotated[
        str,
        Option(help="What a score is divided among: words, sentences or features"),
    ] = "words",
    method: Annotated[str, Option(help="shap or lime")] = "shap",
    n_samples: Annotated[
        int, Option(help="Variants of the document to score for each sentence", min=2)
    ] = 200,
    n_sents: Annotated[
        int | None,
        Option(
            "--n-sents",
            "-n",
            help="Sentences of a summary, all of which are explained. If not given, what the "
            "pipeline is set to",
        ),
    ] = None,
    lang: Lang = None,
    model: Pipeline = None,
    output: Output = None,
    overwrite: Overwrite = False,
    jsonl: AsJsonl = False,
    text_field: TextField = "text",
    seed: Annotated[int, Option(help="Of the variants")] = 0,
) -> None:
    """
    Explain the sentences of summaries: what each word of a sentence, each other
    sentence of the document, or each kind of features adds to its score (its
    logit). The score is that of variants of the document without some of these,
    so one sentence takes as long as summarizing --n-samples documents; features
    take no time.

    Needs the libraries shap and lime: pip install 'spacy-bertsum[explain]'.

    A second run of the same command completes an output file after a stop, as that
    of summarize does.

    Files and lines that can't be read and documents that can't be explained are
    reported on standard error and passed over; the exit code is then 1.
    """
    from ..explanations.explain import check_settings

    try:
        check_settings(of, method, n_samples)
        files = find_files(inputs)
        if output is not None:
            files = without_output(files, output, inputs)
        nlp = make_pipeline() if model is None else load_pipeline(model)
        bertsum = get_bertsum(nlp)
        bertsum.selection = bertsum.selection.replace(n_sents=n_sents)
        settings = {"of": of, "method": method, "n_samples": n_samples, "seed": seed}
        if output is None:
            sink = Screen(_print)
        else:
            settings_hash = hash_settings(nlp, lang=lang, **settings)
            sink = Results(output, settings_hash, overwrite=overwrite)
    except (ValueError, OSError, ImportError) as error:
        raise BadParameter(str(error)) from error
    entries = chain.from_iterable(read(f, as_jsonl=jsonl, text_field=text_field) for f in files)
    bar = tqdm(total=count_bytes(files), unit="B", unit_scale=True, desc="Explaining")
    n_failed = 0
    with closing(sink), bar:
        for entry in entries:
            try:
                _explain_entry(nlp, entry, sink, lang, settings)
            except Exception as error:
                n_failed += 1
                tqdm.write(f"{entry.place}: {error}", file=sys.stderr)
            bar.update(entry.n_bytes)
    if n_failed:
        raise Exit(1)


def _print(printer: Printer, record: dict[str, Any]) -> None:
    name = record["source"]
    printer.text(name if record["line"] is None else f"{name}:{record['line']}")
    for explanation in record["explanations"]:
        _print_explanation(printer, explanation)


def _print_explanation(printer: Printer, explanation: dict[str, Any]) -> None:
    printer.text(clean(explanation["sentence"]["text"]), color="blue")
    parts = sorted(explanation["parts"], key=lambda part: -abs(part["weight"]))
    rows = [(part["weight"], clean(part["text"])) for part in parts[:N_PRINTED]]
    if others := parts[N_PRINTED:]:
        rows.append((sum(part["weight"] for part in others), f"({len(others)} more)"))
    rows.append((explanation["base"], "(without any)"))
    for weight, text in rows:
        printer.text(f"{weight:+8.2f}  {text}")
    printer.text(f"{explanation['logit']:+8.2f}  = its logit\n")


def _explain_entry(
    nlp: Language,
    entry: Entry,
    sink: Screen | Results,
    lang: str | None,
    settings: dict[str, Any],
) -> None:
    if isinstance(entry, Unreadable):
        raise ValueError(entry.reason)
    if not sink.is_done(entry):
        sink.write([_make_record(nlp, entry, lang, settings)])


def _make_record(
    nlp: Language, document: Document, lang: str | None, settings: dict[str, Any]
) -> dict[str, Any]:
    from ..explanations import explain

    bertsum = get_bertsum(nlp)
    doc = nlp(make_doc(nlp, document.text, document.lang or lang))
    found = [
        explain(nlp, doc, sent, name=bertsum.name, **settings)
        for sent in doc.spans[bertsum.cfg["spans_key"]]
    ]
    return {
        "source": document.source,
        "line": document.line,
        "id": document.id,
        "document_hash": hash_document(document),
        "lang": get_lang(doc),
        "explanations": [explanation.to_dict() for explanation in found],
    }

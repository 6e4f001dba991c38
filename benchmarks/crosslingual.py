"""How good summaries in other languages are: what `bertsum_abs` writes, beside copies.

    python -m scripts.crosslingual DATA DIR
    python -m benchmarks.crosslingual DIR/test.jsonl --model training/model-best

Scored against the references in the target language: the first sentences of the document as they
are (lead), the extract of `bertsum` as it is (extract), the extract closest to the reference in the
document's own language as it is (oracle), and what the model writes. The three copies are in the
wrong language, so that names, numbers and what the languages share is all they can get.
"""

from collections import defaultdict
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy
import spacy
import srsly
import typer
from spacy.language import Language
from tqdm import tqdm

from benchmarks.page import describe_run, publish
from spacy_bertsum.cli.pipelines import get_bertsum, make_doc
from spacy_bertsum.oracle import greedy_oracle
from spacy_bertsum.rouge import score_rouge

SYSTEMS = ("lead", "extract", "oracle", "model")
Key = tuple[str, str]


def measure(nlp: Language, records: list[dict]) -> dict[Key, dict[str, list[float]]]:
    """The mean of ROUGE-1, ROUGE-2 and ROUGE-L F1 × 100 of each system on each document.

    nlp: A pipeline with bertsum and, last, bertsum_abs.
    RETURNS: Scores by set and target language, and by system.
    """
    name = nlp.pipe_names[-1]
    writer = nlp.get_pipe(name)
    n = get_bertsum(nlp).selection.n_sents or 3
    scores: dict[Key, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with nlp.select_pipes(disable=[name]):
        made = (make_doc(nlp, record["text"], record["lang"]) for record in records)
        docs = list(tqdm(nlp.pipe(made), "extracts", total=len(records)))
    for target in sorted({lang for record in records for lang in record["summaries"]}):
        chosen = [
            (record, doc)
            for record, doc in zip(records, docs, strict=True)
            if target in record["summaries"] and target != record["lang"]
        ]
        writer.target_lang = target
        written = writer.pipe((doc for _, doc in chosen), batch_size=32)
        for (record, doc), _ in zip(chosen, tqdm(written, target, len(chosen)), strict=True):
            sents = [sent.text.strip() for sent in doc.sents]
            texts = {
                "lead": " ".join(sents[:n]),
                "extract": doc._.summary,
                "model": doc._.get(writer.cfg["summary_attr"]),
            }
            if own := record["summaries"].get(record["lang"]):
                texts["oracle"] = " ".join(sents[i] for i in greedy_oracle(sents, own, n))
            reference = record["summaries"][target]
            for system, text in texts.items():
                mean = 100 * float(numpy.mean(list(score_rouge(reference, text).values())))
                scores[record["set"], target][system].append(mean)
    return scores


def format_table(scores: dict[Key, dict[str, list[float]]]) -> str:
    lines = [
        f"| set | written | documents | {' | '.join(SYSTEMS)} |",
        f"| --- | --- | --- |{' --- |' * len(SYSTEMS)}",
    ]
    for (name, target), by_system in sorted(scores.items()):
        means = [_mean(by_system.get(system, ())) for system in SYSTEMS]
        lines.append(f"| {name} | {target} | {len(by_system['model'])} | {' | '.join(means)} |")
    return "\n".join(lines)


def _mean(values: Iterable[float]) -> str:
    values = list(values)
    return f"{numpy.mean(values):.1f}" if values else "–"


def main(
    documents: Path = typer.Argument(..., exists=True, help="What scripts.crosslingual wrote"),
    model: Path = typer.Option(..., exists=True, help="A pipeline with bertsum and bertsum_abs"),
    limit: int = typer.Option(None, help="The first documents only"),
    output: Path | None = typer.Option(None, help="Markdown file for the table"),
) -> None:
    records = list(islice(srsly.read_jsonl(documents), limit))
    table = format_table(measure(spacy.load(model), records))
    text = (
        f"# Summaries in other languages: {model}\n\n"
        f"{describe_run()}. Mean of ROUGE-1, ROUGE-2 "
        "and ROUGE-L F1 × 100 against references in the language that is written; lead, extract "
        f"and oracle are copies in the document's own. Command: `python -m "
        f"benchmarks.crosslingual {documents.name} --model {model}"
        f"{'' if limit is None else f' --limit {limit}'}`\n\n{table}\n"
    )
    publish(text, output)


if __name__ == "__main__":
    typer.run(main)

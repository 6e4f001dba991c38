"""The numbers of a report → a page in Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scripts.evaluation import CHARACTERS, SENTENCES, SYSTEMS
from spacy_bertsum.rouge import METRICS

TRAINING_PLOT, LANGUAGES_PLOT, POSITIONS_PLOT = PLOTS = (
    "training.png",
    "languages.png",
    "positions.png",
)
# With fewer documents an interval is a rough guess.
FEW = 30
# By the sign of an interval.
VERDICTS = {1: "is better than", 0: "can't be told apart from", -1: "is worse than"}
NAMES = {"lead": "LEAD", "model": "model", "oracle": "oracle"}
ABOUT_SCORES = """\
Scores are ROUGE F1 × 100 against the reference summary; where one number is given, it is the mean
of ROUGE-1, ROUGE-2 and ROUGE-L. All three systems choose among the same sentences: **LEAD** takes
the first ones; the **oracle** knows the reference and adds the sentence that raises ROUGE-1 +
ROUGE-2 most, until none does, which comes close to the best that an extract can reach. **closed**
is the share of the way from LEAD to the oracle that the model goes. In brackets are 95 % bootstrap
intervals over documents (1,000 samples; each has the same documents for all systems, so that the
difference from LEAD is paired). In a mean over languages, each language counts the same."""

Numbers = Mapping[str, Any]


def format_page(report: Numbers) -> str:
    """The page of a report, whose plots lie beside it."""
    parts = [
        f"# {report['title']}",
        *_format_result(report),
        "## ROUGE by language",
        f"![ROUGE of LEAD, model and oracle in each language]({LANGUAGES_PLOT})",
        *_format_ways(report["languages"], report["means"], "language"),
        *_format_metrics(report),
        *_format_sets(report),
        *_format_sentences(report),
        *_format_training(report),
        *_format_evaluate(report),
        "## How it was measured",
        ABOUT_SCORES,
        *_format_origin(report),
    ]
    return "\n\n".join(parts) + "\n"


def _format_result(report: Numbers) -> list[str]:
    rows, means = report["languages"], report["means"]
    scores = (means or rows)[0][SENTENCES]
    where = f"{len(rows)} languages" if means else f"one language, {rows[0]['name']}"
    text = (
        f"On {report['data']['documents']:,} test documents in {where}, the model's summaries "
        f"score **{_interval(scores['model'])}**, LEAD's {_interval(scores['lead'])} and the "
        f"oracle's {_interval(scores['oracle'])}. The model is "
        f"{_difference(scores['difference'])} points from LEAD, "
        f"{_round(100 * scores['closed'], 0):.0f} % of the way to the oracle: it "
        f"{VERDICTS[_sign(scores['difference'])]} LEAD, at 95 % confidence"
    )
    if means:
        signs = {row["name"]: _sign(row[SENTENCES]["difference"]) for row in rows}
        found = [
            f"{verdict} LEAD in {', '.join(name for name in signs if signs[name] == sign)}"
            for sign, verdict in VERDICTS.items()
            if sign in signs.values()
        ]
        text += f". By language, it {'; '.join(found)}"
    notes = [text + "."]
    few = [f"{row['name']} ({row['documents']})" for row in rows if row["documents"] < FEW]
    if few:
        notes.append(
            f"**Few documents.** Fewer than {FEW} in {', '.join(few)}. The bootstrap of so few "
            "understates how uncertain a score is: its intervals are too narrow, and what they say "
            "about a single language is a hint, not a finding."
        )
    return notes


def _format_ways(
    rows: Sequence[Numbers], means: Sequence[Numbers], kind: str, heading: str = "###"
) -> list[str]:
    return [
        f"{heading} The same number of sentences",
        _format_scores(rows, means, kind, SENTENCES),
        f"{heading} The same number of characters",
        "As many characters as the document's reference has, the last sentence cut.",
        _format_scores(rows, means, kind, CHARACTERS),
    ]


def _format_scores(rows: Sequence[Numbers], means: Sequence[Numbers], kind: str, way: str) -> str:
    counted = way == SENTENCES and all("n_sents" in row for row in rows)
    header = [kind, "documents", *(["sentences"] if counted else []), *NAMES.values()]
    lines = []
    for row in [*rows, *means]:
        scores = row[way]
        cells = [row["label"], f"{row['documents']:,}"]
        if counted:
            cells.append(str(row.get("n_sents", "")))
        cells += [_interval(scores[system]) for system in SYSTEMS]
        cells += [_difference(scores["difference"]), f"{_round(scores['closed'], 2):.2f}"]
        lines.append(cells)
    return _table([*header, "model - LEAD", "closed"], lines)


def _format_metrics(report: Numbers) -> list[str]:
    header = ["language"]
    header += [
        f"{NAMES[system]} R-{metric[-1].upper()}" for system in SYSTEMS for metric in METRICS
    ]
    lines = []
    for row in [*report["languages"], *report["means"]]:
        cells = [row["label"]]
        for system in SYSTEMS:
            cells += [f"{row[SENTENCES][system][metric]:.1f}" for metric in METRICS]
        lines.append(cells)
    return ["### ROUGE-1, ROUGE-2, ROUGE-L (same number of sentences)", _table(header, lines)]


def _format_sets(report: Numbers) -> list[str]:
    if not report["sets"]:
        return []
    return ["## ROUGE by set", *_format_ways(report["sets"], report["set_means"], "set")]


def _format_sentences(report: Numbers) -> list[str]:
    lines = []
    for row in report["languages"]:
        cells = [row["label"]]
        for system in ("lead", "model"):
            cells += [f"{100 * row['sents'][system][key]:.1f}" for key in "prf"]
        lines.append(cells)
    header = ["language"]
    header += [f"{NAMES[system]} {key}" for system in ("lead", "model") for key in "PRF"]
    return [
        "## Which sentences",
        "Precision, recall and F1 (%) of the chosen sentences against the gold ones: those that "
        "are labelled in the test data, or else all those that the oracle would take.",
        _table(header, lines),
        f"![Where in the documents the chosen sentences stand]({POSITIONS_PLOT})",
    ]


def _format_training(report: Numbers) -> list[str]:
    parts = ["## What was trained", *_format_model(report)]
    rows = report["training"]["evaluations"]
    if rows:
        best, last = report["training"]["best_step"], rows[-1]["step"]
        parts += [
            f"![Training loss and ROUGE on the dev documents, by step]({TRAINING_PLOT})",
            f"Training took {last:,} steps ({rows[-1]['epoch']} epochs); the model kept is that of "
            f"step {best:,}. ROUGE is that of the dev documents. The loss is the mean since the "
            "evaluation before.",
        ]
    else:
        parts.append(f"No training curve: {report['training']['note']}.")
    return parts


def _format_model(report: Numbers) -> list[str]:
    model = report["model"]
    parts = [
        f"Pipeline `{model['name']}` {model['version']} from `{model['path']}`: "
        f"{', '.join(f'`{name}`' for name in model['pipeline'])}."
    ]
    seen = report["trained_on"]
    if seen:
        unseen = [row["name"] for row in report["languages"] if row["zero_shot"]]
        text = f"Trained on documents in {', '.join(seen)}."
        if unseen:
            text += (
                f" **Zero-shot**: {', '.join(unseen)}; this training had no document in these "
                "languages, so what the model knows of them comes from its pre-training."
            )
        parts.append(text)
    else:
        parts.append("Which languages it was trained on was not given (`--trained-on`).")
    if model["starts_from"]:
        parts.append(
            f"It goes on from the trained model `{model['starts_from']}`, which had seen other "
            "documents, and other languages too, before."
        )
    lines = [[f"`{name}`", f"`{value}`"] for name, value in model["settings"].items()]
    return [*parts, _table(["setting", "value"], lines, align_first_only=False)]


def _format_evaluate(report: Numbers) -> list[str]:
    metrics = report["metrics"]
    if not metrics:
        return []
    names = [*METRICS, "summary_p", "summary_r", "summary_f"]
    groups = {"**all**": metrics, **(metrics.get("summary_per_lang") or {})}
    lines = [
        [lang, *("" if (v := scores.get(name)) is None else f"{100 * v:.1f}" for name in names)]
        for lang, scores in groups.items()
    ]
    return [
        "## What `spacy evaluate` says",
        "Scores of the summaries as the pipeline prints them, each document counting the same.",
        _table(["language", *names], lines),
    ]


def _format_origin(report: Numbers) -> list[str]:
    data = report["data"]
    text = f"Test documents: `{data['path']}`, {data['documents']:,} documents"
    if data["skipped"]:
        text += f"; {data['skipped']:,} more had no reference to compare with and were passed over"
    source = {
        "pipeline": "the pipeline's own setting `n_sents`",
        "references": "the mean of the references in the language, since the pipeline sets none",
    }
    text += f". The number of sentences is {source[report['n_sents_from']]}."
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    return [
        text,
        f"{report['date']}, {report['machine']}; {versions}. All numbers, those of each document "
        "too, are in [report.json](report.json).",
        f"```\n{report['command']}\n```",
    ]


def _table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, align_first_only: bool = True
) -> str:
    """A table whose columns, but for the first, are right-aligned."""
    rule = [" --- ", *([" ---: " if align_first_only else " --- "] * (len(header) - 1))]
    lines = [f"| {' | '.join(header)} |", f"|{'|'.join(rule)}|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)


def _interval(cell: Numbers) -> str:
    return f"{cell['mean']:.1f} ({cell['low']:.1f}–{cell['high']:.1f})"


def _difference(cell: Numbers) -> str:
    mean, low, high = (f"{_round(cell[key], 1):+.1f}" for key in ("mean", "low", "high"))
    return f"{mean} ({low} … {high})"


def _round(number: float, digits: int) -> float:
    """Round without leaving a negative zero."""
    return round(number, digits) + 0.0


def _sign(difference: Numbers) -> int:
    """1 or -1 where the whole interval lies above or below zero, else 0."""
    return int(difference["low"] > 0) - int(difference["high"] < 0)

"""Scores → a page in Markdown."""

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.quality.model import MODEL
from benchmarks.quality.scores import Difference, Scores, SetScores, average_sets, join_languages
from benchmarks.quality.systems import LEAD, ORACLE, RANDOM
from benchmarks.quality.variants import ABOUT_VARIANTS
from scripts.evaluation import CHARACTERS, SENTENCES, WAYS

MISSING = "–"
TITLES = {
    SENTENCES: "The same number of sentences",
    CHARACTERS: "The same number of characters",
}
ABOUT = f"""\
All systems choose among the same sentences (those of `multilingual_sentencizer`), and are scored by
the same ROUGE (`spacy_bertsum.rouge`, words in every script). With a number of sentences, that of
the set's references on average (n), each picks n. With a number of characters, that of the
document's reference, sentences are taken as the system ranks them, and the last one is cut.

**LEAD** takes the first sentences, **random** any, with a fixed seed; the **oracle** knows the
reference and adds the sentence that raises ROUGE-1 + ROUGE-2 most, until none does: it says what an
extract can reach. **closed** is the share of the way from LEAD to the oracle, {MISSING} where the
oracle, which is greedy, is not above LEAD; a mean over sets is the mean of their shares, not the
share of the means. Intervals are paired bootstrap intervals, 95 %, over documents; where a set has
the same page in many languages, these count as one."""
ABOUT_PEERS = f"""\
The other summarizers are packages as they are, with their default settings and what they ship of
stop words and stemmers for the language, none where they ship nothing:

- **sumy** (TextRank, LexRank, LSA, Luhn, SumBasic, KL) needs data of nltk to find words, which no
  package has. It gets the words that ROUGE counts: runs of letters and digits, and characters where
  a script puts no spaces between words. So it has words in Chinese, Japanese and Thai too.
- **lexrank** takes idf from the documents of the set. It divides texts at spaces; it gets the same
  words with spaces between them.
- **PacSum** on tf-idf (Zheng & Lapata 2019) is on no package index: it is written anew here
  (`benchmarks/peers/systems/pacsum.py`), with the default settings of its published code.
- **pytextrank** wants the parts of speech and the noun chunks of a trained pipeline. There is none
  for most of these languages, and none was used: words with a letter that are no stop words of
  spaCy's count as nouns, and runs of them as phrases. With a good pipeline it may do better.
- **bert-ext-summ.** is bert-extractive-summarizer with the encoder all-MiniLM-L6-v2, which knows
  English, so it is run on English sets alone; once as its `Summarizer` (the mean of a layer), once
  as its `SBertSummarizer`. Sentences it drops by default, of up to 40 or more than 600 characters,
  can be chosen here, by their first 600. It takes the first sentence always; not here where it
  would be the only one. It does not rank: it is asked for as many sentences as fill the characters.

A system that ranks is asked for n sentences by its ranking: by score, for SumBasic and KL in the
order in which they pick. Where it raises an error or picks too few, the document's first sentences
stand in. {MISSING}: not measured, the reason is below."""


def format_model_page(sets: Sequence[SetScores], title: str, origin: str) -> str:
    """The page without other summarizers."""
    return f"# {title}\n\n{origin}\n\n{format_model(sets)}\n"


def format_page(
    sets: Sequence[SetScores],
    others: Sequence[str],
    title: str,
    origin: str,
    versions: Mapping[str, str],
) -> str:
    """The page of a comparison with other systems.

    others: Their names, in the order of the columns; variants of the model may be among them.
    origin: Where the figures come from: machine, versions, command.
    versions: Those of the packages that are compared.
    """
    variants = [name for name in ABOUT_VARIANTS if name in others]
    rivals = [name for name in others if name not in variants]
    has_peers = any(name != RANDOM for name in rivals)
    systems = [LEAD, *rivals, MODEL, *variants, ORACLE]
    parts = [f"# {title}", origin, ABOUT, *[ABOUT_PEERS] * has_peers]
    parts += [ABOUT_VARIANTS[name] for name in variants]
    for way in WAYS:
        parts += [f"## {TITLES[way]}", format_result(sets, systems, way)]
        parts.append(format_systems(sets, systems, way))
    parts += ["## LEAD, model and oracle", format_model(sets)]
    if has_peers:
        parts += ["## What the others took", format_costs(sets, systems, versions)]
    return "\n\n".join(parts) + "\n"


def find_others(systems: Iterable[str]) -> list[str]:
    """All that the model competes with."""
    return [name for name in systems if name not in (MODEL, *ABOUT_VARIANTS, ORACLE)]


def format_result(sets: Sequence[SetScores], systems: Sequence[str], way: str) -> str:
    """On how many sets the model is ahead of the best of all others."""
    others = find_others(systems)
    lines = []
    joined = join_languages(sets)
    for label, rows in (("sets", sets), ("sets, languages of a set as one", joined)):
        if label != "sets" and len(rows) == len(sets):
            break
        found = {row.name: compare_with_best(row.scores[way], others) for row in rows}
        ahead = sum(difference.mean > 0 for _, difference in found.values())
        clearly = {
            verdict: [name for name, (_, d) in found.items() if d.verdict == verdict]
            for verdict in (1, -1)
        }
        text = (
            f"On **{ahead} of {len(rows)}** {label}, {MODEL} is ahead of the best of all others "
            f"on the set, LEAD among them; clearly (95 %) on {_list(clearly[1])}"
        )
        lines.append(f"{text}; clearly behind on {_list(clearly[-1])}.")
    return "\n\n".join(lines)


def _list(names: Sequence[str]) -> str:
    return f"{len(names)} ({', '.join(names)})" if names else "none"


def compare_with_best(scores: Scores, others: Iterable[str]) -> tuple[str, Difference]:
    """The best of the others on a set, and how far ahead of it the model is."""
    best = scores.find_best(others)
    return best, scores.subtract(MODEL, best)


def format_systems(sets: Sequence[SetScores], systems: Sequence[str], way: str) -> str:
    """A row for each set, a column for each system, and means."""
    others = find_others(systems)
    rows = []
    for row in sets:
        scores = row.scores[way]
        best, difference = compare_with_best(scores, others)
        cells = [row.name, str(row.n_sents), *_mark_best(scores, systems)]
        rows.append([*cells, f"{_format_difference(difference)}, {best}"])
    joined = join_languages(sets)
    means = {"mean over sets": sets, "mean, languages of a set as one": joined}
    done_by_all = [row for row in sets if all(name in row.scores[way].means for name in systems)]
    if 0 < len(done_by_all) < len(sets):
        means[f"mean over the {len(done_by_all)} sets that all did"] = done_by_all
    for label, averaged in means.items():
        scores = average_sets(averaged, label).scores[way]
        rows.append([f"**{label}**", "", *_mark_best(scores, systems), ""])
        closed = [_format(scores.closed.get(name), ".2f") for name in systems]
        rows.append(["closed", "", *closed, ""])
        differences = [
            _format_difference(scores.subtract(MODEL, name))
            if name in scores.means and name != MODEL
            else ""
            for name in systems
        ]
        rows.append([f"{MODEL} - it", "", *differences, ""])
    header = ["set", "n", *systems, f"{MODEL} - best of the others, 95 %"]
    return format_table(header, rows)


def _mark_best(scores: Scores, systems: Sequence[str]) -> list[str]:
    """The means, the highest of them bold; the oracle does not compete."""
    texts = {name: _format(scores.means.get(name), ".1f") for name in systems}
    best = scores.find_best(name for name in systems if name != ORACLE)
    return [
        f"**{text}**" if text == texts[best] and name != ORACLE else text
        for name, text in texts.items()
    ]


def format_model(sets: Sequence[SetScores]) -> str:
    """LEAD, the model and the oracle alone, in both ways."""
    header = ["set", "documents", "n"]
    for suffix in ("", " (chars)"):
        header += [f"LEAD{suffix}", f"model{suffix}", f"oracle{suffix}", f"closed{suffix}"]
        header.append(f"model - LEAD, 95 %{suffix}")
    rows = [_format_model_row(row, row.name, str(row.n_sents)) for row in sets]
    joined = join_languages(sets)
    for label, averaged in (("mean over sets", sets), ("mean, languages of a set as one", joined)):
        rows.append(_format_model_row(average_sets(averaged, label), f"**{label}**", ""))
    return format_table(header, rows)


def _format_model_row(row: SetScores, label: str, n_sents: str) -> list[str]:
    cells = [label, str(row.n_docs), n_sents]
    for way in WAYS:
        scores = row.scores[way]
        cells += [f"{scores.means[name]:.1f}" for name in (LEAD, MODEL, ORACLE)]
        difference = scores.subtract(MODEL, LEAD)
        cells.append(_format(scores.closed.get(MODEL), ".2f"))
        cells.append(f"{difference.low:+.1f} … {difference.high:+.1f}")
    return cells


def format_costs(
    sets: Sequence[SetScores], systems: Sequence[str], versions: Mapping[str, str]
) -> str:
    """CPU time, and what went wrong."""
    rows, notes = [], []
    for name in find_others(systems):
        results = {row.name: row.results[name] for row in sets if name in row.results}
        choices = {set_name: result.choice for set_name, result in results.items()}
        seconds = sum(choice.cpu_seconds for choice in choices.values())
        if not seconds:
            continue
        done = [row for row in sets if name in row.results and row.results[name].scores]
        errors = sum(choice.n_failures for choice in choices.values())
        n_docs = sum(row.n_docs for row in done)
        finished = sum(choices[row.name].cpu_seconds for row in done)
        rate = f"{n_docs / finished:.1f}" if finished else MISSING
        rows.append([name, str(len(done)), str(n_docs), f"{seconds:.0f}", rate, str(errors)])
        for set_name, choice in choices.items():
            if choice.limit is not None:
                notes.append(f"- {name}, {set_name}: more than {choice.limit:.0f} CPU seconds")
            if choice.n_failures:
                notes.append(
                    f"- {name}, {set_name}: {choice.n_failures} errors, the first: "
                    f"`{choice.failure}`"
                )
    header = ["system", "sets", "documents", "CPU s", "documents per CPU s", "errors"]
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    parts = [
        f"One thread; to load, and to divide into sentences and words, is not counted. {packages}.",
        format_table(header, rows),
    ]
    if notes:
        parts += ["Not measured, or not wholly:", "\n".join(notes)]
    return "\n\n".join(parts)


def format_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _format(value: float | None, spec: str) -> str:
    return MISSING if value is None else format(value, spec)


def _format_difference(difference: Difference) -> str:
    return f"{difference.mean:+.1f} ({difference.low:+.1f} … {difference.high:+.1f})"

"""Time and memory as documents grow longer, and as there are more of them.

    python -m benchmarks.scaling --output benchmarks/results/scaling.md --plot docs/scaling.png

Documents are put together from the English of the repository's sample corpus. Systems take turns at
each length; the least time of the rounds counts. Memory is that of a fresh process for each length.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import torch
import typer
from spacy.language import Language
from tqdm import tqdm

from benchmarks.page import describe_run, publish
from benchmarks.peers.client import Peers, make_document
from benchmarks.speed import N_SENTS, make_texts
from benchmarks.systems import build_embedded, to_int8
from spacy_bertsum.cli.pipelines import FACTORY, MAX_LENGTH

FACTORS = (1, 2, 4, 8, 16, 32, 64)
PEERS = ("sumy LexRank", "sumy TextRank", "lexrank", "pytextrank", "bert-ext-summ. (SBert)")
N_DOCS = (1, 10, 100, 1_000, 10_000, 100_000)
ZONE = 1_000
# Seconds a document: a system that takes longer is not asked for the next length.
PATIENCE = 20.0


def make_document_text(nlp: Language, n_sents: int) -> str:
    """A text of so many sentences."""
    nlp.max_length = MAX_LENGTH
    with nlp.select_pipes(disable=[FACTORY]):
        (text,) = make_texts(1, 40 * n_sents)
        sents = [sent.text.strip() for sent in nlp(text).sents]
    return " ".join(sents[:n_sents])


def measure_lengths(
    pipelines: dict[str, Language], peers: Peers | None, texts: dict[int, str], rounds: int
) -> dict[str, dict[int, float]]:
    """Seconds a document by system and factor."""
    nlp = next(iter(pipelines.values()))
    with nlp.select_pipes(disable=[FACTORY]):
        sents = {
            factor: [sent.text.strip() for sent in nlp(text).sents]
            for factor, text in texts.items()
        }
    documents = {factor: make_document(s, "en", N_SENTS) for factor, s in sents.items()}
    seconds: dict[str, dict[int, float]] = {}
    with ExitStack() as stack:
        opened = {} if peers is None else {n: stack.enter_context(peers.open(n)) for n in PEERS}

        def ask(name: str, factor: int) -> float:
            if name in opened:
                return opened[name].run([documents[factor]]).seconds
            start = time.perf_counter()
            pipelines[name](texts[factor])
            return time.perf_counter() - start

        for name in (*pipelines, *opened):
            ask(name, min(texts))
        for factor in tqdm(texts, desc="lengths"):
            for _ in range(rounds):
                for name in (*pipelines, *opened):
                    known = seconds.setdefault(name, {})
                    if known and max(known.values()) > PATIENCE:
                        continue
                    known[factor] = min(known.get(factor, float("inf")), ask(name, factor))
    return seconds


def measure_memory(pipeline: Path, code: str, text: str) -> str:
    """What a fresh process prints that has a pipeline `nlp` and `text`."""
    code = (
        "import json, sys, spacy, torch; from benchmarks.page import measure_peak_memory; "
        f"nlp = spacy.load({str(pipeline)!r}); nlp.max_length = {MAX_LENGTH}; "
        f"text = sys.stdin.read(); {code}"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


MANY = """
from contextlib import nullcontext
from spacy.util import minibatch

peaks = {}
texts = (f"Report {i} is here. It has two sentences." for i in range(max(counts)))
done = 0
for batch in minibatch(texts, zone) if zone else [texts]:
    with nlp.memory_zone() if zone else nullcontext():
        for doc in nlp.pipe(batch):
            done += 1
            if done in counts:
                peaks[done] = measure_peak_memory()
print(json.dumps(peaks))
"""


def measure_many(pipeline: Path, counts: list[int], zone: int | None) -> dict[int, float]:
    """Peak memory in MB after so many short documents through `nlp.pipe`.

    zone: Documents in a memory zone of spaCy; None: no zones.
    """
    code = f"counts, zone = {counts}, {zone}\n{MANY}"
    return {int(n): peak for n, peak in json.loads(measure_memory(pipeline, code, "")).items()}


def format_lengths(seconds: dict[str, dict[int, float]], memory: dict[int, float], n: int) -> str:
    factors = sorted(memory)
    head = ["system", *(f"×{factor} ({factor * n})" for factor in factors), "×8 / ×1"]
    lines = ["| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
    for name, known in seconds.items():
        cells = [f"{1e3 * known[f]:,.1f}" if f in known else "–" for f in factors]
        growth = f"{known[8] / known[1]:.1f}" if {1, 8} <= known.keys() else "–"
        lines.append("| " + " | ".join([name, *cells, growth]) + " |")
    cells = [f"{memory[factor]:,.0f}" for factor in factors]
    lines.append("| " + " | ".join(["peak MB, ours, float32", *cells, ""]) + " |")
    return "\n".join(lines)


def format_many(rows: dict[str, dict[int, float]]) -> Iterator[str]:
    counts = next(iter(rows.values()))
    yield "| peak MB after documents | " + " | ".join(f"{n:,}" for n in counts) + " |"
    yield "| --- " * (len(counts) + 1) + "|"
    for name, peaks in rows.items():
        yield f"| {name} | " + " | ".join(f"{peak:,.0f}" for peak in peaks.values()) + " |"


def plot(path: Path, seconds: dict[str, dict[int, float]], n_sents: int) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.2))
    for name, known in seconds.items():
        is_ours = name.startswith("ours")
        axes.plot(
            [factor * n_sents for factor in known],
            list(known.values()),
            marker="o",
            markersize=3,
            linewidth=2 if is_ours else 1,
            linestyle="-" if is_ours else "--",
            label=name,
        )
    axes.set(xscale="log", yscale="log", xlabel="sentences", ylabel="seconds a document")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main(
    sents: int = typer.Option(20, help="Sentences of the shortest document"),
    most: int = typer.Option(FACTORS[-1], help="Greatest factor by which documents grow"),
    most_docs: int = typer.Option(N_DOCS[-1], help="Most documents in one nlp.pipe"),
    rounds: int = 3,
    threads: int = typer.Option(1, help="Of torch and the peers"),
    peers: bool = typer.Option(True, help="Time other summarizers too"),
    directory: Path = typer.Option(Path("build/peers"), help="For the peers' environment"),
    output: Path | None = typer.Option(None, help="Markdown file for the page"),
    figure: Path | None = typer.Option(None, "--plot", help="PNG or SVG file"),
) -> None:
    torch.set_num_threads(threads)
    pipelines = {"ours, float32": build_embedded(), "ours, int8": to_int8(build_embedded())}
    for nlp in pipelines.values():
        nlp.max_length = MAX_LENGTH
    factors = [factor for factor in FACTORS if factor <= most]
    nlp = pipelines["ours, float32"]
    texts = {factor: make_document_text(nlp, factor * sents) for factor in factors}
    clients = Peers(directory) if peers else None
    seconds = measure_lengths(pipelines, clients, texts, rounds)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        nlp.to_disk(path)
        once = f"torch.set_num_threads({threads}); nlp(text); print(measure_peak_memory())"
        memory = {f: float(measure_memory(path, once, text)) for f, text in texts.items()}
        counts = [n for n in N_DOCS if n <= most_docs]
        many = {
            "one nlp.pipe": measure_many(path, counts, None),
            f"in memory zones of {ZONE:,}": measure_many(path, counts, ZONE),
        }
    command = f"python -m benchmarks.scaling --sents {sents} --rounds {rounds} --threads {threads}"
    parts = [
        "# Scaling",
        f"{describe_run()}, {torch.backends.cpu.get_cpu_capability()}, {threads} "
        f"thread{'s' if threads > 1 else ''}. Command: `{command}`",
        "## Longer documents",
        f"Milliseconds a document, the least of {rounds} rounds, by number of sentences; ours from "
        f"text to summary, the others from sentences. –: not asked, after {PATIENCE:g} s for the "
        "length before.",
        format_lengths(seconds, memory, sents),
        "## More documents",
        "Peak memory of a process over documents of two sentences, with a new word in each. spaCy "
        "keeps every word it has seen, unless documents are processed in memory zones "
        "(`with nlp.memory_zone(): ...`), after which it forgets them.",
        "\n".join(format_many(many)),
    ]
    publish("\n\n".join(parts) + "\n", output)
    if figure is not None:
        plot(figure, seconds, sents)


if __name__ == "__main__":
    typer.run(main)

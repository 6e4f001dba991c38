"""How fast summaries are made, from text to summary: ours, other summarizers, and the limit.

    python -m benchmarks.speed --output benchmarks/results/speed.md

The limit is the forward pass of the same encoder over the same word pieces and nothing else. The
documents are put together from the English of the repository's sample corpus. Systems take turns,
so that whatever else runs slows all. Other summarizers run in an environment of their own, which
this makes; they get sentences and words for nothing.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy
import srsly
import torch
import typer
from spacy.language import Language
from thinc.api import require_gpu
from tqdm import tqdm

from benchmarks.page import describe_run, publish
from benchmarks.peers.client import Peer, Peers, make_document
from benchmarks.peers.environment import find_encoder
from benchmarks.peers.protocol import Document
from benchmarks.systems import BareEncoder, build_around, build_embedded, to_int8
from spacy_bertsum.cli.pipelines import FACTORY
from spacy_bertsum.layers.precision import has_bfloat16

CORPUS = Path(__file__).parent.parent / "assets" / "corpus"
N_SENTS = 3
# The peers that have an encoder too are asked for this many of the documents.
SLOW = ("bert-ext-summ.", "bert-ext-summ. (SBert)")
N_SLOW_DOCS = 8
BLANK = "import spacy; spacy.blank('en')"
FIRST_SUMMARY = (
    "import spacy; nlp = spacy.blank('en'); nlp.add_pipe('sentencizer'); nlp.add_pipe('bertsum'); "
    "print(nlp('This is a text. It has two sentences.')._.summary)"
)


def make_texts(n: int, n_words: int, langs: tuple[str, ...] = ("en",), seed: int = 0) -> list[str]:
    """Texts of so many words, each in one language: paragraphs of the sample corpus, shuffled."""
    rng = random.Random(seed)
    paragraphs = {
        lang: [
            paragraph
            for record in srsly.read_jsonl(CORPUS / f"sample.{lang}.train.jsonl")
            for paragraph in record["text"].splitlines()
            if paragraph
        ]
        for lang in langs
    }
    texts = []
    for i in range(n):
        words: list[str] = []
        while len(words) < n_words:
            *others, last = rng.choice(paragraphs[langs[i % len(langs)]]).split()
            words += [*others, f"{last}\n"]
        texts.append(" ".join(words[:n_words]).replace("\n ", "\n"))
    return texts


@dataclass
class Row:
    """A system, and the documents a second that it has made in each round.

    run: Summarizes documents and returns documents per second.
    limit: The name of the row whose rate this one can't exceed.
    memory_mb: At most, of a process that does nothing else.
    """

    name: str
    run: Callable[[], float]
    limit: str | None = None
    memory_mb: float | None = None
    rates: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return float(numpy.median(self.rates))

    def relative_to(self, other: "Row") -> float:
        """The median over rounds of how many times as fast it is."""
        return float(numpy.median(numpy.array(self.rates) / numpy.array(other.rates)))


def time_pipeline(nlp: Language, texts: list[str]) -> Callable[[], float]:
    def run() -> float:
        start = time.perf_counter()
        for doc in nlp.pipe(texts):
            assert doc._.summary
        return len(texts) / (time.perf_counter() - start)

    return run


def time_encoder(bare: BareEncoder, n_docs: int) -> Callable[[], float]:
    def run() -> float:
        start = time.perf_counter()
        bare.run()
        return n_docs / (time.perf_counter() - start)

    return run


def make_pipelines(checkpoint: Path | None) -> dict[str, Callable[[], Language]]:
    """Our pipelines by name: the embedded model and, to compare with the peers that have the same
    encoder, BERTSUM around that."""
    builds: dict[str, Callable[[], Language]] = {"embedded": build_embedded}
    if checkpoint is not None:
        builds["around MiniLM-L6"] = lambda: build_around(checkpoint)
    return builds


def make_our_rows(
    builds: dict[str, Callable[[], Language]], texts: list[str], folder: Path, threads: int
) -> list[Row]:
    """For each encoder a row for each precision, and one for the encoder alone."""
    rows = []
    for name, build in builds.items():
        nlp, limit = build(), f"{name}: encoder alone"
        rows.append(Row(limit, time_encoder(BareEncoder(nlp, texts), len(texts))))
        variants = {"float32": nlp, "int8": to_int8(build())}
        if has_bfloat16() and name == "embedded":
            variants["bfloat16"] = build_embedded(mixed_precision=True)
        for precision, variant in variants.items():
            path = folder / f"{name} {precision}"
            variant.to_disk(path)
            row = Row(f"ours, {name}, {precision}", time_pipeline(variant, texts), limit)
            row.memory_mb = measure_memory(path, texts, threads)
            rows.append(row)
    return rows


def make_documents(texts: list[str]) -> list[Document]:
    """The texts as peers get them: divided into sentences and words."""
    nlp = build_embedded()
    with nlp.select_pipes(disable=[FACTORY]):
        return [
            make_document([sent.text.strip() for sent in doc.sents], "en", N_SENTS)
            for doc in nlp.pipe(texts)
        ]


def make_peer_row(name: str, peer: Peer, documents: list[Document]) -> Row:
    documents = documents[:N_SLOW_DOCS] if name in SLOW else documents
    row = Row(name, lambda: 0.0)

    def run() -> float:
        done = peer.run(documents)
        row.memory_mb = done.peak_memory_mb
        return len(documents) / done.seconds

    row.run = run
    return row


def measure_memory(pipeline: Path, texts: list[str], threads: int) -> float:
    """The peak memory in MB of a fresh process that loads a pipeline and summarizes texts."""
    code = (
        "import json, sys, spacy, torch; from benchmarks.page import measure_peak_memory; "
        f"torch.set_num_threads({threads}); nlp = spacy.load({str(pipeline)!r}); "
        "[doc._.summary for doc in nlp.pipe(json.load(sys.stdin))]; "
        "print(measure_peak_memory())"
    )
    return float(_run_python(code, json.dumps(texts)).splitlines()[-1])


def measure_start(code: str, n: int = 3) -> float:
    """The seconds that a fresh process takes, the least of n."""
    times = []
    for _ in range(n):
        start = time.perf_counter()
        _run_python(code)
        times.append(time.perf_counter() - start)
    return min(times)


def _run_python(code: str, text: str = "") -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def measure_again(text: str, n: int = 200) -> tuple[float, float]:
    """The seconds to summarize a document, and to summarize it again by the scores it has."""
    nlp = build_embedded()
    nlp(text)
    start = time.perf_counter()
    doc = nlp(text)
    first = time.perf_counter() - start
    start = time.perf_counter()
    for _ in range(n):
        doc._.summarize(n_sents=2)
    return first, (time.perf_counter() - start) / n


def measure_rates(rows: list[Row], rounds: int) -> None:
    for row in rows:
        row.run()
    for _ in tqdm(range(rounds), desc="rounds"):
        for row in rows:
            row.rates.append(row.run())


def format_table(rows: list[Row], words: int) -> str:
    by_name = {row.name: row for row in rows}
    reference = by_name.get(SLOW[0])
    lines = [
        "| system | documents/s | lowest … highest | words/s | of the encoder alone "
        f"| × {SLOW[0]} | peak MB |",
        "| --- " * 7 + "|",
    ]
    for row in sorted(rows, key=lambda row: -row.rate):
        share = "" if row.limit is None else f"{row.relative_to(by_name[row.limit]):.2f}"
        times = "" if reference is None else f"{row.relative_to(reference):.1f}"
        memory = "" if row.memory_mb is None else f"{row.memory_mb:,.0f}"
        lines.append(
            f"| {row.name} | {row.rate:.1f} | {min(row.rates):.1f} … {max(row.rates):.1f} "
            f"| {row.rate * words:,.0f} | {share} | {times} | {memory} |"
        )
    return "\n".join(lines)


def measure(
    texts: list[str], threads: int, rounds: int, words: int, peers: Peers | None, names: list[str]
) -> str:
    """The table of all systems with so many threads."""
    torch.set_num_threads(threads)
    checkpoint = None if peers is None else find_encoder(peers.directory / "environment")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        rows = make_our_rows(make_pipelines(checkpoint), texts, folder, threads)
        if peers is not None:
            documents = make_documents(texts)
            for name in names:
                peer = stack.enter_context(peers.open(name, threads))
                rows.append(make_peer_row(name, peer, documents))
        measure_rates(rows, rounds)
    return format_table(rows, words)


def main(
    docs: int = 32,
    words: int = typer.Option(500, help="Of a document"),
    rounds: int = 5,
    threads: list[int] = typer.Option([1, 2], help="Of torch and the peers; several times"),
    peers: bool = typer.Option(True, help="Time other summarizers too"),
    systems: list[str] | None = typer.Option(None, "--system", help="Only these of the others"),
    directory: Path = typer.Option(Path("build/peers"), help="For the peers' environment"),
    gpu_id: int = typer.Option(-1, help="Our pipelines on this GPU; -1 for the CPU"),
    output: Path | None = typer.Option(None, help="Markdown file for the page"),
) -> None:
    if gpu_id >= 0:
        require_gpu(gpu_id)
    texts = make_texts(docs, words)
    clients = Peers(directory) if peers else None
    names = [] if clients is None else systems or clients.names
    if clients is not None:
        clients.prepare()
    first, again = measure_again(texts[0])
    parts = [
        "# Speed",
        f"{describe_run()}, {torch.backends.cpu.get_cpu_capability()}. {docs} English documents of "
        f"{words} words, from text to summary; for other summarizers from sentences, "
        f"{N_SLOW_DOCS} of the documents for those with an encoder. Medians of {rounds} rounds, in "
        "which systems take turns; ratios are medians of the rounds' ratios. The encoder alone is "
        "transformers' forward pass in float32 over the same word pieces, made beforehand and "
        "without padding. Command: "
        f"`python -m benchmarks.speed --docs {docs} --words {words} --rounds {rounds}`",
        "The first summary of a fresh process, imports included: "
        f"{measure_start(FIRST_SUMMARY):.1f} s. Of these `import spacy` takes "
        f"{measure_start('import spacy'):.1f} s, and `spacy.blank('en')` with it, which imports "
        "every installed package that has a pipeline component, spacy-transformers among them, "
        f"{measure_start(BLANK):.1f} s. Summarizing a document of {words} words: "
        f"{1e3 * first:.0f} ms; once more, by the scores it has, with other settings: "
        f"{1e6 * again:,.0f} µs.",
    ]
    for n in threads:
        table = measure(texts, n, rounds, words, clients, names)
        parts += [f"## {n} thread{'s' if n > 1 else ''}", table]
    publish("\n\n".join(parts) + "\n", output)


if __name__ == "__main__":
    typer.run(main)

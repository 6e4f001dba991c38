"""How good the summaries are, beside LEAD, other summarizers and the oracle, on every set.

    python -m benchmarks.quality DATA --output benchmarks/results/quality.md

All systems choose among the same sentences, and the mean of ROUGE-1, ROUGE-2 and ROUGE-L F1 is
taken in two ways: with the same number of sentences, that of the set's references on average; and
with the same number of characters, those of the document's reference, the last sentence cut.
"closed" is the share of the way from LEAD to the greedy oracle.

The other summarizers get an environment of their own, under build/, when one is first asked; with
--no-peers there are LEAD, model and oracle alone. Results are kept under build/ too: a run that was
stopped goes on, and with another model the others are not asked again.
"""

from pathlib import Path

import typer
from tqdm import tqdm

from benchmarks.page import describe_run, publish
from benchmarks.peers.client import Peers
from benchmarks.peers.environment import read_pins
from benchmarks.peers.systems import PACKAGES, SYSTEMS
from benchmarks.quality.model import build_pipeline, make_model_system
from benchmarks.quality.page import format_model_page, format_page
from benchmarks.quality.peers import make_peer_systems
from benchmarks.quality.scores import SetScores, score_set
from benchmarks.quality.sets import TestSet, read_set
from benchmarks.quality.store import Store
from benchmarks.quality.systems import System, make_baselines
from benchmarks.quality.variants import make_variants
from scripts.corpora import find_corpora
from scripts.names import read_names


def measure(systems: list[System], sets: list[TestSet], store: Store) -> list[SetScores]:
    """Run the systems where that has not been done, each on all sets in turn."""
    results = {test_set.name: {} for test_set in sets}
    for system in tqdm(systems, desc="systems"):
        for test_set in filter(system.takes, sets):
            result = store.find(system, test_set)
            if result is not None:
                results[test_set.name][system.name] = result
        missing = [
            test_set
            for test_set in filter(system.takes, sets)
            if system.name not in results[test_set.name]
        ]
        if missing:
            with system.open() as choose:
                for test_set in tqdm(missing, desc=system.name, leave=False):
                    result = store.add(system, test_set, choose(test_set))
                    results[test_set.name][system.name] = result
    return [score_set(test_set, results[test_set.name]) for test_set in sets]


def choose_systems(systems: list[System], wanted: str) -> list[System]:
    """Those asked for by name, with commas; all if none is.

    RAISES: typer.BadParameter if there is no such system.
    """
    names = read_names(wanted, [system.name for system in systems])
    return [system for system in systems if not names or system.name in names]


def main(
    data: Path = typer.Argument(..., exists=True, file_okay=False, help="Data directory"),
    model: str = typer.Option("xx_bertsum_mini", help="Model name, model directory or pipeline"),
    split: str = "test",
    limit: int = typer.Option(150, help="Documents of each set; 0 for all"),
    output: Path | None = typer.Option(None, help="Markdown file for the tables"),
    plot: Path | None = typer.Option(None, help="PNG or SVG file for a figure of model and peers"),
    peers: bool = typer.Option(True, help="Compare with other summarizers"),
    systems: str = typer.Option("", help="Only these other systems, by name, with commas"),
    peer_seconds: float = typer.Option(300, help="CPU seconds that one may take for a set"),
    peers_directory: Path = typer.Option(Path("build/peers"), help="For their environment"),
    store: Path = typer.Option(Path("build/quality"), help="For the results of all systems"),
) -> None:
    nlp = build_pipeline(model)
    lead, random, oracle = make_baselines()
    ours = make_model_system(nlp, model)
    others = []
    if peers:
        others = make_peer_systems(Peers(peers_directory), peer_seconds)
        others = choose_systems([random, *others, *make_variants(nlp, model)], systems)
    names = [system.name for system in others]
    shown = [name for name in names if name in SYSTEMS]
    if plot is not None and not shown:
        raise typer.BadParameter("--plot shows the best of other summarizers, and there are none")
    corpora = find_corpora(data, split)
    if not corpora:
        raise typer.BadParameter(f"{data} has no set with the split {split}")
    sets = [read_set(nlp, corpus, limit or None) for corpus in tqdm(corpora, desc="sets")]
    scores = measure([lead, oracle, ours, *others], sets, Store(store))

    command = f"python -m benchmarks.quality DATA --model {model} --split {split} --limit {limit}"
    title = f"Quality: {model}, {split} split"
    if not others:
        origin = describe_origin(f"{command} --no-peers")
        publish(format_model_page(scores, title, origin), output)
        return
    command += f' --systems "{systems}"' * bool(systems) + f" --peer-seconds {peer_seconds:g}"
    page = format_page(scores, names, title, describe_origin(command), read_pins(PACKAGES))
    publish(page, output)
    if plot is not None:
        # Not at the top: it needs matplotlib, which a model alone is measured without.
        from benchmarks.quality.plot import plot_closed

        plot_closed(plot, scores, shown)


def describe_origin(command: str) -> str:
    return (
        f"{describe_run()}. Mean of ROUGE-1, ROUGE-2 and ROUGE-L F1 × 100; n = sentences chosen. "
        f"Command: `{command}`"
    )


if __name__ == "__main__":
    typer.run(main)

"""The zero-shot matrix: heads trained on one language, or on all but one, tested on every language.

    python -m benchmarks.zero_shot WORK --output docs/zero-shot.md --plot docs/zero-shot.png

WORK is the directory of the workflow `mini`, with documents and vectors of the splits train and
test. Each head is trained from scratch, with the encoder frozen. Runs that are done are kept.
"""

from collections.abc import Iterator
from pathlib import Path

import typer
from tqdm import tqdm

from benchmarks.page import describe_run, publish
from benchmarks.zero_shot.matrix import AS_SHIPPED, FEATURES, INPUTS, Row, average_languages
from benchmarks.zero_shot.page import format_page
from benchmarks.zero_shot.plot import plot_matrix
from scripts.mini.encoded import blank
from scripts.mini.fit import fit_once, load_more, load_sets
from scripts.mini.languages import load_offsets
from scripts.names import read_names

LANGUAGES = "en,fr,vi,id,zh,ar,th"
# It learns twice as fast as a recurrent one.
HEAD = "fine_grained"


def choose_languages(languages: list[str], alone: bool) -> Iterator[tuple[str, list[str]]]:
    """The rows of the matrix: a name, and the languages of the training documents."""
    yield "all of them", languages
    for lang in languages if alone else ():
        yield f"{lang} alone", [lang]
    for lang in languages:
        yield f"all but {lang}", [other for other in languages if other != lang]


def choose_inputs(wanted: str) -> list[str]:
    """The parts of the page, in its order.

    RAISES: typer.BadParameter if there is no such part.
    """
    names = read_names(wanted, INPUTS)
    return [inputs for name, inputs in INPUTS.items() if name in names]


def main(
    work: Path = typer.Argument(..., exists=True, help="Holds prepared/ and the vectors"),
    vectors: str = typer.Option("vectors", help="Folder of the vectors in WORK"),
    languages: str = typer.Option(LANGUAGES, help="Of the training documents"),
    steps: int = 400,
    head: str = typer.Option(HEAD, help="A layer of scripts/mini/layers.py"),
    regret: float = typer.Option(0.0, help="Cost of ROUGE lost to LEAD, above ROUGE won"),
    alone: bool = typer.Option(True, help="Train heads on one language, too"),
    inputs: str = typer.Option("vectors,features", help=f"With commas: {', '.join(INPUTS)}"),
    moved: Path | None = typer.Option(
        None, exists=True, help="For shipped: what scripts.mini.languages has written"
    ),
    also: Path | None = typer.Option(
        None, exists=True, help="For shipped: another WORK, with passages of running text"
    ),
    output: Path | None = typer.Option(None, help="Markdown file"),
    plot: Path | None = typer.Option(None, help="PNG file of the heat map"),
) -> None:
    parts = choose_inputs(inputs)
    if AS_SHIPPED in parts and (moved is None or also is None):
        raise typer.BadParameter("--inputs shipped takes --moved and --also")
    # What is missing is told before the many documents of WORK are read.
    running_text = {} if also is None else load_more(also, vectors)
    seen = languages.split(",")
    folder = work / "zero_shot"
    folder.mkdir(exist_ok=True)
    train_sets, test, validation = load_sets(work, vectors, "test")
    missing = [lang for lang in seen if not any(name.endswith(f".{lang}") for name in train_sets)]
    if missing:
        raise typer.BadParameter(f"{work} has no training documents in {', '.join(missing)}")
    offsets = None if moved is None else load_offsets(moved)
    rows = []
    for part in parts:
        if part == FEATURES:
            train_sets, test = blank(train_sets, "vectors"), blank(test, "vectors")
        as_shipped = part == AS_SHIPPED
        choice = choose_languages(seen, alone and not as_shipped)
        for name, trained_on in tqdm(list(choice), desc=part):
            about = f"{vectors} {part} {'+'.join(trained_on)} {head} {regret:g} {steps}"
            sets = {
                set_name: documents
                for set_name, documents in train_sets.items()
                if set_name.rpartition(".")[2] in trained_on
            }
            standing = fit_once(
                folder / f"{about}.json".replace(" ", "_"),
                *(sets | running_text if as_shipped else sets, test, validation),
                steps=steps,
                head=head,
                regret=regret,
                offsets=offsets if as_shipped else None,
            )
            rows.append(Row(part, name, tuple(trained_on), average_languages(standing.shares)))
    command = f"python -m benchmarks.zero_shot WORK --vectors {vectors} --languages {languages}"
    command += f" --steps {steps} --head {head} --regret {regret:g}"
    command += "" if alone else " --no-alone"
    command += f" --inputs {inputs}"
    if AS_SHIPPED in parts:
        command += " --moved WORK/languages_2.pt --also WORK/running_text"
    origin = f"{describe_run()}. Command: `{command}`"
    publish(format_page(rows, seen, origin, plot), output)
    if plot is not None:
        plot_matrix(plot, rows, seen)


if __name__ == "__main__":
    typer.run(main)

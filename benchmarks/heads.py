"""What the parts of the embedded model give: its head, inputs, loss and documents, one taken away
at a time.

    python -m benchmarks.heads WORK --output benchmarks/results/heads.md

WORK is the directory of the workflow `mini`, with documents and vectors of the splits train and
test. Each head is trained from scratch, in the same number of steps, with the encoder frozen. Rows
that are done are kept.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy
import typer
from tqdm import tqdm

from benchmarks.page import describe_run, publish
from scripts.mini.encoded import blank
from scripts.mini.fit import RATE, REGRET, Sets, fit_once, load_sets
from scripts.mini.layers import FINAL
from scripts.mini.validation import Standing

# Languages that only one set has training documents in, software documentation.
TRANSFER = ("es", "it", "ja", "ko", "nl", "pl", "pt", "tr")
# Sets whose licences, as stated, allow commercial use.
PERMISSIVE = (
    *("ectsum", "fredsum", "indosum", "klexikon"),
    *("msdocs_dyn365", "orangesum", "scitldr", "thaigov_headline"),
)
# A layer without hidden ones needs larger steps to get anywhere in so few.
LINEAR_RATE = 2e-2


@dataclass(frozen=True)
class Variant:
    """One row.

    head: The layer; rate: how fast it learns.
    without: "vectors" or "features", what it does not see.
    only: The sets it is trained on; None: all.
    without_languages: What it is not trained on.
    """

    name: str
    head: str = FINAL
    rate: float = RATE
    without: str | None = None
    rouge_weight: float = 1.0
    regret: float = REGRET
    only: tuple[str, ...] | None = None
    without_languages: tuple[str, ...] = ()
    in_disguise: bool = True

    def choose(self, sets: Sets) -> Sets:
        """Its training documents."""
        return {
            name: [one for one in documents if self.in_disguise or not one.in_disguise]
            for name, documents in sets.items()
            if self.only is None or name.split(".")[0] in self.only
            if name.rpartition(".")[2] not in self.without_languages
        }


VARIANTS = (
    Variant("RecurrentHead of two layers, all of it"),
    Variant("RecurrentHead of one layer", head="recurrent"),
    Variant("FineGrained", head="fine_grained"),
    Variant("InterSentenceTransformer", head="transformer"),
    Variant("LinearHead", head="linear", rate=LINEAR_RATE),
    Variant("cross-entropy alone, no ROUGE", rouge_weight=0.0),
    Variant("ROUGE lost to LEAD costs no more than won", regret=0.0),
    Variant("no documents in disguise", in_disguise=False),
    Variant("no documents in " + " ".join(TRANSFER), without_languages=TRANSFER),
    Variant("sets for commercial use alone", only=PERMISSIVE),
    Variant("without vectors", without="vectors"),
    Variant(
        "logistic regression on the features",
        head="linear",
        rate=LINEAR_RATE,
        without="vectors",
        rouge_weight=0.0,
    ),
    Variant("without features", without="features"),
)


def format_row(name: str, standing: Standing) -> str:
    transfer = [v for n, v in standing.shares.items() if n.rpartition(".")[2] in TRANSFER]
    cells = [f"{share:.2f}" for share in standing.means]
    cells += [f"{share:.2f}" for share in numpy.mean(transfer, axis=0)] if transfer else ["–", "–"]
    cells += [str(n) for n in standing.behind]
    return f"| {name} | {' | '.join(cells)} |"


def format_table(rows: dict[str, Standing], n_sets: int) -> str:
    transfer = f"{len(TRANSFER)} languages"
    head = ["head", "closed", "closed (chars)", transfer, f"{transfer} (chars)"]
    head += [f"below LEAD, of {n_sets}", "below LEAD (chars)"]
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    return "\n".join([*lines, *(format_row(*row) for row in rows.items())])


def main(
    work: Path = typer.Argument(..., exists=True, help="Holds prepared/ and the vectors"),
    vectors: str = typer.Option("vectors", help="Folder of the vectors in WORK"),
    steps: int = 400,
    output: Path | None = typer.Option(None, help="Markdown file"),
) -> None:
    folder = work / "heads"
    folder.mkdir(exist_ok=True)
    sets, test, validation = load_sets(work, vectors, "test")
    rows = {}
    variants = [variant for variant in VARIANTS if variant.choose(sets)]
    for variant in tqdm(variants, desc="heads"):
        chosen, tested = variant.choose(sets), test
        if variant.without is not None:
            chosen, tested = blank(chosen, variant.without), blank(test, variant.without)
        rows[variant.name] = fit_once(
            folder / f"{vectors} {variant.name} {steps}.json".replace(" ", "_"),
            chosen,
            tested,
            validation,
            steps=steps,
            head=variant.head,
            rate=variant.rate,
            rouge_weight=variant.rouge_weight,
            regret=variant.regret,
        )
    publish(
        "# Heads of the embedded model, compared\n\n"
        f"{describe_run()}. Command: `python -m benchmarks.heads WORK --vectors {vectors} "
        f"--steps {steps}`\n\n"
        f"Heads trained from scratch in {steps} steps, on the vectors of the frozen encoder; test "
        "documents. **closed**: the share of the way from LEAD to the greedy oracle, by sentences "
        "and by characters, the mean over sets, languages of a set as one. The oracle takes as "
        "many sentences as a head does, where that of `benchmarks.quality` stops when no more is "
        "won: of sets with long references shares are larger here. The encoder has been trained "
        "before, together with heads, on all sets and languages.\n\n"
        f"The {len(TRANSFER)} languages are {', '.join(TRANSFER)}.\n\n"
        f"{format_table(rows, len(test))}\n",
        output,
    )


if __name__ == "__main__":
    typer.run(main)

"""``python -m spacy bertsum compress``: a pipeline that is smaller and faster."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from typer import Argument, BadParameter, Option
from wasabi import Printer

from .documents import Unreadable, find_files, read
from .pipelines import EMBEDDED, load_pipeline, make_pipeline

if TYPE_CHECKING:
    from ..compression.pipeline import Size


def compress_cli(
    model: Annotated[
        str,
        Argument(
            help="Name or path of a pipeline with a component bertsum, or xx_bertsum_mini, the "
            "model that comes with the package"
        ),
    ],
    output: Annotated[Path, Argument(help="Directory for the new pipeline", file_okay=False)],
    quantize: Annotated[
        Literal["int8"] | None, Option(help="Weights and activations in 8-bit integers")
    ] = None,
    prune_heads: Annotated[
        float, Option(help="Share of the attention heads to remove, 0 to below 1")
    ] = 0.0,
    drop_layers: Annotated[int, Option(help="Number of layers to remove")] = 0,
    prune_vocab: Annotated[
        list[Path] | None,
        Option(
            help="Text files, JSONL files or directories of these, in the languages to keep: word "
            "pieces that they don't need are removed. Can be given several times"
        ),
    ] = None,
    texts: Annotated[
        list[Path] | None,
        Option(
            help="Documents like those to be summarized, in the same forms: heads, layers and the "
            "range of activations are measured on them, and not on random word pieces"
        ),
    ] = None,
    overwrite: Annotated[bool, Option("--overwrite", help="Replace the output directory")] = False,
) -> None:
    """
    Make the encoder of a pipeline smaller and faster. The new pipeline loads with
    spacy.load like any other. One that was only pruned can be trained further,
    which makes up for part of the loss; one in int8 can't.
    """
    # torch takes seconds to import, which no other command should wait for.
    from ..compression.pipeline import Compression, compress, measure
    from ..training.checkpoint import replace_directory

    printer = Printer()
    try:
        if output.exists() and any(output.iterdir()) and not overwrite:
            raise ValueError(f"'{output}' is not empty: --overwrite replaces it")
        kept = None if prune_vocab is None else list(_read_texts(prune_vocab))
        compression = Compression(kept, drop_layers, prune_heads, quantize == "int8")
        samples = None if texts is None else list(_read_texts(texts))
        output.parent.mkdir(parents=True, exist_ok=True)
        nlp = make_pipeline() if model == EMBEDDED else load_pipeline(model)
        before = measure(nlp)
        for line in compress(nlp, compression, samples):
            printer.info(line)
    except (ValueError, OSError) as error:
        raise BadParameter(str(error)) from error
    replace_directory(output, nlp.to_disk)
    _print_sizes(printer, before, measure(nlp))
    printer.good(f"Saved '{output}'")


def _read_texts(paths: list[Path]) -> Iterator[str]:
    for path in find_files(paths):
        for entry in read(path):
            if isinstance(entry, Unreadable):
                raise ValueError(f"{entry.place}: {entry.reason}")
            yield entry.text


def _print_sizes(printer: Printer, before: "Size", after: "Size") -> None:
    rows = [
        ("megabytes", f"{before.n_bytes / 1e6:.1f}", f"{after.n_bytes / 1e6:.1f}"),
        ("parameters", f"{before.n_parameters:,}", f"{after.n_parameters:,}"),
        ("word pieces", f"{before.n_pieces:,}", f"{after.n_pieces:,}"),
    ]
    if before.n_layers:
        rows += [
            ("layers", str(before.n_layers), str(after.n_layers)),
            ("heads", str(before.n_heads), str(after.n_heads)),
        ]
    printer.table(rows, header=("encoder", "before", "after"), aligns=("l", "r", "r"))

"""Arguments and options that several commands have."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

Inputs = Annotated[
    list[Path],
    Argument(
        metavar="INPUT",
        help="Text files (one document each), JSONL files (one document a line), directories "
        "of .txt and .jsonl files, or - for standard input",
    ),
]
Lang = Annotated[
    str | None,
    Option(
        "--lang",
        "-l",
        help="Language code of the documents; found for each if not given. A JSONL record's "
        "own 'lang' goes before",
    ),
]
Pipeline = Annotated[
    str | None,
    Option(
        "--model",
        "-m",
        help="Name or path of a pipeline with a component bertsum; the multilingual model of "
        "the package if not given",
    ),
]
Output = Annotated[
    Path | None,
    Option(
        "--output",
        "-o",
        help="JSONL file to write to. If it exists, documents that it has are skipped unless they "
        "have changed, and new ones appended",
        dir_okay=False,
    ),
]
Overwrite = Annotated[bool, Option("--overwrite", help="Start the output file afresh")]
AsJsonl = Annotated[
    bool, Option("--jsonl", help="Read standard input, and files of any name, as JSONL")
]
TextField = Annotated[str, Option(help="Field of the text in JSONL")]

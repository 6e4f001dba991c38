"""The commands ``python -m spacy bertsum …``, one file each; this module is their register.

spaCy imports it for every command of its own, so a command's module imports transformers only
when the command runs.
"""

import typer
from spacy.cli import app as spacy_app

from .summarize import summarize_cli

HELP = "Summarize documents with the component bertsum."

app = typer.Typer(name="bertsum", help=HELP, no_args_is_help=True, rich_markup_mode=None)
app.command("summarize", no_args_is_help=True)(summarize_cli)

spacy_app.add_typer(app)

"""The commands ``python -m spacy bertsum …``, one file each; this module is their register.

spaCy imports it for every command of its own, so a command's module imports transformers only
when the command runs.
"""

import typer
from spacy.cli import app as spacy_app

from .compress import compress_cli
from .convert import convert_cli
from .explain import explain_cli
from .summarize import summarize_cli
from .train import CONTEXT_SETTINGS, train_cli

HELP = "Summarize documents with the component bertsum, explain what it chooses, and train it."

app = typer.Typer(name="bertsum", help=HELP, no_args_is_help=True, rich_markup_mode=None)
app.command("summarize", no_args_is_help=True)(summarize_cli)
app.command("explain", no_args_is_help=True)(explain_cli)
app.command("convert", no_args_is_help=True)(convert_cli)
app.command("compress", no_args_is_help=True)(compress_cli)
app.command("train", no_args_is_help=True, context_settings=CONTEXT_SETTINGS)(train_cli)

spacy_app.add_typer(app)

"""Names on a command line, with commas between them."""

from collections.abc import Collection

import typer


def read_names(text: str, known: Collection[str]) -> list[str]:
    """Those that are named, none if none is.

    RAISES: typer.BadParameter if one of them is not known.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise typer.BadParameter(f"No {', '.join(unknown)}. There are: {', '.join(known)}")
    return names

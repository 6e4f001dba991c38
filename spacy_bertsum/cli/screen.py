"""Results printed to standard output, where `Results` would write them to a file."""

import sys
from collections.abc import Callable, Iterable
from typing import Any

from tqdm import tqdm
from wasabi import Printer

from .documents import Document


class Screen:
    """Prints records: wrapped in a terminal, in one line elsewhere."""

    def __init__(self, print_record: Callable[[Printer, dict[str, Any]], None]) -> None:
        # Windows pipes, for one, have code pages that few scripts fit into.
        sys.stdout.reconfigure(errors="replace")
        self._printer = Printer(pretty=sys.stdout.isatty())
        self._print_record = print_record

    def is_done(self, document: Document) -> bool:
        return False

    def write(self, records: Iterable[dict[str, Any]]) -> None:
        with tqdm.external_write_mode(sys.stdout):
            for record in records:
                self._print_record(self._printer, record)

    def close(self) -> None:
        sys.stdout.flush()

"""Rows as CSV that a spreadsheet opens without running anything.

Owns the one way to write CSV. Names in a report come from requests: whoever holds a
publishable key sends keys of contexts and their values.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence

Cell = str | float | None
_FORMULAS = (*"=+-@\t\r\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a formula begins; the last four are the full-width forms of the first."""
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Return a header and rows as CSV; None is an empty cell.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    Numbers stay as they are.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    for row in rows:
        writer.writerow([_harmless(cell) for cell in row])
    return text.getvalue()


def _harmless(cell: Cell) -> Cell:
    if isinstance(cell, str) and cell.startswith(_FORMULAS):
        return cell if _NUMBER.fullmatch(cell) else f"'{cell}"
    return cell

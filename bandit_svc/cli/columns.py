"""How commands print rows of text.

Owns the alignment of columns and the form of a moment in time.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import click


def columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Give each row as a line, columns as wide as their widest cell."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def echo_rows(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns."""
    for line in columns(rows):
        click.echo(line)


def moment(at_ms: int | None) -> str:
    """Give milliseconds since the epoch as a person reads them; "-" for None."""
    if at_ms is None:
        return "-"
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%SZ}"

"""Rows of text in columns.

Owns the alignment of columns and the form of a moment in time.
"""

from collections.abc import Iterator, Sequence

import click

from bandit_svc.domain.times import to_the_second


def columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield each row as a line, columns as wide as their widest cell."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def echo_rows(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns."""
    for line in columns(rows):
        click.echo(line)


def moment(at_ms: int | None) -> str:
    """Return an instant in UTC to the second; "-" for None."""
    return "-" if at_ms is None else to_the_second(at_ms) + "Z"

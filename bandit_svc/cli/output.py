"""Where a command's result goes.

Owns the choice between standard output and a file.
"""

from pathlib import Path

import click

from bandit_svc.errors import InvalidInput


def emit(text: str, out: Path | None) -> None:
    """Print a result, or write it to a file and print nothing.

    Raises:
        InvalidInput: the file can't be written.
    """
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise InvalidInput(f"{out} can't be written: {error.strerror}") from error

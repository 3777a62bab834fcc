"""Where a command's result goes.

Owns the choice between standard output and a file, and how JSON is written.
"""

from pathlib import Path

import click
import msgspec

from bandit_svc.errors import InvalidInput


def as_json(result: object) -> str:
    """Write a result as JSON for people and programs."""
    encoded = msgspec.json.encode(result)
    return msgspec.json.format(encoded, indent=2).decode() + "\n"


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

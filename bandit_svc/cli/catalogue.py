"""The list of all commands and their options, for whoever must name them all.

Owns the walk over the tree of commands. A test compares it with the README.
"""

from collections.abc import Iterator

import click


def every_command(
    root: click.Group, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, click.Command]]:
    """Yield each command that can be run, by its words ("keys create")."""
    for name, command in root.commands.items():
        words = (*path, name)
        if isinstance(command, click.Group):
            yield from every_command(command, words)
        else:
            yield " ".join(words), command


def options_of(command: click.Command) -> Iterator[click.Option]:
    """Yield a command's own options, without --help."""
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield parameter

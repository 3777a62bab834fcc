"""Texts with a NUL, which SQLite keeps and a PostgreSQL server refuses.

Owns what stands in their place, everywhere: a text that is looked for is found under
what it was kept as. Nobody looks at each text for it before one was met, and one that
came in a batch takes its transaction with it: the next try keeps it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg

NUL: Final = "\x00"
INSTEAD: Final = "\N{REPLACEMENT CHARACTER}"
_SAYS: Final = "0x00"

Values = Sequence[Any]
Given = Values | Mapping[str, object]

_met: list[bool] = []
"""Not empty once this process has met one."""


def is_of_nul(error: psycopg.DataError) -> bool:
    """Return whether a text was refused for a NUL; from now on they are looked for."""
    found = _SAYS in str(error)
    if found:
        _met.append(True)
    return found


def sendable(given: Given) -> Given:
    """Return values as the server takes them."""
    if not _met:
        return given
    if isinstance(given, Mapping):
        return {name: _sendable(value) for name, value in given.items()}
    return [_sendable(value) for value in given]


def sendable_rows(rows: Sequence[Values]) -> Sequence[Values]:
    """Return the values of many rows as the server takes them."""
    if not _met:
        return rows
    return [[_sendable(value) for value in row] for row in rows]


def _sendable(value: object) -> object:
    return value.replace(NUL, INSTEAD) if isinstance(value, str) else value

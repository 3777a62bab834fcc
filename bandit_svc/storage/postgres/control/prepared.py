"""A new connection, set up as statements of the embedded store need it.

Owns the session's settings, and how values of Python and of the server become each
other.
"""

from typing import Any, Final

import psycopg
from psycopg import sql as names
from psycopg.abc import Buffer
from psycopg.adapt import Dumper, Loader

IDLE_S: Final = 30
PREPARED: Final = 1_000
"""Statements that a connection keeps prepared: all that a learner uses."""


class _FlagDumper(Dumper):
    """Flags are numbers in every store."""

    oid = psycopg.adapters.types["int2"].oid

    def dump(self, obj: object) -> bytes:
        """Return 0 or 1."""
        return b"1" if obj else b"0"


class _SumLoader(Loader):
    """The sum of whole numbers is one, which the server gives as a decimal number."""

    def load(self, data: Buffer) -> int | float:
        """Return a number as SQLite would."""
        text = bytes(data)
        return float(text) if b"." in text else int(text)


def prepare(plain: "psycopg.Connection[Any]", schema: str, busy_s: int) -> None:
    """Set up a new connection."""
    plain.adapters.register_dumper(bool, _FlagDumper)
    plain.adapters.register_loader("numeric", _SumLoader)
    # As each statement comes again and again.
    plain.prepare_threshold = 1
    plain.prepared_max = PREPARED
    for name, value in (
        ("search_path", schema),
        ("lock_timeout", f"{busy_s}s"),
        ("idle_in_transaction_session_timeout", f"{IDLE_S}s"),
        # Pages that are used every day are in memory; else the server would sooner walk
        # over a table than look for some hundred rows of it.
        ("random_page_cost", "1.1"),
        # Segments of the event log are deleted after a commit.
        ("synchronous_commit", "on"),
    ):
        plain.execute(
            names.SQL("SET {} = {}").format(
                names.Identifier(name), names.Literal(value)
            )
        )

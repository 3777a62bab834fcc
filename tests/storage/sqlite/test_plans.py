"""No statement of every day walks over a table that grows with decisions."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tests.harness.service import Service
from tests.harness.stored.plans import walks_of_embedded
from tests.harness.stored.whole_world import live, play_world

BIG = frozenset(
    {
        *("decisions", "rewards", "joined", "activations"),
        *("units", "unit_states", "sticky_choices"),
    }
)


class Traced:
    """The statements of this thread's connections.

    A hook stays for as long as the process, and does nothing later.
    """

    def __init__(self) -> None:
        self.statements: set[str] = set()
        self._opened: list[sqlite3.Connection] = []
        self._collects = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        # It is not ready to be traced yet.
        if self._collects and event == "sqlite3.connect/handle":
            (connection,) = arguments
            assert isinstance(connection, sqlite3.Connection)
            self._opened.append(connection)

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Collect the connections that the block opens."""
        self._collects = True
        yield
        self._collects = False

    def trace(self) -> None:
        """Hear of the statements of the connections that are open."""
        for connection in self._opened:
            with suppress(sqlite3.ProgrammingError):
                # Not of one that is closed, or is another thread's.
                connection.set_trace_callback(self.statements.add)


def test_no_statement_of_every_day_walks_over_a_big_table(tmp_path: Path) -> None:
    traced = Traced()
    with traced.collecting(), closing(Service(tmp_path, "")) as service:
        service.start()
        play_world(service)
        traced.trace()

        live(service)

    assert len(traced.statements) > 500
    assert walks_of_embedded(tmp_path, traced.statements, BIG) == set()

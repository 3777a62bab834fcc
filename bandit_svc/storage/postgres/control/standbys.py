"""What the standbys of a PostgreSQL server have.

Owns the reading of replication slots and of connected standbys. A slot says what its
standby has, connected or not. Without one only a connected standby is known, and what
it has is shown to members of pg_monitor alone.
"""

from collections import deque
from typing import Final, NamedTuple

from bandit_svc.domain.numbers import counted
from bandit_svc.storage.postgres.database import Database
from bandit_svc.storage.rows import Cursors

_MOST_KEPT: Final = 256
_BEHIND: Final = """
    SELECT pg_current_wal_lsn(), least(
        (SELECT min(restart_lsn) FROM pg_replication_slots
            WHERE slot_type = 'physical' AND NOT temporary),
        (SELECT min(flush_lsn) FROM pg_stat_replication
            WHERE state <> 'backup'))"""
_UNKNOWN: Final = """
    SELECT count(*) FROM pg_stat_replication r
    WHERE state IS DISTINCT FROM 'backup' AND flush_lsn IS NULL AND NOT EXISTS (
        SELECT 1 FROM pg_replication_slots s
        WHERE s.active_pid = r.pid AND slot_type = 'physical')"""


class _Read(NamedTuple):
    """Cursors, and the place in the server's log of changes behind their commit."""

    at: int
    cursors: Cursors


class PostgresStandbys:
    """See storage.control.standbys.Standbys."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._read: deque[_Read] = deque()
        self._covered: Cursors = {}

    def covered(self, cursors: Cursors) -> Cursors:
        """See the interface."""
        with self._database.plain() as plain:
            now, least = plain.execute(_BEHIND).fetchone() or ("0/0", None)
        if least is None:
            self._read.clear()
            return cursors
        at, reached = _number(now), _number(least)
        if len(self._read) == _MOST_KEPT:
            # The newest is covered later than the one that it takes the place of.
            self._read.pop()
        self._read.append(_Read(at, dict(cursors)))
        while self._read and self._read[0].at <= reached:
            self._covered = self._read.popleft().cursors
        return {p: c for p, c in self._covered.items() if p in cursors}

    def faults(self) -> list[str]:
        """See the interface."""
        with self._database.plain() as plain:
            (unknown,) = plain.execute(_UNKNOWN).fetchone() or (0,)
        if not unknown:
            return []
        sentence = (
            f"the PostgreSQL server has {counted(unknown, 'standby')} whose state "
            "can't be seen, so the event log is deleted without regard to that; give "
            "each a physical replication slot, or the store's user the role pg_monitor"
        )
        return [sentence]


def _number(place: str) -> int:
    """Return a place in the server's log of changes as a number."""
    upper, _, lower = place.partition("/")
    return (int(upper, 16) << 32) + int(lower, 16)

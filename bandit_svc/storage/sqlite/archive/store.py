"""The files of the archive, and the rows that they are made of, in SQLite.

Owns the table archived; see storage.archive.archived.Archived.
"""

import hashlib
import sqlite3
from collections.abc import Iterable

import msgspec
from sqlite_utils import Database as UtilsDatabase

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.event import UnreadableEvent
from bandit_svc.domain.limits import DAY_MS
from bandit_svc.domain.times import timestamp
from bandit_svc.storage.archive.archived import ArchivedFile, ArchiveRow, Span
from bandit_svc.storage.archive.below import Below, Besides, Reached
from bandit_svc.storage.rows import JoinedRow
from bandit_svc.storage.sqlite.archive.dropping import (
    begin_drop,
    dropped_position,
    forget_ids,
    position_of_dropped,
    remove_rows,
    rewards_of_span,
)
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.rows.checksums import check_rows
from bandit_svc.storage.sqlite.rows.decisions import StoredDecisions, stored_id
from bandit_svc.storage.sqlite.slots.joined import with_slots
from bandit_svc.storage.sqlite.slots.views import reward_values, rewards_of_decisions

_FILE = "number, first, last, day, rows, size, sha256, source, checked"
_ROWS = """
    SELECT j.position, j.reward, j.learnable, j.counted, d.row_id, d.at_ms, d.id,
        d.logged, j.joined_at_ms, d.closes_after_ms
    FROM sound_joined j JOIN sound_decisions d USING (row_id)
    WHERE j.number = ? AND j.position > ? ORDER BY j.position LIMIT ?"""
_SOURCE = """
    SELECT j.crc, d.crc, s.crc FROM joined j LEFT JOIN decisions d USING (row_id)
    LEFT JOIN joined_slots s USING (row_id)
    WHERE j.number = ? AND j.position >= ? AND j.position <= ? ORDER BY j.position"""

_FORM = "2"
"""Of the columns of a file, and of what its digest covers."""
_REWARDS_AT_ONCE = 2_000

_StoredRow = tuple[int, float, int, int, int, int, bytes, bytes, int, int]


def create_archived(db: UtilsDatabase) -> None:
    """Create the table, in the transaction of a migration."""
    db.execute(
        "CREATE TABLE archived (number INTEGER NOT NULL, first INTEGER NOT NULL,"
        " last INTEGER NOT NULL, day TEXT NOT NULL, rows INTEGER NOT NULL,"
        " size INTEGER NOT NULL, sha256 TEXT NOT NULL, source TEXT NOT NULL,"
        " checked TEXT NOT NULL, PRIMARY KEY (number, first)) WITHOUT ROWID"
    )
    check_rows(db, "archived")


class SqliteArchived:
    """See storage.archive.archived.Archived."""

    def __init__(
        self,
        database: Database,
        decisions: StoredDecisions,
        reached: Reached,
        source: str = _SOURCE,
    ) -> None:
        self._source = source
        self._reached = reached
        self._database = database
        self._decisions = decisions

    def files(self, number: int) -> list[ArchivedFile]:
        """See the interface."""
        with self._database.read() as connection:
            return _files(connection, number)

    def keep(self, file: ArchivedFile) -> None:
        """See the interface."""
        with self._database.write() as connection:
            connection.execute(
                f"INSERT OR REPLACE INTO archived ({_FILE})"  # noqa: S608 - a constant
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                msgspec.structs.astuple(file),
            )

    def due(self, number: int, now_ms: int, most: int) -> Span | None:
        """See the interface."""
        with self._database.read() as connection:
            first, joined_ms, last = _next(connection, number)
            if joined_ms is None:
                return None
            begin, end = _day(joined_ms)
            day = timestamp(begin)[: len("2026-11-28")]
            if last - first + 1 < most and begin <= now_ms < end:
                return None
            # The clock may have been set back: a span ends at the first other day.
            (other,) = connection.execute(
                "SELECT min(position) FROM joined WHERE number = ? AND position > ?"
                " AND position < ? AND NOT (joined_at_ms >= ? AND joined_at_ms < ?)",
                (number, first, first + most, begin, end),
            ).fetchone()
        last = min(last, first + most - 1)
        return Span(first, last if other is None else other - 1, day)

    def waits(self, number: int, now_ms: int, most: int) -> bool:
        """See the interface."""
        with self._database.read() as connection:
            first, joined_ms, last = _next(connection, number)
            if joined_ms is not None:
                begin, end = _day(joined_ms)
                if last - first + 1 >= most or not begin <= now_ms < end:
                    return True
            if first == 1:
                return False
            found = connection.execute(
                "SELECT 1 FROM archived WHERE number = ? AND checked <> ?"
                " AND first > ? LIMIT 1",
                (
                    number,
                    _changes(connection, number),
                    dropped_position(connection, number),
                ),
            )
            return found.fetchone() is not None

    def due_since_ms(self, number: int, now_ms: int) -> int | None:
        """See the interface."""
        with self._database.read() as connection:
            _, joined_ms, _ = _next(connection, number)
        if joined_ms is None:
            return None
        _, end = _day(joined_ms)
        return end if end <= now_ms else None

    def outdated(self, number: int) -> list[ArchivedFile]:
        """See the interface."""
        with self._database.read() as connection:
            now = _changes(connection, number)
            dropped = dropped_position(connection, number)
            return [
                one
                for one in _files(connection, number)
                if one.checked != now and one.first > dropped
            ]

    def rows(self, number: int, position: int, limit: int) -> list[ArchiveRow]:
        """See the interface."""
        with self._database.read() as connection:
            while found := connection.execute(
                _ROWS, (number, position, limit)
            ).fetchall():
                rows = self._readable(connection, found)
                if rows:
                    return rows
                position = found[-1][0]
        return []

    def _readable(
        self, connection: sqlite3.Connection, found: Iterable[_StoredRow]
    ) -> list[ArchiveRow]:
        joined: list[JoinedRow] = []
        row_ids: list[int] = []
        besides: dict[int, tuple[int, int, Besides]] = {}
        read = self._readable_rows(found)
        rewards = rewards_of_decisions(connection, [row[1] for row in read])
        for row, decision in read:
            position, reward, learnable, counted, row_id, at_ms, *_ = row
            joined.append(JoinedRow(position, reward, bool(learnable), decision))
            row_ids.append(row_id)
            kept = Besides(at_ms, row[8], row[9], rewards.get(decision.id, ()))
            besides[position] = counted, at_ms, kept
        return [
            ArchiveRow(row, *besides[row.position])
            for row in with_slots(connection, joined, row_ids)
        ]

    def _readable_rows(
        self, found: Iterable[_StoredRow]
    ) -> list[tuple[_StoredRow, Decision]]:
        read: list[tuple[_StoredRow, Decision]] = []
        for row in found:
            try:
                read.append((row, self._decisions.decode(row[6], row[7])))
            except UnreadableEvent:
                continue
        return read

    def source(self, number: int, first: int, last: int) -> str:
        """See the interface."""
        digest = hashlib.sha256(_FORM.encode())
        with self._database.read() as connection:
            digest.update(_rewards_digest(connection, number, first, last))
            for crcs in connection.execute(self._source, (number, first, last)):
                digest.update(b"".join(crc or b"-" for crc in crcs))
        return digest.hexdigest()

    def changes(self, number: int) -> str:
        """See the interface."""
        with self._database.read() as connection:
            return _changes(connection, number)

    def dropped(self, number: int) -> int:
        """See the interface."""
        with self._database.read() as connection:
            return dropped_position(connection, number)

    def drop(self, file: ArchivedFile) -> bool:
        """See the interface."""
        with self._database.write() as connection:
            if (
                file.first != dropped_position(connection, file.number) + 1
                or file not in _files(connection, file.number)
                or file.checked != _changes(connection, file.number)
                or _are_changes_waiting(connection, file.number)
            ):
                return False
            begin_drop(connection, file.number, file.last)
        return True

    def remove(self, number: int, most: int) -> int:
        """See the interface."""
        with self._database.write() as connection:
            return remove_rows(connection, number, most)

    def dropped_place(self, decision_id: str) -> int | None:
        """See the interface."""
        with self._database.read() as connection:
            return position_of_dropped(connection, stored_id(decision_id))

    def forget_ids(
        self, number: int, before_ms: int, after: bytes, most: int
    ) -> bytes | None:
        """See the interface."""
        with self._database.write() as connection:
            return forget_ids(connection, number, before_ms, after, most)

    def read_below(self, below: Below) -> None:
        """See the interface."""
        self._reached.order = below


def _files(connection: sqlite3.Connection, number: int) -> list[ArchivedFile]:
    rows = connection.execute(
        f"SELECT {_FILE} FROM sound_archived WHERE number = ? ORDER BY first",  # noqa: S608 - a constant
        (number,),
    )
    return [ArchivedFile(*row) for row in rows]


def _next(connection: sqlite3.Connection, number: int) -> tuple[int, int | None, int]:
    """Return the next position to archive, when it was joined, and the last one."""
    (archived,) = connection.execute(
        "SELECT coalesce(max(last), 0) FROM sound_archived WHERE number = ?", (number,)
    ).fetchone()
    row = connection.execute(
        "SELECT joined_at_ms FROM joined WHERE number = ? AND position = ?",
        (number, archived + 1),
    ).fetchone()
    (last,) = connection.execute(
        "SELECT coalesce(max(position), 0) FROM joined WHERE number = ?", (number,)
    ).fetchone()
    return archived + 1, None if row is None else row[0], last


def _changes(connection: sqlite3.Connection, number: int) -> str:
    (learned,) = connection.execute(
        "SELECT learned FROM sound_correction_states WHERE number = ?", (number,)
    ).fetchone() or (0,)
    erasures = connection.execute(
        "SELECT coalesce(max(sequence), 0), count(*) FILTER (WHERE done = 0)"
        " FROM erasures"
    ).fetchone()
    return f"{_FORM}:{learned}:{erasures[0]}:{erasures[1]}"


def _are_changes_waiting(connection: sqlite3.Connection, number: int) -> bool:
    """Return whether corrections or an erasure are still to be followed."""
    found = connection.execute(
        "SELECT 1 FROM correction_states WHERE number = ? AND wanted > learned"
        " UNION ALL SELECT 1 FROM erasures WHERE done = 0",
        (number,),
    )
    return found.fetchone() is not None


def _rewards_digest(
    connection: sqlite3.Connection, number: int, first: int, last: int
) -> bytes:
    """Return a digest of all rewards of joined positions, late ones too."""
    digest = hashlib.sha256()
    while first <= last:
        reached, ids = rewards_of_span(
            connection, number, first, last, _REWARDS_AT_ONCE
        )
        if not reached:
            break
        for row in reward_values(connection, [id_ for (id_,) in ids]):
            digest.update(repr(row).encode())
        first = reached + 1
    return digest.digest()


def _day(at_ms: int) -> tuple[int, int]:
    """Return when the day of a time begins and ends, in UTC."""
    begin = at_ms - at_ms % DAY_MS
    return begin, begin + DAY_MS

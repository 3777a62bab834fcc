"""How far the sources and the nodes of a stream have been read, in SQLite.

Owns the tables source_cursors and source_marks. The caller owns the transaction, which
is that of the facts.
"""

import sqlite3
from collections.abc import Collection

from sqlite_utils import Database as UtilsDatabase

from bandit_svc.domain.events.cursor import START, Cursor
from bandit_svc.domain.stream.mark import Mark
from bandit_svc.domain.stream.progress import Place, Progress, Taken
from bandit_svc.errors import Unavailable
from bandit_svc.storage.rows import Cursors
from bandit_svc.storage.sqlite.rows.checksums import check_rows

_WHERE = "SELECT segment, offset, sequence FROM sound_cursors WHERE partition = ?"
_MOVE = """UPDATE cursors SET segment = ?, offset = ?, sequence = ?
    WHERE partition = ? AND segment = ? AND offset = ?"""
_BEGIN = "INSERT INTO cursors VALUES (?, ?, ?, ?, NULL)"


def create_progress(db: UtilsDatabase) -> None:
    """Create the tables, in the transaction of a migration."""
    db.execute(
        "CREATE TABLE source_cursors (partition TEXT NOT NULL, source TEXT NOT NULL,"
        " segment INTEGER NOT NULL, offset INTEGER NOT NULL, sequence INTEGER NOT NULL,"
        " resumes INTEGER NOT NULL,"
        " PRIMARY KEY (partition, source)) WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE source_marks (partition TEXT NOT NULL, node TEXT NOT NULL,"
        " mark_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL, state TEXT NOT NULL,"
        " ahead_ms INTEGER NOT NULL, chain INTEGER NOT NULL, number INTEGER NOT NULL,"
        " PRIMARY KEY (partition, node)) WITHOUT ROWID"
    )
    check_rows(db, "source_cursors")
    check_rows(db, "source_marks")


def keep_progress(
    connection: sqlite3.Connection, cursors: Cursors, progress: Progress
) -> None:
    """Move cursors on from where they were, and keep what goes with them.

    Raises:
        Unavailable: another process has moved one.
    """
    for partition, cursor in cursors.items():
        _move(connection, partition, progress.was[partition], cursor)
    connection.executemany(
        "INSERT OR REPLACE INTO source_cursors VALUES (?, ?, ?, ?, ?, ?, NULL)",
        [
            (*place, *taken.cursor, int(taken.resumes))
            for place, taken in progress.sources.items()
        ],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO source_marks VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)",
        [(*place, *mark) for place, mark in progress.marks.items()],
    )


def _move(
    connection: sqlite3.Connection, partition: str, was: Cursor, cursor: Cursor
) -> None:
    found = connection.execute(_WHERE, [partition]).fetchone()
    if found is None and was == START:
        connection.execute(_BEGIN, (partition, *cursor))
        return
    # Again in the condition: a server lets another one write between the two.
    moved = connection.execute(_MOVE, (*cursor, partition, *was[:2])).rowcount
    if found is None or tuple(found) != was or moved != 1:
        raise Unavailable(
            f"partition {partition} of the stream was read by another process "
            "meanwhile; nothing of this batch is kept, and reading goes on there"
        )


def read_sources(
    connection: sqlite3.Connection, partitions: Collection[str]
) -> dict[Place, Taken]:
    """Return up to where the sources of partitions were taken."""
    rows = connection.execute(
        "SELECT partition, source, segment, offset, sequence, resumes"
        " FROM sound_source_cursors"
    ).fetchall()
    return {
        (partition, source): Taken(Cursor(*cursor), bool(resumes))
        for partition, source, *cursor, resumes in rows
        if partition in partitions
    }


def read_marks(connection: sqlite3.Connection) -> dict[Place, Mark]:
    """Return what the nodes have last said, in all partitions."""
    rows = connection.execute(
        "SELECT partition, node, mark_ms, seen_ms, state, ahead_ms, chain,"
        " number FROM sound_source_marks"
    ).fetchall()
    return {(partition, node): Mark(*mark) for partition, node, *mark in rows}

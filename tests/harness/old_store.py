"""A store of an earlier version, made of one of today's.

Owns the way back: the tables as they were before rows had checksums, with every
decision as its line of JSON.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import sqlite_utils

from bandit_svc.domain.events.event import encode_event
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.rows.decisions import StoredDecisions, shown_id
from bandit_svc.storage.sqlite.rows.states import AMBIGUOUS, DEFERRED, JOINED, OPEN
from bandit_svc.storage.sqlite.schema import migrations

OLD_STATES = {DEFERRED: 0, OPEN: 1, JOINED: 2, AMBIGUOUS: 3}
_IDS = {"rewards": "decision_id", "activations": "decision_id"}


def make_old_store(data: Path, *, before: str) -> None:
    """Replace a store by one of the migrations before this one, with its facts."""
    new, old = data / "bandit.db", data / "old.db"
    tables = sqlite_utils.Database(old)
    tables.enable_wal()
    migrations.apply(tables, stop_before=before)
    tables.close()
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.create_function("shown_id", 1, shown_id)
        connection.execute("ATTACH ? AS new", [str(new)])
        _copy(connection)
    with (
        closing(Database(new)) as database,
        closing(sqlite3.connect(old)) as connection,
    ):
        _copy_decisions(database, connection)
        connection.commit()
    for file in data.glob("bandit.db*"):
        file.unlink()
    old.rename(new)


def _copy(connection: sqlite3.Connection) -> None:
    for (table,) in connection.execute(
        "SELECT name FROM main.sqlite_master WHERE type = 'table'"
        " AND name NOT LIKE '%sqlite%' AND name <> 'decisions'"
        # A table that has gone since held nothing in a store of this version.
        " AND name IN (SELECT name FROM new.sqlite_master)"
    ).fetchall():
        names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        columns = ", ".join(f'"{name}"' for name in names)
        values = columns
        if table in _IDS:
            values = columns.replace(f'"{_IDS[table]}"', f"shown_id({_IDS[table]})")
        connection.execute(
            f"INSERT INTO main.{table} ({columns}) SELECT {values} FROM new.{table}"  # noqa: S608 - names from the schema
        )


def _copy_decisions(database: Database, old: sqlite3.Connection) -> None:
    stored = StoredDecisions(database)
    with database.read() as connection:
        rows = connection.execute("SELECT * FROM decisions").fetchall()
    for row_id, raw, number, _, state, at_ms, ready_at_ms, *rule, logged, _ in rows:
        decision = stored.decode(raw, logged)
        exposed = ready_at_ms is not None
        values = (
            *(row_id, decision.id, number, decision.revision),
            *(decision.decided_at_ms, decision.group, decision.variant),
            OLD_STATES[state],
            at_ms if exposed else None,
            at_ms + rule[0] if exposed else None,
            *(ready_at_ms, *rule, encode_event(decision)),
        )
        marks = ", ".join("?" * len(values))
        old.execute(f"INSERT INTO decisions VALUES ({marks})", values)  # noqa: S608 - marks

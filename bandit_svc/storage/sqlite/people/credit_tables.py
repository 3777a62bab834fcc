"""The tables of rewards that name a unit and no decision.

Owns `creditable` (the decisions that such a reward may go to), `unit_rewards` (the
rewards), `credits` (which rows of `rewards` came of them) and `credit_persons` (ids
that are one person). Ids stand in them as hashes under a salt of the store.
"""

import sqlite3
from collections.abc import Mapping

from sqlite_utils import Database

from bandit_svc.domain.experiment import UnitHashes
from bandit_svc.domain.people.credit import Creditable
from bandit_svc.storage.credits import Source
from bandit_svc.storage.sqlite.rows.checksums import check_rows
from bandit_svc.storage.sqlite.rows.counts import add_rows

NEW, QUARANTINED, CREDITED, ELSEWHERE, AHEAD = range(5)
"""States of a reward: not credited yet, counted as quarantined, credited, credited in
another experiment alone; a correction that has come before its reward."""
UNIT, EVENT = range(2)
SOURCES: tuple[Source, ...] = ("unit", "event")
"""Its sources, by number."""
REDRIVE = "credit_redrive"
"""The name in `meta` that asks to look at quarantined rewards again."""
_SALT = "credit_salt"


def create_credit(db: Database) -> None:
    """Create the tables, in the transaction of a migration."""
    db.execute(
        """CREATE TABLE creditable (
            unit INTEGER NOT NULL, number INTEGER NOT NULL, id BLOB NOT NULL,
            exposed_at_ms INTEGER, within_ms INTEGER NOT NULL, shared INTEGER NOT NULL,
            gone_ms INTEGER NOT NULL, crc BLOB,
            PRIMARY KEY (unit, number, id)) WITHOUT ROWID"""
    )
    db.execute("CREATE INDEX creditable_gone ON creditable (gone_ms)")
    db.execute(
        """CREATE TABLE unit_rewards (
            position INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE,
            unit INTEGER NOT NULL, number INTEGER NOT NULL, metric TEXT NOT NULL,
            reward_id TEXT NOT NULL, value REAL NOT NULL, clipped INTEGER NOT NULL,
            occurred_at_ms INTEGER NOT NULL, received_at_ms INTEGER NOT NULL,
            source INTEGER NOT NULL, state INTEGER NOT NULL, conflicts INTEGER NOT NULL)
        """
    )
    db.execute(
        "CREATE INDEX unit_rewards_unit ON unit_rewards (unit, number, occurred_at_ms)"
    )
    db.execute("CREATE INDEX unit_rewards_id ON unit_rewards (reward_id)")
    db.execute(
        "CREATE INDEX unit_rewards_alone ON unit_rewards (received_at_ms)"
        f" WHERE state <> {CREDITED}"
    )
    db.execute(
        """CREATE TABLE credits (
            decision_id BLOB NOT NULL, metric TEXT NOT NULL, reward_id TEXT NOT NULL,
            position INTEGER NOT NULL, source INTEGER NOT NULL,
            PRIMARY KEY (decision_id, metric, reward_id)) WITHOUT ROWID"""
    )
    db.execute("CREATE INDEX credits_position ON credits (position)")
    db.execute(
        "CREATE TABLE credit_persons (unit INTEGER PRIMARY KEY,"
        " person INTEGER NOT NULL)"
    )
    db.execute("CREATE INDEX credit_persons_person ON credit_persons (person)")
    check_rows(db, "creditable", by_writers=True)
    check_rows(db, "unit_rewards", 1)
    check_rows(db, "credits")
    check_rows(db, "credit_persons")
    db.execute(
        "INSERT OR IGNORE INTO meta VALUES (?, lower(hex(randomblob(16))), NULL)",
        [_SALT],
    )


def make_new_salt(connection: sqlite3.Connection) -> None:
    """Draw the salt of the credits anew; of a store that has credited nothing."""
    connection.execute(
        "UPDATE meta SET value = lower(hex(randomblob(16))) WHERE name = ?", [_SALT]
    )


def add_corrections(db: Database) -> None:
    """Keep when a reward was corrected last, in the transaction of a migration."""
    db.execute(
        "ALTER TABLE unit_rewards ADD COLUMN corrected_ms INTEGER NOT NULL DEFAULT 0"
    )
    check_rows(db, "unit_rewards", 1)


def order_alone(db: Database) -> None:
    """Find rewards without a decision by state, in the transaction of a migration."""
    db.execute("DROP INDEX unit_rewards_alone")
    db.execute(
        "CREATE INDEX unit_rewards_alone ON unit_rewards (state, received_at_ms)"
        f" WHERE state <> {CREDITED}"
    )


def unit_hashes(connection: sqlite3.Connection) -> UnitHashes:
    """Return the hashes of ids in these tables."""
    (salt,) = connection.execute(
        "SELECT value FROM sound_meta WHERE name = ?", (_SALT,)
    ).fetchone() or ("",)
    return UnitHashes(salt)


def person_ids(connection: sqlite3.Connection, unit: int) -> list[int]:
    """Return the hashes of all ids of the person of an id, that id included."""
    rows = connection.execute(
        "SELECT unit FROM sound_credit_persons WHERE person ="
        " (SELECT person FROM sound_credit_persons WHERE unit = ?)",
        (unit,),
    ).fetchall()
    return [id_ for (id_,) in rows] or [unit]


def creditable_of(
    connection: sqlite3.Connection, number: int, unit: int
) -> list[Creditable]:
    """Return the exposed decisions of a person, by the hash of any of their ids."""
    found: list[Creditable] = []
    for one in person_ids(connection, unit):
        rows = connection.execute(
            "SELECT id, exposed_at_ms, within_ms, shared FROM sound_creditable"
            " WHERE unit = ? AND number = ? AND exposed_at_ms IS NOT NULL",
            (one, number),
        )
        found += [
            Creditable(id_, exposed_ms, within_ms, bool(shared))
            for id_, exposed_ms, within_ms, shared in rows
        ]
    return found


def any_rows(connection: sqlite3.Connection, table: str) -> bool:
    """Return whether a table has rows."""
    found = connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone()  # noqa: S608 - our own name
    return found is not None


def forget_units(connection: sqlite3.Connection, tokens: Mapping[str, str]) -> int:
    """Forget to whom rewards and decisions belong, in the caller's transaction.

    Rewards that went to a decision stay, so that one that comes again counts once.

    Args:
        connection: in the transaction.
        tokens: what stands in place of each id.

    Returns:
        How many rewards waited for a decision and are gone.
    """
    hashes = unit_hashes(connection)
    waited = 0
    for id_, token in tokens.items():
        unit = hashes.of(id_)
        gone = connection.execute(
            "DELETE FROM creditable WHERE unit = ?", (unit,)
        ).rowcount
        add_rows(connection, "creditable", -gone)
        connection.execute("DELETE FROM credit_persons WHERE unit = ?", (unit,))
        waited += connection.execute(
            "DELETE FROM unit_rewards WHERE unit = ? AND state <> ?", (unit, CREDITED)
        ).rowcount
        connection.execute(
            "UPDATE unit_rewards SET unit = ? WHERE unit = ?", (hashes.of(token), unit)
        )
    return waited

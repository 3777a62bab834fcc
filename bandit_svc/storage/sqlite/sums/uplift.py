"""The uplift's sums of each experiment, and what is known of each of its units.

Owns the tables uplift, unit_states and method_changes. What the bytes say is
services.learning.uplift_sums'. The caller owns the transaction.
"""

import sqlite3
from collections.abc import Collection, Mapping

import msgspec

from bandit_svc.storage.rows import UpliftSums
from bandit_svc.storage.sqlite.rows.checksums import row_crc
from bandit_svc.storage.sqlite.rows.counts import add_rows, are_counted
from bandit_svc.storage.sqlite.rows.due import AMONG, among_of
from bandit_svc.storage.sqlite.sums.drift import add_drift, begin_drift_anew


def create_uplift(connection: sqlite3.Connection) -> None:
    """Create the tables of sums; a part of a migration, so it is never edited."""
    connection.execute("CREATE TABLE uplift (number INTEGER PRIMARY KEY, state BLOB)")
    connection.execute(
        """CREATE TABLE unit_states (
            number INTEGER NOT NULL, unit INTEGER NOT NULL, state BLOB NOT NULL,
            PRIMARY KEY (number, unit)) WITHOUT ROWID"""
    )


def create_method_changes(connection: sqlite3.Connection) -> None:
    """Note the time for experiments that have joined; a part of a migration, too."""
    connection.execute(
        "CREATE TABLE method_changes (number INTEGER PRIMARY KEY, at_ms INTEGER"
        " NOT NULL)"
    )
    connection.execute(
        "INSERT INTO method_changes SELECT DISTINCT number,"
        " CAST(strftime('%s', 'now') AS INTEGER) * 1000 FROM tallies"
    )


def method_changed_at_ms_of(connection: sqlite3.Connection, number: int) -> int | None:
    """Return when the uplift became one by unit; None if it always was."""
    (at_ms,) = connection.execute(
        "SELECT at_ms FROM sound_method_changes WHERE number = ?", (number,)
    ).fetchone() or (None,)
    return at_ms


def uplifts_of(
    connection: sqlite3.Connection, numbers: Collection[int]
) -> dict[int, bytes]:
    """Return the states of those of the experiments that have sums."""
    return dict(
        connection.execute(
            f"SELECT number, state FROM sound_uplift WHERE {AMONG}",  # noqa: S608 - a constant
            among_of(numbers),
        )
    )


def unit_states_of(
    connection: sqlite3.Connection, number: int, units: Collection[int]
) -> Mapping[int, bytes]:
    """Return the states of those of the units that have one."""
    return dict(
        connection.execute(
            "SELECT unit, state FROM sound_unit_states WHERE number = ?"
            " AND unit IN (SELECT value FROM json_each(?))",
            (number, msgspec.json.encode(list(units))),
        )
    )


def keep_uplift(connection: sqlite3.Connection, sums: Mapping[int, UpliftSums]) -> None:
    """Replace the sums of experiments and the units that changed with them."""
    for number, one in sums.items():
        if one.anew:
            _begin_anew(connection, number)
    add_drift(connection, {number: one.contexts for number, one in sums.items()})
    connection.executemany(
        "INSERT OR REPLACE INTO uplift (number, state, position) VALUES (?, ?, ?)",
        [(number, one.state, one.position) for number, one in sums.items()],
    )
    if are_counted(connection):
        new = sum(_new_units(connection, *one) for one in sums.items())
        add_rows(connection, "unit_states", new)
    connection.executemany(
        "INSERT OR REPLACE INTO unit_states VALUES (?, ?, ?, ?)",
        # In the order of the key, so that neighbours are written together.
        [
            (number, unit, state, row_crc("unit_states", number, unit, state))
            for number, one in sorted(sums.items())
            for unit, state in sorted(one.units.items())
        ],
    )


def _begin_anew(connection: sqlite3.Connection, number: int) -> None:
    begin_drift_anew(connection, number)
    gone = connection.execute("DELETE FROM unit_states WHERE number = ?", (number,))
    add_rows(connection, "unit_states", -gone.rowcount)


def _new_units(connection: sqlite3.Connection, number: int, sums: UpliftSums) -> int:
    (known,) = connection.execute(
        "SELECT count(*) FROM unit_states WHERE number = ?"
        " AND unit IN (SELECT value FROM json_each(?))",
        (number, msgspec.json.encode(list(sums.units))),
    ).fetchone()
    return len(sums.units) - int(known)

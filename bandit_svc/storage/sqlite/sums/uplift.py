"""The uplift's sums of each experiment, and what is known of each of its units.

Owns the tables uplift and unit_states. What the bytes say is
services.learning.uplift_sums'. The caller owns the transaction.
"""

import sqlite3
from collections.abc import Collection, Mapping

import msgspec

from bandit_svc.storage.rows import UpliftSums


def uplift_of(connection: sqlite3.Connection, number: int) -> bytes | None:
    """Return the state of an experiment's sums, None if there are none."""
    (state,) = connection.execute(
        "SELECT state FROM uplift WHERE number = ?", (number,)
    ).fetchone() or (None,)
    return state


def unit_states_of(
    connection: sqlite3.Connection, number: int, units: Collection[int]
) -> Mapping[int, bytes]:
    """Return the states of those of the units that have one."""
    return dict(
        connection.execute(
            "SELECT unit, state FROM unit_states WHERE number = ?"
            " AND unit IN (SELECT value FROM json_each(?))",
            (number, msgspec.json.encode(list(units))),
        )
    )


def keep_uplift(connection: sqlite3.Connection, number: int, sums: UpliftSums) -> None:
    """Replace an experiment's sums and the units that changed with them."""
    if sums.anew:
        connection.execute("DELETE FROM unit_states WHERE number = ?", (number,))
    connection.execute("INSERT OR REPLACE INTO uplift VALUES (?, ?)", (number, sums[0]))
    connection.executemany(
        "INSERT OR REPLACE INTO unit_states VALUES (?, ?, ?)",
        # In the order of the key, so that neighbours are written together.
        [(number, unit, state) for unit, state in sorted(sums.units.items())],
    )

"""Replace what was learned by what was made anew in a store beside this one.

Owns which tables follow the rewards of joined decisions, and their copy. The caller
owns the transaction, in which the other store is attached.
"""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from bandit_svc.storage.corrections import JoinedChange, TakeOver
from bandit_svc.storage.sqlite.corrections.states import keep_learned, keep_outdated
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.model_versions import insert_version, newest_version
from bandit_svc.storage.sqlite.rows.checksums import row_crc
from bandit_svc.storage.sqlite.rows.counts import add_rows
from bandit_svc.storage.sqlite.slots.joined import change_joined_slots
from bandit_svc.storage.sqlite.splits.tables import learn_branches_again

_FOLLOWING = (
    *(
        "tallies",
        "slot_tallies",
        "history",
        "history_widths",
        "history_variants",
        "adjusted",
    ),
    *("uplift", "drift", "drift_stretches", "evaluations", "reward_models"),
)
"""Tables that triggers count; all have a column `number`."""
_UNITS = "unit_states"


def take_over(database: Database, path: Path, taken: TakeOver) -> bool:
    """Replace the rows of an experiment; see Corrections.take_over.

    Args:
        database: of this store.
        path: of the other store's file.
        taken: what replaces them.
    """
    connection = database.connection()
    connection.execute("ATTACH DATABASE ? AS anew", [f"{path}"])
    try:
        with database.write() as connection:
            if newest_version(connection, taken.number) != taken.parent_version:
                return False
            _copy(connection, taken.number)
            _change_joined(connection, taken.number, taken.changes)
            learn_branches_again(connection, taken.number)
            keep_learned(
                connection, taken.number, taken.learned, taken.now_ms, taken.took_ms
            )
            if taken.model is not None:
                insert_version(connection, taken.model)
            if taken.model is not None and taken.changes:
                version = taken.model.meta.version
                position = min(change.position for change in taken.changes)
                keep_outdated(connection, taken.number, version, position)
    finally:
        connection.execute("DETACH DATABASE anew")
    return True


def _copy(connection: sqlite3.Connection, number: int) -> None:
    for table in (*_FOLLOWING, _UNITS):
        gone = connection.execute(
            f"DELETE FROM main.{table} WHERE number = ?",  # noqa: S608 - our own names
            (number,),
        )
        came = connection.execute(
            f"INSERT INTO main.{table} SELECT * FROM anew.{table} WHERE number = ?",  # noqa: S608 - our own names
            (number,),
        )
        if table == _UNITS:
            add_rows(connection, table, came.rowcount - gone.rowcount)


def _change_joined(
    connection: sqlite3.Connection, number: int, changes: Iterable[JoinedChange]
) -> None:
    for change in changes:
        # One that is damaged stays so.
        row = connection.execute(
            "SELECT row_id, learnable, joined_at_ms FROM sound_joined"
            " WHERE number = ? AND position = ?",
            (number, change.position),
        ).fetchone()
        if row is None:
            continue
        row_id, learnable, joined_at_ms = row
        # SQLite keeps -0.0 as 0.0.
        reward, counted = change.reward + 0.0, change.counted
        place = number, change.position
        values = (*place, row_id, reward, counted, learnable, joined_at_ms)
        if change.slots is not None:
            change_joined_slots(connection, row_id, change.slots)
        connection.execute(
            "UPDATE joined SET reward = ?, counted = ?, crc = ?"
            " WHERE number = ? AND position = ?",
            (reward, counted, row_crc("joined", *values), *place),
        )

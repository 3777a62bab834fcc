"""Replace what was learned by what was made anew in a store beside this one.

Owns which tables follow the rewards of joined decisions, and their copy. The caller
owns the transaction, in which the other store is attached.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
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


Attached = Callable[[Database], AbstractContextManager[tuple[str, str]]]
"""Yields the names by which statements tell a store's tables from another's."""


def attached_file(path: Path) -> Attached:
    """Return what attaches the file of another store to this one's connection."""

    @contextmanager
    def attached(database: Database) -> Iterator[tuple[str, str]]:
        connection = database.connection()
        connection.execute("ATTACH DATABASE ? AS anew", [f"{path}"])
        try:
            yield "main", "anew"
        finally:
            connection.execute("DETACH DATABASE anew")

    return attached


def take_over(database: Database, attached: Attached, taken: TakeOver) -> bool:
    """Replace the rows of an experiment; see Corrections.take_over.

    Args:
        database: of this store.
        attached: attaches the other store.
        taken: what replaces them.
    """
    with attached(database) as stores, database.write() as connection:
        if newest_version(connection, taken.number) != taken.parent_version:
            return False
        _copy(connection, taken.number, *stores)
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
    return True


def _copy(connection: sqlite3.Connection, number: int, this: str, anew: str) -> None:
    for table in (*_FOLLOWING, _UNITS):
        gone = connection.execute(
            f"DELETE FROM {this}.{table} WHERE number = ?",  # noqa: S608 - our own names
            (number,),
        )
        came = connection.execute(
            f"INSERT INTO {this}.{table} SELECT * FROM {anew}.{table} WHERE number = ?",  # noqa: S608 - our own names
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

"""Moves between a data folder and a schema of a PostgreSQL server.

Owns `to_server` and `to_folder`, what a store comes to as hashes, and a process that
kills itself on the way.
"""

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from bandit_svc.services.managing.moving.move_store import move_store
from bandit_svc.services.managing.moving.ports import Moved, MovePorts, MoveSteps
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.moving.sides import Draft, MovableStore
from bandit_svc.storage.moving.tables import Place, TableHash, moved_tables
from bandit_svc.storage.postgres.moving.draft import PostgresDraft
from bandit_svc.storage.postgres.moving.snapshot import PostgresMovable
from bandit_svc.storage.postgres.store import PostgresStorage
from bandit_svc.storage.sqlite.moving.draft import SqliteDraft
from bandit_svc.storage.sqlite.moving.snapshot import SqliteMovable
from bandit_svc.storage.sqlite.store import SqliteStorage

Show = Callable[[int, int, str], None]
Verify = Callable[[Storage], None]
KILLED = -signal.SIGKILL


def to_server(
    folder: Path,
    address: str,
    schema: str,
    verify: Verify = lambda _: None,
    show: Show = lambda *_: None,
    partitions: Sequence[str] = (),
) -> Moved:
    """Move the store of a folder to a schema, and to a stream of these partitions."""
    with closing(SqliteStorage(folder)) as left:
        draft = PostgresDraft(address, schema, folder)
        ports = MovePorts(left, SqliteMovable(folder), draft, schema, partitions)
        return move_store(ports, MoveSteps(show, verify))


def to_folder(
    address: str,
    schema: str,
    folder: Path,
    verify: Verify = lambda _: None,
    show: Show = lambda *_: None,
) -> Moved:
    """Move the store of a schema to a folder."""
    with closing(PostgresStorage(address, schema, folder)) as left:
        rows, draft = PostgresMovable(address, schema), SqliteDraft(folder)
        ports = MovePorts(left, rows, draft, str(folder))
        return move_store(ports, MoveSteps(show, verify))


def hashes(store: MovableStore) -> Mapping[tuple[Place, str], tuple[int, str]]:
    """Return the rows of each table of a store that has any, and their hash."""
    found = {}
    with store.snapshot() as snapshot:
        for place in snapshot.places():
            for table in moved_tables(place.part):
                hashed = TableHash(table)
                for rows in snapshot.read(place, table):
                    hashed.add(table.fitting(rows))
                if hashed.rows:
                    found[place, table.name] = (hashed.rows, hashed.sha256())
    return found


def is_vacant(draft: Draft) -> bool:
    """Return whether a place can be moved to."""
    draft.check_vacant()
    return True


def main(to: str, address: str, schema: str, folder: str, percent: str) -> None:
    """Move, and be killed when so much is done; 101 is before the place is taken."""
    limit = int(percent)

    def show(done: int, total: int, _words: str) -> None:
        if 100 * done >= limit * total:
            os.kill(os.getpid(), signal.SIGKILL)

    def verify(_new: Storage) -> None:
        show(limit, 100, "")

    if to == "server":
        to_server(Path(folder), address, schema, verify, show)
    else:
        to_folder(address, schema, Path(folder), verify, show)


if __name__ == "__main__":
    main(*sys.argv[1:])

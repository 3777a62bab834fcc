"""The key of the pseudonyms of units, of which each machine has a copy.

Owns the mark of the key in the store: it tells another key from the right one, and
nothing of either. A machine with another key would make other pseudonyms: each unit
that it serves would be new.
"""

from hashlib import blake2b
from pathlib import Path
from typing import Final

from bandit_svc.errors import Unavailable
from bandit_svc.storage.postgres.connection import Connection
from bandit_svc.storage.postgres.database import Database
from bandit_svc.storage.sqlite.privacy.pseudonym_key import NAME, make_key, read_key

MARK: Final = "pseudonym_key_mark"
USED: Final = "pseudonyms"
_KEEP: Final = "INSERT OR IGNORE INTO meta (name, value) VALUES (?, ?)"
_FIND: Final = "SELECT value FROM meta WHERE name = ?"


def read_same_key(database: Database, folder: Path) -> bytes:
    """Return the key of a folder, which must be that of the store.

    Raises:
        Unavailable: it is missing, damaged, or another one.
    """
    marked = database.row(_FIND, (MARK,))
    if not (folder / NAME).exists() and marked is not None:
        raise Unavailable(
            f"{folder / NAME}, the key of the pseudonyms of units, is missing; "
            f"{_copy_it(database)}"
        )
    key = read_key(folder)
    if marked is not None and marked[0] != _mark(key):
        raise Unavailable(
            f"{folder / NAME} is another key than that of the store's pseudonyms, so "
            f"that every unit would be a new one; {_copy_it(database)}"
        )
    return key


def make_marked_key(
    connection: Connection, database: Database, folder: Path, key: bytes
) -> None:
    """Keep a key in a folder that has none, and its mark in the store that has none.

    Args:
        connection: in the caller's transaction.
        database: of the same store.
        folder: of this machine.
        key: for a folder without one.

    Raises:
        Unavailable: the store has the mark of another key.
    """
    if connection.execute(_FIND, (MARK,)).fetchone() is None:
        make_key(folder, key)
        connection.execute(_KEEP, (MARK, _mark(read_key(folder))))
    else:
        read_same_key(database, folder)


def mark_key(database: Database, folder: Path) -> None:
    """Keep the mark of a folder's key in a store of before there were marks."""
    used = database.row(_FIND, (USED,)) is not None
    if used and (folder / NAME).exists() and database.row(_FIND, (MARK,)) is None:
        with database.write() as connection:
            connection.execute(_KEEP, (MARK, _mark(read_key(folder))))


def _mark(key: bytes) -> str:
    return blake2b(key, digest_size=16, person=b"pseudonym key").hexdigest()


def _copy_it(database: Database) -> str:
    return (
        "copy the file from another machine of this store. If it was deleted "
        "everywhere to make the units that are kept anonymous, delete the row "
        f"{MARK!r} of {database.schema}.meta too; `bandit-svc init` then makes a new "
        "one"
    )

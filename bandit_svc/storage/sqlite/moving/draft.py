"""The draft of an embedded store: a folder within the data folder that it is for.

Owns that folder, how rows get their checksums and counts, and how the files take their
place: the store's own last, since without it there is no store.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, assert_never

from bandit_svc.errors import Conflict, Unavailable
from bandit_svc.storage.moving.tables import (
    META,
    OF_ONE_STORE,
    PLACES_OF_SOURCES,
    Cell,
    MovedTable,
    Place,
    Row,
    Rows,
)
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.moving.key import keep_key
from bandit_svc.storage.sqlite.moving.snapshot import BESIDE, FILES, SqliteMovable
from bandit_svc.storage.sqlite.rows.checksums import COLUMN, row_crc
from bandit_svc.storage.sqlite.rows.counts import add_rows
from bandit_svc.storage.sqlite.rows.decisions import add_page_id
from bandit_svc.storage.sqlite.store import SqliteStorage
from bandit_svc.storage.sqlite.version_file import NAME as VERSION_FILE
from bandit_svc.storage.sqlite.version_file import VersionFile

FOLDER: Final = "moving"
_LAST: Final = FILES["store"]
_TRIGGER: Final = "SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND name = ?"


class SqliteDraft:
    """See storage.moving.sides.Draft."""

    def __init__(self, folder: Path) -> None:
        """Describe the draft.

        Args:
            folder: the data folder that it is for.
        """
        self._target = folder
        self._folder = folder / FOLDER
        self._databases: dict[Place, Database] = {}

    def check_vacant(self) -> None:
        """See the interface."""
        found = self._found()
        # Without the store's own file, the others are what a killed move has left.
        if found and (not self._folder.exists() or self._is_store()):
            names = ", ".join(path.name for path in found)
            raise Conflict(
                f"{self._target} holds a store already ({names}); name another folder, "
                "or take these files away first"
            )

    def begin(self, places: Iterable[Place]) -> None:
        """See the interface."""
        if self._folder.exists():
            self._clear()
        self._target.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.mkdir(mode=0o700)
        for place in places:
            folder = self._folder_of(place)
            with closing(SqliteStorage(folder)) as storage:
                match place.part:
                    case "store":
                        storage.migrate()
                    case "units":
                        storage.units.position()
                    case "caps":
                        storage.reservations.confirm("", 0)
                    case _:
                        assert_never(place.part)
            path = folder / FILES[place.part]
            self._databases[place] = Database(path, prepare=add_page_id)

    def fill(self, place: Place, table: MovedTable, batches: Iterable[Rows]) -> None:
        """See the interface."""
        with self._databases[place].write() as connection:
            _empty(connection, table)
            by_writers = table.is_checked and not _has_triggers(connection, table.name)
            names = [*table.names, *([COLUMN] if by_writers else [])]
            insert = (
                f"INSERT INTO {table.name} ({', '.join(map(_quoted, names))})"  # noqa: S608 - our own names
                f" VALUES ({', '.join('?' * len(names))})"
            )
            checked = _with_checksum(table)
            count = 0
            for rows in batches:
                count += len(rows)
                connection.executemany(
                    insert, map(checked, rows) if by_writers else rows
                )
            if by_writers:
                add_rows(connection, table.name, count)

    def end(
        self, sums_from_start: Collection[str], pseudonym_key: bytes | None
    ) -> None:
        """See the interface."""
        keep_key(self._target, pseudonym_key)
        keep_key(self._folder, pseudonym_key)
        with self._databases[Place("store")].write() as connection:
            row = connection.execute(
                "SELECT value FROM meta WHERE name = 'created_at_ms'"
            ).fetchone()
            created = datetime.fromtimestamp(int(row[0]) // 1000 if row else 0, UTC)
            connection.executemany(
                "UPDATE _sqlite_migrations SET applied_at = ? WHERE name = ?",
                [(created.isoformat(" "), name) for name in sums_from_start],
            )
        for database in self._databases.values():
            database.close()

    def follow_stream(self, partitions: Sequence[str]) -> None:
        """See the interface."""
        with (
            closing(Database(self._folder / FILES["store"])) as database,
            database.write() as connection,
        ):
            for partition in partitions:
                connection.execute(PLACES_OF_SOURCES.format(mark="?"), (partition,))
            connection.execute("DELETE FROM cursors")

    def filled(self) -> SqliteMovable:
        """See the interface."""
        return SqliteMovable(self._folder)

    def storage(self) -> SqliteStorage:
        """See the interface."""
        return SqliteStorage(self._folder)

    def finish(self) -> None:
        """See the interface."""
        self.check_vacant()
        try:
            for name in (BESIDE, *FILES.values()):
                if name != _LAST and (self._folder / name).exists():
                    (self._folder / name).rename(self._target / name)
            _sync(self._target)
            (self._folder / _LAST).rename(self._target / _LAST)
            _sync(self._target)
            shutil.rmtree(self._folder)
        except OSError as error:
            raise Unavailable(
                f"the files of {self._folder} can't be put in {self._target} "
                f"({error.strerror}); check the disk and its owner, then begin again"
            ) from error
        with closing(VersionFile(self._target / VERSION_FILE)) as version:
            version.bump()

    def _folder_of(self, place: Place) -> Path:
        if place.beside:
            return self._folder / BESIDE / place.beside
        return self._folder

    def _is_store(self) -> bool:
        return (self._target / _LAST).exists()

    def _found(self) -> list[Path]:
        """Return what is in the place of the files of a store."""
        names = [f"{name}{end}" for name in FILES.values() for end in ("", "-wal")]
        return [p for p in (self._target / n for n in (*names, BESIDE)) if p.exists()]

    def _clear(self) -> None:
        """Take away what an earlier draft has left, and what it has put in place."""
        shutil.rmtree(self._folder)
        for path in self._found():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def _empty(connection: sqlite3.Connection, table: MovedTable) -> None:
    """Take away what migrations have put into a new table."""
    if table.name != META:
        connection.execute(f"DELETE FROM {table.name}")  # noqa: S608 - our own names
        return
    own = ", ".join(f"'{name}'" for name in sorted(OF_ONE_STORE))
    connection.execute(f"DELETE FROM {META} WHERE name NOT IN ({own})")  # noqa: S608 - our own names


def _has_triggers(connection: sqlite3.Connection, name: str) -> bool:
    """Return whether triggers fill the checksums of a table and count its rows."""
    return connection.execute(_TRIGGER, (f"{name}_inserted",)).fetchone() is not None


def _with_checksum(table: MovedTable) -> Callable[[Row], Row]:
    """Return what adds to a row of a table the checksum that its writers would."""
    names = table.names
    order = [names.index(name) for name in table.key]
    order += [at for at, name in enumerate(names) if name not in table.key]

    def checked(row: Row) -> Row:
        return (*row, row_crc(table.name, *(_as_kept(row[at]) for at in order)))

    return checked


def _as_kept(cell: Cell) -> int | float | bytes | None:
    """Return a value as the file has it: a text in UTF-8, -0.0 as 0.0."""
    if isinstance(cell, str):
        return cell.encode()
    return cell + 0.0 if isinstance(cell, float) else cell


def _quoted(name: str) -> str:
    return f'"{name}"'


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

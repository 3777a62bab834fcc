"""All rows of an embedded store, in one view of each of its files.

Owns the opening of the files for reading alone: a store that is left stays as it is.
"""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from bandit_svc.domain.events.damage import Damage
from bandit_svc.storage.moving.left import MOVED_TO
from bandit_svc.storage.moving.tables import MovedTable, Part, Place, Rows
from bandit_svc.storage.sqlite.database import BUSY_TIMEOUT_S, Database, translated
from bandit_svc.storage.sqlite.rows.checksums import SOUND, add_functions
from bandit_svc.storage.sqlite.rows.counts import counted_rows
from bandit_svc.storage.sqlite.rows.decisions import add_page_id
from bandit_svc.storage.sqlite.soundness import kept_from_the_start

BATCH: Final = 2_000
FILES: Final[dict[Part, str]] = {
    "store": "bandit.db",
    "units": "units.db",
    "caps": "caps.db",
}
BESIDE: Final = "anew"


class SqliteMovable:
    """See storage.moving.sides.MovableStore."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def snapshot(self) -> "Iterator[SqliteSnapshot]":
        """See the interface."""
        with ExitStack() as stack, translated():
            yield SqliteSnapshot(self._folder, stack)

    def leave(self, moved_to: str | None) -> None:
        """See the interface."""
        database = Database(self._folder / FILES["store"])
        with closing(database), database.write() as connection:
            connection.execute("DELETE FROM meta WHERE name = ?", (MOVED_TO,))
            if moved_to is not None:
                connection.execute(
                    "INSERT INTO meta (name, value) VALUES (?, ?)",
                    (MOVED_TO, moved_to),
                )


class SqliteSnapshot:
    """See storage.moving.sides.Snapshot."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        """Open the files.

        Args:
            folder: of the store.
            stack: closes them.
        """
        self._damaged: list[Damage] = []
        stores = {"": folder}
        if (folder / BESIDE).is_dir():
            stores |= {f.name: f for f in sorted((folder / BESIDE).iterdir())}
        self._opened = {
            Place(part, beside): stack.enter_context(closing(self._open(where / name)))
            for beside, where in stores.items()
            if (where / FILES["store"]).exists()
            for part, name in FILES.items()
            if (where / name).exists()
        }

    def places(self) -> Sequence[Place]:
        """See the interface."""
        return [*self._opened]

    def count(self, place: Place, table: MovedTable) -> int:
        """See the interface."""
        connection = self._opened[place]
        counted = counted_rows(connection, table.name) if table.is_checked else None
        if counted is not None:
            return counted
        (rows,) = connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()  # noqa: S608 - our own names
        return int(rows)

    def read(self, place: Place, table: MovedTable) -> Iterator[Rows]:
        """See the interface."""
        checked = table.is_checked and not table.brings_checksums
        source = f"{SOUND}{table.name}" if checked else table.name
        cursor = self._opened[place].execute(table.select(source))
        while rows := cursor.fetchmany(BATCH):
            yield table.whole(rows)

    def damaged(self) -> Sequence[Damage]:
        """See the interface."""
        return self._damaged

    def sums_from_start(self) -> Collection[str]:
        """See the interface."""
        return kept_from_the_start(self._opened[Place("store")])

    def _open(self, path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode=ro",
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
        )
        try:
            add_functions(connection, self._damaged.append)
            add_page_id(connection)
            connection.execute("BEGIN")
            # The view is taken by the first reading.
            connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
        except sqlite3.DatabaseError:
            connection.close()
            raise
        return connection

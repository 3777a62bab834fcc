"""Connections and transactions of a SQLite file.

Owns how the file is opened (WAL, full sync), one connection a thread, the
translation of SQLite's errors, and when damaged rows that were met are kept. Must not
know what any table means.
"""

import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database as UtilsDatabase

from bandit_svc.domain.events.damage import Damage
from bandit_svc.errors import Unavailable
from bandit_svc.storage.sqlite.rows.checksums import add_functions

BUSY_TIMEOUT_S = 10.0

_PRIVATE = 0o600
_STEPS_A_BEAT = 100_000
"""Of SQLite's virtual machine, which does some 20 million a second."""


class Database:
    """The file, as seen from one process. Opens nothing until it is used.

    A connection must never cross a fork: create this before, use it after.
    """

    def __init__(
        self,
        path: Path,
        keep: Callable[[sqlite3.Connection, Sequence[Damage]], None] | None = None,
        prepare: Callable[[sqlite3.Connection], None] = lambda _: None,
    ) -> None:
        """Describe the file; it is opened later.

        Args:
            path: of the file.
            keep: called in a transaction with the damaged rows that were met.
            prepare: called with each new connection.
        """
        self.path = path
        self._keep = keep
        self._prepare = prepare
        self._local = threading.local()
        self._lock = threading.Lock()
        self._opened: dict[threading.Thread, sqlite3.Connection] = {}

    def connection(self) -> sqlite3.Connection:
        """Return this thread's connection.

        Raises:
            Unavailable: the file can't be opened.
        """
        connection: sqlite3.Connection | None = getattr(self._local, "open", None)
        if connection is None:
            self._local.met = []
            connection = self._open(self._local.met.append)
            self._local.open = connection
            with self._lock:
                self._close_of_dead_threads()
                self._opened[threading.current_thread()] = connection
        return connection

    @contextmanager
    def tables(self) -> Iterator[UtilsDatabase]:
        """Yield sqlite-utils over this thread's connection, for the cold paths.

        Raises:
            Unavailable: as `read`.
        """
        with translated():
            yield UtilsDatabase(self.connection(), execute_plugins=False)
        self._keep_met()

    def row(
        self, sql: str, parameters: Sequence[bytes | int | str]
    ) -> tuple[Any, ...] | None:
        """Return the first row of one statement, at the least cost; None without any.

        Raises:
            Unavailable: the file can't be read.
        """
        connection = self.connection()
        row: tuple[Any, ...] | None
        # A context manager would cost as much as a third of the statement.
        try:
            row = connection.execute(sql, parameters).fetchone()
        except sqlite3.DatabaseError:
            with translated():
                raise
        return row

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Run the body as one transaction: whole, or not at all.

        Raises:
            Unavailable: the file is locked for over ten seconds, full or gone.
        """
        connection = self.connection()
        with translated():
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                self._keep_met_in(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Run the body against one consistent view of the file.

        Raises:
            Unavailable: the file can't be read.
        """
        connection = self.connection()
        with translated():
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("COMMIT")
        self._keep_met()

    @contextmanager
    def beating(self, beat: Callable[[], None]) -> Iterator[None]:
        """Call a function during long statements of this thread, every few ms."""
        connection = self.connection()
        connection.set_progress_handler(beat, _STEPS_A_BEAT)
        try:
            yield
        finally:
            connection.set_progress_handler(None, 0)

    def scrub(self, beat: Callable[[], None] = lambda: None) -> bool:
        """Write the file anew, and empty its log of changes (`-wal`).

        So nothing is left of rows that were deleted or changed.

        Args:
            beat: called meanwhile; a large file takes longer than a sign of life may.

        Returns:
            False while a reader still needs the log of changes.

        Raises:
            Unavailable: the file is locked for over ten seconds, or full.
        """
        connection = self.connection()
        with translated(), self.beating(beat):
            connection.execute("VACUUM")
            (busy, _, _) = connection.execute(
                "PRAGMA wal_checkpoint(TRUNCATE)"
            ).fetchone()
        return not busy

    def found(self, damage: Damage) -> None:
        """Take note of damage; it is kept when the present transaction ends."""
        self.connection()
        self._met().append(damage)

    def _met(self) -> list[Damage]:
        met: list[Damage] = self._local.met
        return met

    def _keep_met(self) -> None:
        """Keep the damaged rows that a reading has met."""
        if self._met():
            with self.write():
                pass

    def _keep_met_in(self, connection: sqlite3.Connection) -> None:
        if self._met() and self._keep is not None:
            self._keep(connection, self._met())
        self._met().clear()

    def close(self) -> None:
        """Close the connections of every thread; idempotent."""
        with self._lock:
            for connection in self._opened.values():
                connection.close()
            self._opened.clear()
        self._local = threading.local()

    def _close_of_dead_threads(self) -> None:
        for thread in [t for t in self._opened if not t.is_alive()]:
            self._opened.pop(thread).close()

    def _open(self, found: Callable[[Damage], None]) -> sqlite3.Connection:
        _create_private(self.path)
        with translated():
            connection = sqlite3.connect(
                self.path,
                timeout=BUSY_TIMEOUT_S,
                isolation_level=None,
                # Only closing touches a connection of another thread.
                check_same_thread=False,
            )
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                # Segments of the event log are deleted after a commit, so a commit
                # must survive the loss of power too.
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA foreign_keys = ON")
                add_functions(connection, found)
                self._prepare(connection)
            except sqlite3.DatabaseError:
                connection.close()
                raise
        return connection


def _create_private(path: Path) -> None:
    """Create the file for its owner alone; SQLite would let everybody read it.

    SQLite gives its neighbours (`-wal`, `-shm`) the same mode. A file that is there is
    not opened: to close it would drop the locks of every connection of this process,
    and another process would then delete the `-wal` that they use.
    """
    try:
        os.mknod(path, stat.S_IFREG | _PRIVATE)
    except FileExistsError:
        return
    except OSError as error:
        raise Unavailable(
            f"{path} can't be opened ({error.strerror}); check the disk and the owner "
            "of the data folder"
        ) from error


@contextmanager
def translated() -> Iterator[None]:
    """Raise trouble with the file as Unavailable."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        # Not trouble with the file, but a bug of ours.
        raise
    except sqlite3.DatabaseError as error:
        raise Unavailable(
            f"the store can't be used now ({error}); check the disk and the owner of "
            "the data folder, then send the same request again"
        ) from error

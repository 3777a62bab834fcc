"""Connections and transactions of the one SQLite file.

Owns how the file is opened (WAL, full sync), one connection a thread, and the
translation of SQLite's errors. Must not know what any table means.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database as UtilsDatabase

from bandit_svc.errors import Unavailable

BUSY_TIMEOUT_S = 10.0


class Database:
    """The file, as seen from one process. Opens nothing until it is used.

    A connection must never cross a fork: create this before, use it after.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
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
            connection = self._open()
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
        with _translated():
            yield UtilsDatabase(self.connection(), execute_plugins=False)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Run the body as one transaction: whole, or not at all.

        Raises:
            Unavailable: the file is locked for over ten seconds, full or gone.
        """
        connection = self.connection()
        with _translated():
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
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
        with _translated():
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("COMMIT")

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

    def _open(self) -> sqlite3.Connection:
        with _translated():
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
            except sqlite3.DatabaseError:
                connection.close()
                raise
        return connection


@contextmanager
def _translated() -> Iterator[None]:
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

"""Connections and transactions of a schema of a PostgreSQL server.

Owns how the server is reached, one connection a thread, the order of writers and the
translation of the server's errors. Must not know what any table means.

Writers come one after the other, as they do in the embedded store: what a transaction
has read is still so when it writes. Those that write only what is of one shard come
side by side (`beside_others`), and keep all others out. The lock is the server's and
ends with the transaction; the server ends one that stays idle, so that a process that
was stopped holds up the others for prepared.IDLE_S at most.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any, Final, TypeVar

import psycopg
from psycopg import conninfo
from psycopg import sql as names
from psycopg.pq import TransactionStatus

from bandit_svc.domain.events.damage import Damage
from bandit_svc.errors import InvalidInput, Unavailable, WayOut
from bandit_svc.storage.postgres.connection import Connection, Row, Values
from bandit_svc.storage.postgres.control import patience
from bandit_svc.storage.postgres.control.prepared import prepare
from bandit_svc.storage.postgres.control.server import server_of
from bandit_svc.storage.postgres.dialect import Dialect

BUSY_S: Final = 10
CONNECT_S: Final = 10
SOON_S: Final = 5.0
AGAIN_S: Final = 1.0
"""A server that was away is not tried again before, so that nobody waits in vain."""
_CONNECTING: Final[dict[str, Any]] = {
    "application_name": "bandit_svc",
    "connect_timeout": CONNECT_S,
    # A server that is cut off says nothing.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""Parameters of a connection, where its address has no others."""
_CHECK: Final = "check that the PostgreSQL server of BANDIT_STORE is up and has room"
_WAY_OUT: Final = WayOut(f"{_CHECK}, then send the same request again", _CHECK, _CHECK)
_WRITE: Final = "BEGIN"
_ALONE: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
_BESIDE: Final = "SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 0))"
_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_TABLES: Final = """
    SELECT relname FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"""


Keep = Callable[[Connection, Sequence[Damage]], None]
"""Keeps damaged rows that were met, in a transaction."""
Require = Callable[["psycopg.Connection[Row]", tuple[str, str]], None]
"""Raises where a process must not write."""
May = Callable[["psycopg.Connection[Row]"], bool]
"""Tells, at the begin of a transaction, whether it may be beside others."""
_Done = TypeVar("_Done")


class _MustBeAloneError(Exception):
    """A transaction that was begun beside others has to be alone."""


class Database:
    """A schema, as seen from one process. Opens nothing until it is used.

    A connection must never cross a fork: create this before, use it after.
    """

    def __init__(
        self,
        address: str,
        schema: str,
        dialect: Callable[[], Dialect],
        keep: Keep = lambda _, __: None,
        require: Require = lambda _, __: None,
        busy_s: int = BUSY_S,
        patience_s: float | None = None,
    ) -> None:
        """Describe the schema.

        Args:
            address: of the server and its database, as libpq takes it.
            schema: its name.
            dialect: returns what translates statements.
            keep: called in a transaction with the damaged rows that were met.
            require: called first in each transaction that writes, with the place of
                the schema.
            busy_s: seconds for which a writer waits for others.
            patience_s: seconds for which an answer in a transaction is waited for; None
                as long as it takes.
        """
        self.schema = schema
        self.place = (address, schema)
        self._address = address
        self._keep = keep
        self._busy_s = busy_s
        self._patience_s = patience_s
        self._require = require
        self._dialect = dialect
        self._local = threading.local()
        self._lock = threading.Lock()
        self._opened: dict[threading.Thread, Connection] = {}
        self._away: Unavailable | None = None
        self._again_s = 0.0

    def connection(self) -> Connection:
        """Return this thread's connection.

        Raises:
            Unavailable: the server can't be reached.
        """
        connection: Connection | None = getattr(self._local, "open", None)
        if connection is None or connection.plain.closed:
            connection = self._open()
            self._note_server(connection)
            self._local.open = connection
            self._local.met = []
            with self._lock:
                self._close_of_dead_threads()
                self._opened[threading.current_thread()] = connection
        return connection

    def row(self, sql: str, parameters: Values) -> Row | None:
        """Return the first row of one statement; None without any.

        Raises:
            Unavailable: the server is away.
        """
        with self.soon():
            return self.connection().execute(sql, parameters).fetchone()

    @contextmanager
    def plain(self) -> "Iterator[psycopg.Connection[Row]]":
        """Yield this thread's connection for statements in the server's own words.

        Raises:
            Unavailable: the server is away.
        """
        with self._translated():
            yield self.connection().plain

    @contextmanager
    def soon(self) -> "Iterator[psycopg.Connection[Row]]":
        """Yield this thread's connection for statements that take no time.

        Raises:
            Unavailable: the server is away, or has not answered for five seconds.
        """
        with self._translated():
            plain = self.connection().plain
            with self._limited(plain, SOON_S):
                yield plain

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Run the body as one transaction: whole, or not at all.

        Raises:
            Unavailable: others write for over ten seconds, or the server is away.
        """
        with self._transaction(_WRITE) as connection:
            self._require_same_server()
            may: May | None = getattr(self._local, "may", None)
            lock = _ALONE if may is None else _BESIDE
            connection.plain.execute(lock, [f"bandit_svc {self.schema}"])
            self._require(connection.plain, self.place)
            connection.is_beside = may is not None
            if may is not None and not may(connection.plain):
                raise _MustBeAloneError
            yield connection
            if self._local.met:
                self._keep(connection, self._local.met)
                self._local.met = []

    def beside_others(
        self, work: Callable[[], _Done], may: May = lambda _: True
    ) -> _Done:
        """Do work whose transactions are beside others that are begun so.

        It is done again, alone, if it meets the work of another one.

        Args:
            work: leaves nothing behind where it fails.
            may: asked in each transaction; false: it has to be alone all the same.

        Raises:
            Unavailable: see `write`.
        """
        self._local.may = may
        try:
            return work()
        except (_MustBeAloneError, psycopg.errors.UniqueViolation):
            # Such as a part that records of both shards brought.
            self._local.may = None
            return work()
        finally:
            self._local.may = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Run the body against one consistent view of the schema.

        Raises:
            Unavailable: the server is away.
        """
        with self._transaction(_READ) as connection:
            yield connection
        if self._local.met:
            with self.write():
                pass

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Connection]:
        connection = self.connection()
        plain = connection.plain
        with self._translated(), self._limited(plain, self._patience_s):
            plain.execute(begin)
            try:
                yield connection
                plain.execute("COMMIT")
            except patience.SilentServerError:
                # A ROLLBACK would wait for the same server.
                raise
            except BaseException:
                if plain.info.transaction_status != TransactionStatus.IDLE:
                    with _ignoring_lost_connections():
                        plain.execute("ROLLBACK")
                raise

    @contextmanager
    def beating(self, beat: Callable[[], None]) -> Iterator[None]:
        """Call a function before and behind long statements, which the server does."""
        beat()
        yield
        beat()

    def scrub(self, beat: Callable[[], None] = lambda: None) -> bool:
        """Write the tables anew, so that nothing is left of rows that are gone.

        What copies of the server and its archive of changes hold is theirs to forget.

        Args:
            beat: called between two tables.

        Raises:
            Unavailable: others use a table for over ten seconds, or it has no room.
        """
        with self.plain() as plain:
            tables = plain.execute(_TABLES).fetchall()
            for (table,) in tables:
                beat()
                plain.execute(
                    names.SQL("VACUUM FULL {}").format(names.Identifier(table))
                )
        return True

    def found(self, damage: Damage) -> None:
        """Take note of damage; it is kept when the present transaction ends."""
        self.connection()
        self._local.met.append(damage)

    def close(self) -> None:
        """Close the connections of every thread; idempotent."""
        with self._lock:
            for connection in self._opened.values():
                connection.plain.close()
            self._opened.clear()
        self._local = threading.local()

    def _note_server(self, connection: Connection) -> None:
        """Take note of the server of a new connection of this thread."""
        try:
            with self._translated():
                server = server_of(connection.plain)
        except Unavailable:
            connection.plain.close()
            raise
        known = getattr(self._local, "server", server)
        self._local.server = server
        self._local.replaced = server != known

    def _require_same_server(self) -> None:
        """Raise, once, if another server has taken the place of the one before."""
        if self._local.replaced:
            self._local.replaced = False
            raise Unavailable(
                "another PostgreSQL server has taken the place of the store's, and may "
                "lack what was written last; send the same request again"
            )

    def _close_of_dead_threads(self) -> None:
        for thread in [t for t in self._opened if not t.is_alive()]:
            self._opened.pop(thread).plain.close()

    @contextmanager
    def _limited(
        self, plain: "psycopg.Connection[Row]", most_s: float | None
    ) -> Iterator[None]:
        """Wait no longer for an answer in the body."""
        if not isinstance(plain, patience.Connection) or plain.most_s is not None:
            yield
            return
        plain.most_s = most_s
        try:
            yield
        except patience.SilentServerError as error:
            plain.close()
            self._away = Unavailable(
                f"the store can't be used now ({error})", way_out=_WAY_OUT
            )
            self._again_s = time.monotonic() + AGAIN_S
            raise
        finally:
            plain.most_s = None

    def _open(self) -> Connection:
        away = self._away
        if away is not None:
            if time.monotonic() < self._again_s:
                raise copy(away)
            # One thread tries; the others don't wait for it.
            self._again_s = time.monotonic() + CONNECT_S
        try:
            with self._translated():
                plain = self._connected()
        except Unavailable as error:
            self._away, self._again_s = error, time.monotonic() + AGAIN_S
            raise
        self._away = None
        return Connection(plain, self._dialect())

    def _connected(self) -> "psycopg.Connection[Row]":
        try:
            given = conninfo.conninfo_to_dict(self._address)
        except psycopg.ProgrammingError:
            # Its words repeat parts of the address, which may be of a password.
            raise InvalidInput(
                "store has parameters that PostgreSQL's client does not take; write "
                "postgresql://USER@HOST:PORT/DATABASE?schema=NAME, with %XX for signs "
                "in names and passwords that are none of an address"
            ) from None
        plain = patience.Connection.connect(
            conninfo.make_conninfo("", **{**_CONNECTING, **given}), autocommit=True
        )
        try:
            prepare(plain, self.schema, self._busy_s)
        except psycopg.Error:
            plain.close()
            raise
        return plain

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.IntegrityError, psycopg.ProgrammingError, psycopg.DataError):
            # Not trouble with the server, but a bug of ours.
            raise
        except psycopg.Error as error:
            # Its words may be of several lines.
            said = " ".join(str(error).split())
            raise Unavailable(
                f"the store can't be used now ({said})", way_out=_WAY_OUT
            ) from error


@contextmanager
def _ignoring_lost_connections() -> Iterator[None]:
    try:
        yield
    except psycopg.OperationalError:
        return

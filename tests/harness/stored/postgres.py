"""A PostgreSQL server of the tests' own, with a schema that each test finds empty.

Owns where its programs are found, its folder, its start and its end. It listens on a
socket in its folder and on no port. The server refuses to run as root, so that its user
is then `postgres`, whom Debian's package makes.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import conninfo

from tests.harness.process import children_of
from tests.harness.stored.backends import open_place, place_of
from tests.harness.waiting import GENEROUS_S, wait_until

SCHEMA = "bandit_test"
WITH_US = ("setpriv", "--pdeathsig", "INT", "--")
"""The server ends with the tests, even where a signal ends them."""
_DEBIAN = Path("/usr/lib/postgresql")
USER = "postgres"
_EMPTY = """
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT relname FROM pg_class WHERE relkind = 'r'
            AND relnamespace = current_schema()::regnamespace
        LOOP
            EXECUTE format('DELETE FROM %I', name);
        END LOOP;
    END $$"""
_EMPTY_BESIDE = f"""
    DELETE FROM {SCHEMA}_units.units; DELETE FROM {SCHEMA}_units.overshoot;
    UPDATE {SCHEMA}_units.place SET position = 0, links = 0;
    DELETE FROM {SCHEMA}_caps.persons; DELETE FROM {SCHEMA}_caps.places"""  # noqa: S608 - our own names
_QUICK = (
    *("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"),
    *("-c", "shared_buffers=32MB", "-c", "max_connections=200", "-c", "autovacuum=off"),
)


class PostgresServer:
    """A server in a folder of its own, which can be killed and started again."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bandit-postgres-"))
        self.address = f"host={self.folder} user=bandit dbname=postgres"
        self._user = USER if os.getuid() == 0 else None
        self._server: subprocess.Popen[bytes] | None = None
        if self._user is not None:
            # A file that root made in a folder of another one is still root's.
            os.chown(self.folder, pwd.getpwnam(self._user).pw_uid, -1)
        words = ("-U", "bandit", "-A", "trust", "--no-locale", "-E", "UTF8")
        subprocess.run(
            [program("initdb"), "-D", self.folder / "data", *words, "--no-sync"],
            check=True,
            capture_output=True,
            user=self._user,
            cwd=self.folder,
        )

    def url(self, schema: str) -> str:
        """Return the address of a store, as settings take it."""
        return url_of(self.address, schema)

    def start(self) -> None:
        """Start it, again after `stop_at_once`; return when it answers."""
        data = self.folder / "data"
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [
                    *(*WITH_US, program("postgres"), "-D", data, "-k", self.folder),
                    *("-h", "", *_QUICK),
                ],
                stdout=log,
                stderr=log,
                user=self._user,
                cwd=self.folder,
            )
        wait_until(lambda: answers(self.address), "the PostgreSQL server answers")

    def stop_at_once(self) -> None:
        """End it as a fault does: connections are cut, and nothing is written."""
        self._end(signal.SIGQUIT)

    def freeze(self) -> None:
        """Let it take connections, and answer nothing, until `thaw`."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        assert self._server is not None
        for pid in (self._server.pid, *children_of(self._server.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def close(self) -> None:
        """Stop it, and delete its folder."""
        # Ends connections that are open, too.
        self._end(signal.SIGINT)
        shutil.rmtree(self.folder)

    def _end(self, number: signal.Signals) -> None:
        if self._server is not None:
            self._server.send_signal(number)
            self._server.wait(GENEROUS_S)
            self._server = None


@contextmanager
def postgres_server() -> Iterator[str]:
    """Start a server, yield its address, and stop it."""
    server = PostgresServer()
    try:
        server.start()
        yield server.address
    finally:
        server.close()


def url_of(address: str, schema: str) -> str:
    """Return the address of a store of a server of ours, as settings take it."""
    folder = conninfo.conninfo_to_dict(address)["host"]
    host = quote(str(folder), safe="")
    return f"postgresql://bandit@/postgres?host={host}&schema={schema}"


def make_schema(address: str) -> None:
    """Make a schema with the tables of a store."""
    with closing(open_place(place_of(address, SCHEMA, Path()))) as storage:
        storage.migrate()


@contextmanager
def as_it_was_made(address: str) -> Iterator[None]:
    """Take every row out of the schema behind the body: tables are made once.

    It costs some milliseconds instead of a quarter of a second.
    """
    with psycopg.connect(
        address, autocommit=True, options=f"-c search_path={SCHEMA}"
    ) as connection:
        made = connection.execute("SELECT name, value FROM meta").fetchall()
        yield
        with connection.transaction():
            connection.execute(_EMPTY)
            connection.execute(_EMPTY_BESIDE.encode())
            connection.cursor().executemany(
                "INSERT INTO meta (name, value) VALUES (%s, %s)", made
            )


def answers(address: str) -> bool:
    """Return whether a server takes connections."""
    try:
        psycopg.connect(address).close()
    except psycopg.OperationalError:
        return False
    return True


def program(name: str) -> str:
    """Return a program of PostgreSQL: on PATH, or where Debian keeps its newest."""
    versions = sorted(_DEBIAN.glob(f"*/bin/{name}"), key=lambda p: int(p.parts[4]))
    found = str(versions[-1]) if versions else shutil.which(name)
    if found is None:
        raise FileNotFoundError(
            f"there is no {name} in {_DEBIAN} and on PATH; `.ci/programs` installs "
            "PostgreSQL (Debian's package), as root or through sudo"
        )
    return found

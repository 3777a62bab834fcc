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
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg

from tests.harness.stored.backends import open_place, place_of
from tests.harness.waiting import GENEROUS_S, wait_until

SCHEMA = "bandit_test"
_WITH_US = ("setpriv", "--pdeathsig", "INT", "--")
"""The server ends with the tests, even where a signal ends them."""
_DEBIAN = Path("/usr/lib/postgresql")
_USER = "postgres"
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


@contextmanager
def postgres_server() -> Iterator[str]:
    """Start a server, yield its address, and stop it."""
    folder = Path(tempfile.mkdtemp(prefix="bandit-postgres-"))
    user = _USER if os.getuid() == 0 else None
    if user is not None:
        # A file that root made in a folder of another one is still root's.
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    try:
        subprocess.run(
            [
                *(_program("initdb"), "-D", folder / "data", "-U", "bandit"),
                *("-A", "trust", "--no-locale", "-E", "UTF8", "--no-sync"),
            ],
            check=True,
            capture_output=True,
            user=user,
            cwd=folder,
        )
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [
                    *_WITH_US,
                    *(_program("postgres"), "-D", folder / "data", "-k", folder),
                    *("-h", "", *_QUICK),
                ],
                stdout=log,
                stderr=log,
                user=user,
                cwd=folder,
            )
        address = f"host={folder} user=bandit dbname=postgres"
        try:
            wait_until(lambda: _answers(address), "the PostgreSQL server answers")
            yield address
        finally:
            # Ends connections that are open, too.
            server.send_signal(signal.SIGINT)
            server.wait(GENEROUS_S)
    finally:
        shutil.rmtree(folder)


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


def _answers(address: str) -> bool:
    try:
        psycopg.connect(address).close()
    except psycopg.OperationalError:
        return False
    return True


def _program(name: str) -> str:
    """Return a program of PostgreSQL: on PATH, or where Debian keeps its newest."""
    versions = sorted(_DEBIAN.glob(f"*/bin/{name}"), key=lambda p: int(p.parts[4]))
    found = str(versions[-1]) if versions else shutil.which(name)
    if found is None:
        raise FileNotFoundError(
            f"there is no {name} in {_DEBIAN} and on PATH; `.ci/programs` installs "
            "PostgreSQL (Debian's package), as root or through sudo"
        )
    return found

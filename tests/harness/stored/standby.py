"""A PostgreSQL server with a standby, which takes its place.

Owns both servers: they have one socket, so that one address reaches whichever serves.
The standby has a replication slot and is asynchronous: what it was not sent is lost
when it takes over.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tests.harness.stored.postgres import USER, WITH_US, answers, program
from tests.harness.waiting import GENEROUS_S, wait_until

SLOT = "standby"
SCHEMA = "bandit"
_LIGHT = (
    *("-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "autovacuum=off"),
    *("-c", "max_connections=60", "-c", "wal_keep_size=64"),
)
_BEHIND = """
    SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) FROM pg_replication_slots
    WHERE slot_name = %s"""


class Pair:
    """A primary that runs, and its standby, which does when it is told to."""

    def __init__(self, folder: Path) -> None:
        """Make and start the primary.

        Args:
            folder: of both; the servers' user owns it.
        """
        self.folder = folder
        self._user = USER if os.getuid() == 0 else None
        self.address = f"host={folder} user=bandit dbname=postgres"
        self.url = f"postgresql://bandit@/postgres?host={folder}&schema={SCHEMA}"
        self._run(
            *(program("initdb"), "-D", folder / "first", "-U", "bandit"),
            *("-A", "trust", "--no-locale", "-E", "UTF8", "--no-sync"),
        )
        self._first = self._start("first", folder)
        wait_until(lambda: answers(self.address), "the primary answers")
        self._second: subprocess.Popen[bytes] | None = None

    def add_standby(self) -> None:
        """Copy the primary, and wait until the standby has all of it."""
        copy = (program("pg_basebackup"), "-D", self.folder / "second")
        self._run(*copy, *("-d", self.address, "-R", "-C", "-S", SLOT, "-c", "fast"))
        apart = self.folder / "apart"
        apart.mkdir()
        self._own(apart)
        self._second = self._start("second", apart)
        wait_until(lambda: self.behind() == 0, "the standby has all")

    @contextmanager
    def receiver(self) -> Iterator[None]:
        """Let a program without a slot take all changes, as some standbys do."""
        folder = self.folder / "received"
        folder.mkdir()
        self._own(folder)
        words = (program("pg_receivewal"), "-d", self.address, "-D", folder)
        process = subprocess.Popen(
            [*WITH_US, *words, "--no-sync"], user=self._user, cwd=self.folder
        )
        try:
            yield
        finally:
            self._end(process, signal.SIGINT)

    def behind(self) -> int:
        """Return how many bytes of changes the standby lacks."""
        with psycopg.connect(self.address, autocommit=True) as connection:
            row = connection.execute(_BEHIND, [SLOT]).fetchone()
        return int(row[0]) if row and row[0] is not None else -1

    def stop_standby(self) -> None:
        """Let the standby miss what comes."""
        self._end(self._second, signal.SIGINT)
        self._second = None

    def start_standby(self) -> None:
        """Let the standby come after."""
        self._second = self._start("second", self.folder / "apart")

    def kill_primary(self) -> None:
        """Stop the primary as `pg_ctl stop -m immediate` does."""
        self._end(self._first, signal.SIGQUIT)

    def restart_primary(self) -> None:
        """Start the primary again, which recovers by itself."""
        self._first = self._start("first", self.folder)

    def promote(self) -> None:
        """Let the standby take the primary's place, with what it has."""
        with (self.folder / "second" / "postgresql.auto.conf").open("a") as file:
            # Its address is now the standby's own.
            file.write("primary_conninfo = ''\n")
        self._second = self._start("second", self.folder)
        wait_until(lambda: answers(self.address), "the standby answers")
        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")

    def close(self) -> None:
        """Stop both."""
        for server in (self._second, self._first):
            self._end(server, signal.SIGINT)

    def _start(self, name: str, sockets: Path) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [
                    *(*WITH_US, program("postgres"), "-D", self.folder / name),
                    *("-k", sockets, "-h", "", *_LIGHT),
                ],
                stdout=log,
                stderr=log,
                user=self._user,
                cwd=self.folder,
            )

    def _run(self, *words: str | Path) -> None:
        subprocess.run(
            words, check=True, capture_output=True, user=self._user, cwd=self.folder
        )

    def _own(self, path: Path) -> None:
        if self._user is not None:
            os.chown(path, pwd.getpwnam(self._user).pw_uid, -1)

    def _end(
        self, server: "subprocess.Popen[bytes] | None", how: signal.Signals
    ) -> None:
        if server is not None:
            with suppress(ProcessLookupError):
                server.send_signal(how)
            server.wait(GENEROUS_S)


@contextmanager
def pair_of_servers() -> Iterator[Pair]:
    """Start a primary, yield it, and stop what runs of it and its standby."""
    folder = Path(tempfile.mkdtemp(prefix="bandit-pair-"))
    try:
        if os.getuid() == 0:
            os.chown(folder, pwd.getpwnam(USER).pw_uid, -1)
        pair = Pair(folder)
        try:
            yield pair
        finally:
            pair.close()
    finally:
        shutil.rmtree(folder)

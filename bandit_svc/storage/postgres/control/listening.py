"""What other machines change, as one process hears of it.

Owns the channel, the process's one connection that listens, its thread, and what is
kept in memory of what was heard: nothing here is asked for by a request. What was said
while nobody could listen is read at the next look, which comes each second.
"""

import os
import select
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import psycopg
from psycopg import sql

from bandit_svc.errors import Unavailable
from bandit_svc.storage.postgres.database import Database

LOOK_EVERY_S: Final = 1.0
LOOK_AT_MODELS_EVERY_S: Final = 2.0
AGAIN_S: Final = 0.5
"""After which a server that was away is tried again."""
CHANGE_S: Final = 15.0
"""A change that has not ended by then was made by a process that is dead."""
TICKS_A_SECOND: Final = 100
"""While a change is under way, what was read is as old as this after one tick."""
_HEARD_ANEW: Final = 2**48
_LINKED: Final = "linked"
_SAY: Final = "SELECT pg_notify(%s, %s)"

Versions = Mapping[int, int]


class Listening:
    """What one process has heard. Thread-safe; it begins with the first question."""

    def __init__(self, database: Database, *, tables: Mapping[str, str]) -> None:
        """Describe what is listened to.

        Args:
            database: of the store.
            tables: how the newest versions of each table of models are asked for.
        """
        self._database = database
        self._channel = f"{database.schema} changes"
        self._tables = tables
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wake = -1
        self._ends = False
        self._number = 0
        self._times_lost = 0
        self._times_looked = 0
        self._was_missed = False
        self._was_heard = self._is_heard = False
        self._open: dict[int, float] = {}
        self._newest: dict[str, dict[int, int]] = {}
        self._units_are_read = False

    def number(self) -> int:
        """Return a number that differs after any change to definitions.

        While a change is under way it differs with each look that comes later, as
        nobody knows yet whether it was committed.

        Raises:
            Unavailable: nothing was heard yet, and the server is away.
        """
        if self._thread is None:
            self._begin()
        if self._open and self._is_heard:
            now_s = time.monotonic()
            if any(until_s > now_s for until_s in list(self._open.values())):
                ticks = int(now_s * TICKS_A_SECOND)
                return -1 - ticks - self._times_looked * _HEARD_ANEW
        return self._number + self._times_lost * _HEARD_ANEW

    def look(self) -> None:
        """Read the number now: what was said may not have been heard yet.

        Raises:
            Unavailable: the server is away.
        """
        with self._database.soon() as plain:
            self._look(plain, with_models=False)
        # While a change is under way, within a tick as well.
        self._times_looked += 1

    def missed(self) -> None:
        """Let the number differ at the next look: what it told of was not read."""
        self._was_missed = True

    def newest(self, table: str) -> Versions:
        """Return the newest version of each experiment, by its number.

        Raises:
            Unavailable: nothing was heard yet, and the server is away.
        """
        if self._thread is None:
            self._begin()
        return self._newest[table]

    def units_are_read(self) -> bool:
        """Return whether the states of units must be read; see storage.units.Units.

        Raises:
            Unavailable: nothing was heard yet, and the server is away.
        """
        if self._thread is None:
            self._begin()
        return self._units_are_read

    def change_begins(self) -> int:
        """Announce that definitions are about to change; return its name."""
        number = self._next("begins ")
        self._open[number] = time.monotonic() + CHANGE_S
        return number

    def change_ends(self, begun: int | None = None) -> None:
        """Announce that they have changed, or would have."""
        number = self._next(f"ends {begun or 0} ")
        self._number = max(self._number, number)
        self._open.pop(begun or 0, None)

    def published(self, table: str, number: int, version: int) -> None:
        """Announce a model; those who don't hear it see it at a look."""
        with suppress(Unavailable), self._database.soon() as plain:
            plain.execute(_SAY, [self._channel, f"{table} {number} {version}"])

    def units_were_linked(self) -> None:
        """Announce that states of units must be read, where it is news."""
        if self._units_are_read:
            return
        self._units_are_read = True
        with suppress(Unavailable), self._database.soon() as plain:
            plain.execute(_SAY, [self._channel, _LINKED])

    def close(self) -> None:
        """Stop listening; idempotent."""
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is None:
                return
            self._ends = True
            os.eventfd_write(self._wake, 1)
        thread.join()
        os.close(self._wake)
        self._ends = False

    def _next(self, words: str) -> int:
        with self._database.soon() as plain:
            row = plain.execute(
                "SELECT n, pg_notify(%s, %s || n) FROM nextval('changes') AS n",
                [self._channel, words],
            ).fetchone()
        return 0 if row is None else int(row[0])

    def _begin(self) -> None:
        """Look once, then listen in a thread."""
        with self._lock:
            if self._thread is not None:
                return
            with self._database.soon() as plain:
                self._look(plain, with_models=True)
            self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            thread = threading.Thread(target=self._run, daemon=True, name="changes")
            thread.start()
            self._thread = thread

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        while not self._ends:
            # What is in memory is what is known; it is read again when the server is
            # there again.
            with suppress(Unavailable), self._database.soon() as plain:
                self._listen(plain)
            self._is_heard = False
            if not self._ends:
                poll.poll(AGAIN_S * 1_000)

    def _listen(self, plain: "psycopg.Connection[Any]") -> None:
        plain.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
        # What was said before may have been missed, and a server that took over from
        # another one may be behind it.
        self._open.clear()
        self._look(plain, with_models=True)
        self._times_lost += self._was_heard
        self._was_heard = self._is_heard = True
        poll = select.poll()
        for readable in (self._wake, plain.fileno()):
            poll.register(readable, select.POLLIN)
        looked_s = models_s = time.monotonic()
        while not self._ends:
            poll.poll(LOOK_EVERY_S * 1_000)
            for said in plain.notifies(timeout=0):
                self._hear(said.payload)
            now_s = time.monotonic()
            if now_s - looked_s >= LOOK_EVERY_S:
                missed, self._was_missed = self._was_missed, False
                with_models = now_s - models_s >= LOOK_AT_MODELS_EVERY_S
                self._look(plain, with_models=with_models)
                # This connection may have outlived what made another one fail.
                self._times_lost += missed
                looked_s = now_s
                models_s = now_s if with_models else models_s

    def _hear(self, said: str) -> None:
        match said.split():
            case ["begins", number]:
                self._open[int(number)] = time.monotonic() + CHANGE_S
            case ["linked"]:
                self._units_are_read = True
            case ["ends", begun, number]:
                self._number = max(self._number, int(number))
                self._open.pop(int(begun), None)
            case [table, number, version] if table in self._newest:
                known = self._newest[table]
                known[int(number)] = max(known.get(int(number), 0), int(version))

    def _look(self, plain: "psycopg.Connection[Any]", *, with_models: bool) -> None:
        """Read what is true now."""
        units = sql.Identifier(f"{self._database.schema}_units", "place")
        row = plain.execute(
            sql.SQL(
                "SELECT last_value, (SELECT max(links) FROM {}) FROM changes"
            ).format(units)
        ).fetchone()
        if row is not None:
            self._number = int(row[0])
            self._units_are_read = bool(row[1])
        now_s = time.monotonic()
        for number, until_s in list(self._open.items()):
            if until_s <= now_s:
                self._open.pop(number, None)
        if with_models:
            for table, question in self._tables.items():
                found = plain.execute(question.encode()).fetchall()
                self._newest[table] = dict(found)

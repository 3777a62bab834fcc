"""Connections whose answers are not waited for without end.

Owns the limit. A server that is cut off, or whose machine hangs, refuses nothing and
says nothing; who waits for it would wait for ever.
"""

import time
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen

Made = TypeVar("Made")

_LOOK_S: Final = 0.1
_NOTHING_YET: Final = 0


class SilentServerError(psycopg.OperationalError):
    """The server has not answered in time; its connection is of no use any more."""


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection of psycopg, with the most seconds that an answer may take."""

    most_s: float | None = None

    def wait(
        self,
        gen: PQGen[Made],
        interval: float = _LOOK_S,
        timeout: float | None = None,
    ) -> Made:
        """Wait for an answer, as psycopg does.

        Raises:
            SilentServerError: none has come in time.
        """
        if self.most_s is not None:
            gen = _limited(gen, self.most_s)
        if timeout is None:
            return super().wait(gen, interval)
        return super().wait(gen, interval, timeout)


def _limited(gen: PQGen[Made], most_s: float) -> PQGen[Made]:
    """Pass on what a generator of psycopg waits for, until the time is up."""
    until_s = time.monotonic() + most_s
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if ready == _NOTHING_YET and time.monotonic() > until_s:
                raise SilentServerError(f"the server has not answered for {most_s:g} s")
            wanted = gen.send(ready)
    except StopIteration as end:
        made: Made = end.value
        return made

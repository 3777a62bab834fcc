"""The network addresses of a service's name, within a deadline.

Owns the look-up and what is remembered of it. The operating system's look-up can not be
interrupted: it runs in a thread of its own, one at a time, and callers wait for it no
longer than their deadline. An address that was found is used for a minute, and beyond
it until a newer one is found.
"""

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final, NamedTuple

from .deadline import Clock, Deadline

FRESH_S: Final = 60.0


class Place(NamedTuple):
    """Where to connect to."""

    family: int
    host: str
    port: int


LookUp = Callable[[str, int], Sequence[Place]]
"""Finds the places of a name; may block."""


def look_up(host: str, port: int) -> list[Place]:
    """Return the places that the operating system knows for a name.

    Raises:
        OSError: it knows none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [Place(family, str(where[0]), port) for family, _, _, _, where in found]


class Names:
    """Finds the places of one host; safe to use from many threads."""

    def __init__(
        self,
        host: str,
        port: int,
        find: LookUp = look_up,
        now_s: Clock = time.monotonic,
    ) -> None:
        self._host, self._port = host, port
        self._find = find
        self._now_s = now_s
        self._lock = threading.Lock()
        self._running: Future[Sequence[Place]] | None = None
        self._found = _literal(host, port)
        self._found_s = float("inf") if self._found else 0.0

    def known(self) -> Sequence[Place]:
        """Return the places that were found; none where the first look-up is to come.

        A look-up that has grown old is repeated in the background.
        """
        found = self._found
        if found and self._now_s() - self._found_s > FRESH_S:
            self.ask()
        return found

    def places(self, deadline: Deadline) -> Sequence[Place]:
        """Return the places, those that are remembered if there are any.

        Raises:
            TimeoutError: none was found within the deadline.
            OSError: there are none.
        """
        return self.known() or self.ask().result(deadline.left_s())

    def ask(self) -> "Future[Sequence[Place]]":
        """Return the look-up that runs; start it if none does."""
        with self._lock:
            if self._running is not None:
                return self._running
            asked: Future[Sequence[Place]] = Future()
            self._running = asked
        try:
            threading.Thread(
                target=self._run, args=(asked,), name="bandit-names", daemon=True
            ).start()
        except RuntimeError:
            # A program that is ending can't start a thread any more.
            self._run(asked)
        return asked

    def _run(self, asked: "Future[Sequence[Place]]") -> None:
        try:
            found = self._find(self._host, self._port)
            if not found:
                raise OSError(f"{self._host} has no address")  # noqa: TRY301
        # An error of any kind is the caller's answer; it must not end here.
        except Exception as error:  # noqa: BLE001
            self._end()
            asked.set_exception(error)
        else:
            self._found, self._found_s = found, self._now_s()
            self._end()
            asked.set_result(found)

    def _end(self) -> None:
        with self._lock:
            self._running = None


def _literal(host: str, port: int) -> Sequence[Place]:
    """Return the place of an address that is written in digits; none of a name."""
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return []
    return [Place(socket.AF_INET if version == 4 else socket.AF_INET6, host, port)]  # noqa: PLR2004

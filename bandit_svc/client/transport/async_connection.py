"""Kept connections of one event loop, each call within its deadline.

Owns the streams of asyncio as `connection` owns sockets. Connections belong to the
loop that opened them.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from weakref import WeakKeyDictionary

from .address import Address
from .connection import MOST_KEPT, PIECE, was_closed_while_idle
from .deadline import Deadline
from .names import Names, Place
from .response import Response, ResponseReader

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class AsyncConnections:
    """The connections of one process's event loops to one service."""

    def __init__(self, address: Address, names: Names) -> None:
        self._address = address
        self._names = names
        self._idle_of: WeakKeyDictionary[asyncio.AbstractEventLoop, deque[Streams]] = (
            WeakKeyDictionary()
        )

    async def exchange(
        self, request: bytes, deadline: Deadline, *, repeatable: bool = True
    ) -> Response:
        """Send a request and return its answer, as `Connections.exchange` does.

        Raises:
            OSError: no connection, or it broke; TimeoutError if the time is over.
            BadResponseError: what came is no answer.
        """
        async with asyncio.timeout(deadline.left_s()):
            idle = self._idle()
            if repeatable and idle:
                try:
                    return await self._use(idle.pop(), request)
                except OSError as error:
                    if not was_closed_while_idle(error):
                        raise
                    # The others have been idle for longer.
                    await self.close()
            return await self._use(await self._opened(deadline), request)

    async def close(self) -> None:
        """Close the connections of the running loop that no call uses."""
        idle = self._idle()
        while idle:
            writer = idle.pop()[1]
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()

    def _idle(self) -> deque[Streams]:
        loop = asyncio.get_running_loop()
        idle = self._idle_of.get(loop)
        if idle is None:
            idle = self._idle_of[loop] = deque()
        return idle

    async def _opened(self, deadline: Deadline) -> Streams:
        """Connect to the first place that answers."""
        places = self._names.known() or await self._found()
        for n, place in enumerate(places):
            try:
                async with asyncio.timeout(deadline.left_s() / (len(places) - n)):
                    return await self._connect(place)
            except OSError:
                if n + 1 == len(places):
                    raise
        raise OSError(f"{self._address.host} has no address")

    async def _found(self) -> Sequence[Place]:
        """Wait for the look-up; a call that gives up leaves it to the others."""
        return await asyncio.shield(asyncio.wrap_future(self._names.ask()))

    async def _connect(self, place: Place) -> Streams:
        tls = self._address.tls
        return await asyncio.open_connection(
            place.host,
            place.port,
            ssl=tls,
            server_hostname=self._address.host if tls else None,
        )

    async def _use(self, streams: Streams, request: bytes) -> Response:
        reader, writer = streams
        try:
            writer.write(request)
            await writer.drain()
            parts = ResponseReader()
            while (answer := parts.feed(await reader.read(PIECE))) is None:
                pass
        except BaseException:
            # Without waiting for what is still to be sent.
            writer.transport.abort()
            raise
        idle = self._idle()
        if answer.keeps and len(idle) < MOST_KEPT:
            idle.append(streams)
        else:
            with suppress(OSError):
                writer.close()
        return answer

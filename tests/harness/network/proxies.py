"""Links between the parts of a cluster that go through a proxy of ours.

Owns what stands in the place of namespaces where this user may not make them. While a
link is cut, nothing passes and nothing is refused, as where packets vanish; a lost
packet is one that comes later, since TCP sends it again.
"""

import asyncio
import contextlib
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks.cluster.cluster import Places
from benchmarks.cluster.part import Address, Place
from tests.harness.network.links import LINKS, Link, Room

_CHUNK = 65_536
_AGAIN_AFTER_S = 0.2
"""The least time after which Linux sends a lost packet again."""


class ProxiedLink:
    """All connections from one part to another.

    Attributes:
        delay_s: of what passes, each way.
        loss: the share of chunks that come later.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.delay_s = self.loss = 0.0
        self._loop = loop
        self._random = random.Random(7)  # noqa: S311 - a seeded test
        self._whole = asyncio.Event()
        self.mend()

    def cut(self) -> None:
        """Let nothing pass."""
        self._loop.call_soon_threadsafe(self._whole.clear)

    def mend(self) -> None:
        """Let everything pass, also what waits."""
        self._loop.call_soon_threadsafe(self._whole.set)

    def spoil(self, delay_s: float, loss: float) -> None:
        """Delay all that passes each way, and a share of it for longer."""
        self.delay_s, self.loss = delay_s, loss

    async def open(self, target: Address) -> Address:
        """Listen for connections to an address; return where."""
        serve = partial(self._connect, target)
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()[:2]
        return host, port

    async def _connect(
        self,
        target: Address,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        await self._whole.wait()
        try:
            behind_reader, behind_writer = await asyncio.open_connection(*target)
        except OSError:
            writer.close()
            return
        ways = (self._pass(reader, behind_writer), self._pass(behind_reader, writer))
        with contextlib.suppress(OSError):
            await asyncio.gather(*ways)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while chunk := await reader.read(_CHUNK):
                await self._whole.wait()
                late = self._random.random() < self.loss
                await asyncio.sleep(self.delay_s + (_AGAIN_AFTER_S if late else 0.0))
                writer.write(chunk)
                await writer.drain()
        finally:
            writer.close()


class Proxies:
    """The links of a cluster whose parts all listen on loopback."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.wires = {link: ProxiedLink(loop) for link in LINKS}

    @property
    def places(self) -> Places:
        """Where the parts run, and how web and learner reach the others."""
        web, learner = (
            Place(reach=partial(self._reach, room)) for room in ("web", "learner")
        )
        return Places(web=web, learner=learner)

    def _reach(self, room: Room, other: Room, address: Address) -> Address:
        link: Link = (room, other)
        opened = asyncio.run_coroutine_threadsafe(
            self.wires[link].open(address), self._loop
        )
        return opened.result()


@contextmanager
def proxies() -> Iterator[Proxies]:
    """Run the proxies in a thread, yield them, and end them."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield Proxies(loop)
    finally:
        asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _cancel_all() -> None:
    others = [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)

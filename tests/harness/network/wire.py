"""A wire between two network namespaces that can be slow, lossy or cut.

Owns two TUN devices and the thread that carries packets from one to the other. So it
needs no `tc`, of which many kernels lack what delays and drops packets.
"""

import fcntl
import heapq
import itertools
import os
import random
import select
import struct
import subprocess
import threading
import time
from contextlib import suppress

_TUN = "/dev/net/tun"
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_LARGEST = 65_536


class End:
    """One end of a wire: a device within a namespace, and the way to the other end."""

    def __init__(self, name: str, space: str, address: str, peer: str) -> None:
        self._device, self._space = name, space
        self._address, self._peer = address, peer
        self.fd = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK)
        asked = struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI)
        fcntl.ioctl(self.fd, _TUNSETIFF, asked)
        _ip("link", "set", name, "netns", space)

    def up(self) -> None:
        """Take packets, and send what is for the other end's address this way."""
        self._in_space("link", "set", self._device, "up")
        way = ("dev", self._device, "src", self._address)
        self._in_space("route", "replace", f"{self._peer}/32", *way)

    def down(self) -> None:
        """Take no packets; the kernel forgets the way."""
        self._in_space("link", "set", self._device, "down")

    def read(self) -> bytes:
        """Return one packet; empty for none."""
        with suppress(OSError):
            return os.read(self.fd, _LARGEST)
        return b""

    def write(self, packet: bytes) -> None:
        """Deliver a packet; one that comes to a device that is down is lost."""
        with suppress(OSError):
            os.write(self.fd, packet)

    def close(self) -> None:
        """Let go of the device, which then is gone."""
        os.close(self.fd)

    def _in_space(self, *words: str) -> None:
        _ip("-n", self._space, *words)


class Wire:
    """Two ends and what is between them.

    Attributes:
        delay_s: of each packet, each way.
        loss: the share of packets that are lost.
    """

    def __init__(self, one: End, other: End) -> None:
        self.delay_s = self.loss = 0.0
        self._ends = (one, other)
        self._random = random.Random(7)  # noqa: S311 - a seeded test
        self._order = itertools.count()
        self._under_way: list[tuple[float, int, End, bytes]] = []
        self._stopping, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self.mend()
        self._thread.start()

    def cut(self) -> None:
        """Take the devices of both ends down."""
        for end in self._ends:
            end.down()

    def mend(self) -> None:
        """Take the devices of both ends up."""
        for end in self._ends:
            end.up()

    def spoil(self, delay_s: float, loss: float) -> None:
        """Delay every packet each way, and lose a share of them."""
        self.delay_s, self.loss = delay_s, loss

    def close(self) -> None:
        """Stop carrying and remove both devices."""
        os.close(self._stop)
        self._thread.join()
        os.close(self._stopping)
        for end in self._ends:
            end.close()

    def _carry(self) -> None:
        one, other = self._ends
        across = {one.fd: (one, other), other.fd: (other, one)}
        watched = [*across, self._stopping]
        while True:
            ready, _, _ = select.select(watched, [], [], self._pause_s())
            if self._stopping in ready:
                return
            for fd in ready:
                source, target = across[fd]
                while packet := source.read():
                    self._send(target, packet)
            while self._under_way and self._under_way[0][0] <= time.monotonic():
                _, _, target, packet = heapq.heappop(self._under_way)
                target.write(packet)

    def _pause_s(self) -> float | None:
        if not self._under_way:
            return None
        return max(0.0, self._under_way[0][0] - time.monotonic())

    def _send(self, target: End, packet: bytes) -> None:
        if self._random.random() < self.loss:
            return
        at_s = time.monotonic() + self.delay_s
        heapq.heappush(self._under_way, (at_s, next(self._order), target, packet))


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)

"""Network namespaces of a cluster: web, stream, store and learner apart.

Owns the namespaces, the address of each, and the wires between those that talk to each
other. The test itself stays outside, reaches web, stream and store, and is no part of
what is cut.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.cluster.cluster import Places
from benchmarks.cluster.part import Place
from tests.harness.network.links import LINKS, ROOMS, Link, Room
from tests.harness.network.wire import End, Wire

_OUTSIDE: tuple[Room, ...] = ("web", "stream", "store")
_NETWORK = "10.213"


class Namespaces:
    """Four namespaces; `places` of a cluster's parts, and the wires by their ends."""

    def __init__(self, ends: ExitStack) -> None:
        self._tag = f"{os.getpid() % 10_000}"
        self._spaces = {room: f"b{self._tag}-{room}" for room in ROOMS}
        self._addresses = {
            room: f"{_NETWORK}.{os.getpid() % 250}.{at}"
            for at, room in enumerate(ROOMS, start=1)
        }
        for room, space in self._spaces.items():
            _ip("netns", "add", space)
            ends.callback(_ip, "netns", "delete", space)
            _ip("-n", space, "link", "set", "lo", "up")
            address = f"{self._addresses[room]}/32"
            _ip("-n", space, "address", "add", address, "dev", "lo")
        for room in _OUTSIDE:
            ends.callback(_ip, "link", "delete", self._lead_outside(room))
        self.wires = {link: self._wire(at, link) for at, link in enumerate(LINKS)}
        for wire in self.wires.values():
            ends.callback(wire.close)

    @property
    def places(self) -> Places:
        """Where the parts of each kind run."""
        rooms: tuple[Room, ...] = ("store", "stream", "web", "learner")
        return Places(*(self._place(room) for room in rooms))

    def _place(self, room: Room) -> Place:
        space = self._spaces[room]
        return Place(("ip", "netns", "exec", space), self._addresses[room])

    def _lead_outside(self, room: Room) -> str:
        """Join a namespace with that of the test; return the device outside."""
        space, address = self._spaces[room], self._addresses[room]
        outside = f"{address.rpartition('.')[0]}.{100 + ROOMS.index(room)}"
        device = f"b{self._tag}o{ROOMS.index(room)}"
        pair = ("type", "veth", "peer", "name", "outside", "netns", space)
        _ip("link", "add", device, *pair)
        _ip("address", "add", f"{outside}/32", "dev", device)
        _ip("link", "set", device, "up")
        _ip("-n", space, "link", "set", "outside", "up")
        _ip("route", "add", f"{address}/32", "dev", device, "src", outside)
        back = ("dev", "outside", "src", address)
        _ip("-n", space, "route", "add", f"{outside}/32", *back)
        return device

    def _wire(self, at: int, link: Link) -> Wire:
        one, other = link
        ends = (
            End(
                f"b{self._tag}w{at}{side}",
                self._spaces[room],
                self._addresses[room],
                self._addresses[peer],
            )
            for side, (room, peer) in enumerate(((one, other), (other, one)))
        )
        return Wire(*ends)


@contextmanager
def namespaces() -> Iterator[Namespaces]:
    """Make the namespaces, yield them, and remove them."""
    with ExitStack() as ends:
        yield Namespaces(ends)


def can_make_namespaces() -> bool:
    """Return whether this user may, and the kernel has the devices of our wires."""
    if os.getuid() != 0 or not Path("/dev/net/tun").exists():
        return False
    probe = f"b{os.getpid()}-probe"
    made = subprocess.run(
        ["ip", "netns", "add", probe], capture_output=True, check=False
    )
    if made.returncode == 0:
        _ip("netns", "delete", probe)
    return made.returncode == 0


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)

"""A cluster on one machine: what it consists of, its start, its care and its end.

Owns which parts there are, the order of their start and end, and that one that died
is started again. For the main thread of a process.
"""

import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psycopg

from bandit_svc.storage.interface import Storage
from bandit_svc.wiring import Backends
from benchmarks.cluster.audit import backends_of
from benchmarks.cluster.jetstream import Nats, Ports
from benchmarks.cluster.part import ClusterError, Part, Place
from benchmarks.cluster.postgres import Postgres
from benchmarks.cluster.processes import adopt_orphans, descendants_of
from benchmarks.cluster.service import LearnerNode, WebNode, make_store

READY_WITHIN_S = 300.0
DRAIN_WITHIN_S = 15.0
ENGINES_END_WITHIN_S = 10.0
POLL_S = 0.05
# Starts of one part after which it is said to be broken.
MOST_STARTS = 40


class Shape(NamedTuple):
    """How many parts of each kind there are.

    Attributes:
        servers: nats-servers; 0 for a learner that reads the files of one web node.
        nodes: web nodes.
    """

    servers: int = 3
    nodes: int = 2
    learners: int = 2
    partitions: int = 4


FILES = Shape(servers=0, nodes=1, learners=1)
"""PostgreSQL alone: web and learner share one machine and one data folder."""


class Places(NamedTuple):
    """Where the parts of each kind run."""

    store: Place = Place()
    stream: Place = Place()
    web: Place = Place()
    learner: Place = Place()


HERE = Places()


class Cluster:
    """The parts, which `start` starts in order and `tend` keeps running."""

    def __init__(self, folder: Path, shape: Shape, places: Places = HERE) -> None:
        adopt_orphans()
        self.folder, self.shape = folder, shape
        ports = iter(_free_ports(1 + 3 * shape.servers + shape.nodes))
        self.postgres = Postgres(folder / "postgres", places.store, next(ports))
        self.servers = _servers(folder, places.stream, shape.servers, ports)
        self.settings = self._settings(Place())
        """As they are outside of every place: those of commands."""
        web, learner = self._settings(places.web), self._settings(places.learner)
        self.nodes = [
            WebNode(folder / f"web-{n}", places.web, next(ports), web)
            for n in range(1, shape.nodes + 1)
        ]
        self.learners = [
            LearnerNode(name, self._data_of(name), places.learner, learner)
            for name in (f"learner-{n}" for n in range(1, shape.learners + 1))
        ]
        self.key = ""
        """The secret key of the service, once it is made."""
        self._store: Backends | None = None
        self._parts: list[Part] = []
        self._starts: dict[str, int] = {}

    def start(self, wait: Callable[[float], bool]) -> bool:
        """Start every part in order; return False if `wait` returned True before.

        Raises:
            ClusterError: a part ended, or was not ready within 300 s.
        """
        engines: list[Postgres | Nats] = [self.postgres, *self.servers]
        for engine in engines:
            engine.create()
            self._launch(engine)
        steps: list[tuple[Part, Callable[[], bool]]] = [
            (self.postgres, lambda: answers(self.postgres.url()))
        ]
        steps += [(server, server.is_healthy) for server in self.servers]
        for part, ready in steps:
            if not self._until(part, ready, wait):
                return False
        self.key = make_store(self._folders(), self.settings)
        for node in self.nodes:
            self._launch(node)
        for node in self.nodes:
            if not self._until(node, node.is_ready, wait):
                return False
        for learner in self.learners:
            self._launch(learner)
        return True

    def tend(self) -> None:
        """Start again what has died.

        Raises:
            ClusterError: a part dies again and again.
        """
        for part in self._parts:
            if part.is_running():
                continue
            self._starts[part.name] = self._starts.get(part.name, 0) + 1
            if self._starts[part.name] > MOST_STARTS:
                raise ClusterError(
                    f"{part.name} ended {MOST_STARTS} times; the end of its log:\n"
                    f"{part.log_tail()}"
                )
            part.start()

    def opened(self) -> Backends:
        """Open the store that the nodes share; the caller closes it."""
        return backends_of(self.nodes[0].data, self.settings)

    def store(self) -> Storage:
        """Return the store, which is opened once: a look at it costs little."""
        if self._store is None:
            self._store = self.opened()
        return self._store.storage

    def is_whole(self) -> bool:
        """Return whether every part runs, and the engines and nodes answer."""
        return (
            all(part.is_running() for part in self._parts)
            and all(server.is_healthy() for server in self.servers)
            and all(node.is_ready() for node in self.nodes)
        )

    def stop(self) -> None:
        """Stop nodes and learners, then the engines; kill what is left of them."""
        if self._store is not None:
            self._store.close()
            self._store = None
        below = descendants_of(os.getpid())
        own = [part for part in self._parts if isinstance(part, WebNode | LearnerNode)]
        engines = [part for part in self._parts if part not in own]
        _end(own, DRAIN_WITHIN_S)
        _end(engines, ENGINES_END_WITHIN_S)
        for pid in {*below, *descendants_of(os.getpid())}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for part in self._parts:
            part.ended_within(1.0)

    def _settings(self, place: Place) -> Mapping[str, str]:
        """Return the settings of a part that runs somewhere."""
        store = self.postgres.url(place.reach("store", self.postgres.address))
        if not self.servers:
            return {"BANDIT_STORE": store}
        found = (place.reach("stream", server.address) for server in self.servers)
        hosts = ",".join(f"{host}:{port}" for host, port in found)
        copies = min(3, len(self.servers))
        options = f"partitions={self.shape.partitions}&replicas={copies}"
        return {
            "BANDIT_STORE": store,
            "BANDIT_STREAM": f"nats://{hosts}/bandit?{options}",
            "BANDIT_SHARDS": "auto",
        }

    def _folders(self) -> list[Path]:
        """Return the data folders of web nodes and learners."""
        folders = [node.data for node in self.nodes]
        if not self.servers:
            return folders
        return folders + [self._data_of(learner.name) for learner in self.learners]

    def _data_of(self, learner: str) -> Path:
        """Return a folder of its own, or that of the web node whose files it reads."""
        return self.folder / learner if self.servers else self.nodes[0].data

    def _launch(self, part: Part) -> None:
        part.start()
        self._parts.append(part)

    def _until(
        self, part: Part, ready: Callable[[], bool], wait: Callable[[float], bool]
    ) -> bool:
        deadline_s = time.monotonic() + READY_WITHIN_S
        while not ready():
            if not part.is_running() or time.monotonic() > deadline_s:
                raise ClusterError(
                    f"{part.name} was not ready within {READY_WITHIN_S:.0f} s; the "
                    f"end of its log:\n{part.log_tail()}"
                )
            if wait(POLL_S):
                return False
        return True


def answers(url: str) -> bool:
    """Return whether a PostgreSQL server takes connections."""
    try:
        psycopg.connect(url.partition("?")[0], connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def cluster_folder() -> Iterator[Path]:
    """Yield a folder that goes away with all that is in it."""
    with tempfile.TemporaryDirectory(
        prefix="bandit-cluster-", ignore_cleanup_errors=True
    ) as folder:
        # The user of the PostgreSQL server passes through.
        Path(folder).chmod(0o711)
        yield Path(folder)


def _servers(
    folder: Path, place: Place, count: int, ports: Iterator[int]
) -> list[Nats]:
    sets = [Ports(next(ports), next(ports), next(ports)) for _ in range(count)]
    routes = [one.route for one in sets]
    return [
        Nats(folder / f"nats-{n}", place, one, routes)
        for n, one in enumerate(sets, start=1)
    ]


def _end(parts: Sequence[Part], within_s: float) -> None:
    """Ask parts to stop; kill those that are left after so long."""
    for part in parts:
        part.ask_to_stop()
    deadline_s = time.monotonic() + within_s
    for part in parts:
        if not part.ended_within(deadline_s - time.monotonic()):
            part.kill()


def _free_ports(count: int) -> list[int]:
    """Return ports that are free now, all different."""
    with ExitStack() as held:
        probes = [
            held.enter_context(socket.create_server(("127.0.0.1", 0)))
            for _ in range(count)
        ]
        return [int(probe.getsockname()[1]) for probe in probes]

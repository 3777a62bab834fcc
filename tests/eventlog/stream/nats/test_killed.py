"""Shippers and learners that are killed at any moment lose nothing and double nothing.

The processes are real, and so are their clock, the stream and the stores.
"""

import random
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bandit_svc.clock import now_ms
from bandit_svc.domain.events.decision import Decision
from bandit_svc.eventlog.interface import START
from bandit_svc.eventlog.stream.address import stream_address
from bandit_svc.storage.factory import open_storage
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.sqlite.rows.decisions import shown_id
from tests.harness.nats.follower import Follower
from tests.harness.nats.sending import Sender
from tests.harness.nats.servers import NatsServer, nats_server
from tests.harness.process import Process, plain_environment
from tests.harness.service import SECOND_MS, Service
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.e2e

PHASES, LEAST_ROUNDS, MOST_ROUNDS = 7, 20, 80
LEARNER = "tests.harness.nats.learner_process"
SHIPPER = "bandit_svc.shipper"
NOBODY = "postgresql://nobody@127.0.0.1:1/nobody"
"""A shipper asks the store for the agreed time alone, and goes on without it."""


class World:
    """A service here, and the processes that ship its log and learn from the stream."""

    def __init__(self, service: Service, server: NatsServer, folder: Path) -> None:
        self.random = random.Random(5)  # noqa: S311 - a seeded test
        self.service = service
        self.address = f"{server.address}/killed?partitions=2"
        self._folder = folder
        self._learning = folder / "follower"
        stream = stream_address(self.address)
        with (
            closing(Sender(stream)),
            closing(Follower(service, stream, self._learning)),
        ):
            # It has copied the store, and made the stream.
            pass
        self._processes = {name: self._start(name) for name in (LEARNER, SHIPPER)}

    def play(self) -> None:
        """Decide and reward for a while, at the time that the processes have too."""
        for _ in range(self.random.randrange(LEAST_ROUNDS, MOST_ROUNDS)):
            # The round is ten milliseconds later.
            self.service.now_ms = now_ms() - 10
            self.service.round(self.random.choice(self.service.workers))

    def kill_one(self) -> None:
        """Kill a process, whatever it does now, and start another one in its place."""
        name = self.random.choice((LEARNER, SHIPPER))
        self._processes[name].end()
        self._processes[name] = self._start(name)

    @property
    def store(self) -> Path:
        return self._learning / "bandit.db"

    def _start(self, name: str) -> Process:
        arguments = [str(self._learning), self.address] if name == LEARNER else []
        variables = {
            "BANDIT_DATA": self.service.settings.data,
            "BANDIT_STREAM": self.address,
            "BANDIT_STORE": NOBODY,
            "BANDIT_NODE": "web-1",
        }
        return Process(
            [sys.executable, "-m", name, *arguments],
            self._folder / f"{name}.log",
            plain_environment(**variables),
        )

    def close(self) -> None:
        for process in self._processes.values():
            process.end()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path / "embedded")
    made.now_ms = now_ms()
    made.start()
    made.create(holdout=0.1)
    yield made
    made.close()


@pytest.fixture
def world(service: Service, tmp_path: Path) -> Iterator[World]:
    with nats_server() as server, closing(World(service, server, tmp_path)) as made:
        yield made


def test_kills_lose_nothing_double_nothing_and_change_no_byte_of_the_model(
    service: Service, world: World
) -> None:
    for _ in range(PHASES):
        world.play()
        world.kill_one()
    written = {
        worker.log.partition: logged(service, worker.log.partition)
        for worker in service.workers
    }
    count = sum(map(len, written.values()))
    follower = open_storage(world.store.parent)
    wait_until(lambda: learned(follower) == count, f"{count} decisions learned")
    world.close()
    service.now_ms = now_ms() + 2 * SECOND_MS
    service.learner.tick()

    with closing(sqlite3.connect(world.store)) as connection:
        rows = connection.execute("SELECT id FROM decisions ORDER BY row_id").fetchall()
    kept = [shown_id(raw) for (raw,) in rows]
    for source, ids in written.items():
        assert [one for one in kept if one in set(ids)] == ids, source
    assert len(kept) == count
    assert order_of(follower) == order_of(service.storage)
    # A reward that came twice would have been counted as a repeat.
    counts = [store.facts.totals(1).counts for store in (follower, service.storage)]
    assert counts[0] == counts[1]
    ours, theirs = (s.model_versions.latest(1) for s in (follower, service.storage))
    assert ours is not None
    assert theirs is not None
    assert ours.state == theirs.state
    assert ours.meta.cursor == theirs.meta.cursor == count


def logged(service: Service, partition: str) -> list[str]:
    """Return the ids of the decisions of a worker, in the order of its log."""
    batch = service.backends.reader.read(partition, START, 10**9)
    decode = service.backends.decoder.decode
    facts = [decode(record, batch.parts) for record in batch.records]
    return [fact.id for fact in facts if isinstance(fact, Decision)]


def learned(storage: Storage) -> int:
    """Return how many decisions the newest model has learned."""
    newest = storage.model_versions.newest(1)
    return 0 if newest is None else newest.cursor


def order_of(storage: Storage) -> list[str]:
    return [row.decision.id for row in storage.joins.after(1, 0, 10**6)]

"""Learners that share a stream come to what one learner of the files comes to."""

import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import psycopg
import pytest
from msgspec.structs import replace

from bandit_svc.domain.events.decision_id import SECRET_BYTES
from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.stream.address import StreamAddress, stream_address
from bandit_svc.eventlog.stream.engines import stream_source
from bandit_svc.eventlog.stream.nats.sink import JetSink
from bandit_svc.eventlog.stream.outbox import Outbox
from bandit_svc.eventlog.stream.partitions import partition_names, partition_of
from bandit_svc.eventlog.stream.shipper import Shipper
from bandit_svc.learner.loop import Learner, Tick
from bandit_svc.learner.scoring.scorers import Scorers
from bandit_svc.learner.sharing.share import SharedWork
from bandit_svc.services.learning.replay import replay
from bandit_svc.services.managing import lifecycle
from bandit_svc.settings import Settings
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.postgres import schema
from bandit_svc.storage.postgres.database import Database
from bandit_svc.storage.postgres.sharing.shares import PostgresMember, PostgresShares
from bandit_svc.storage.postgres.store import PostgresStorage
from bandit_svc.wiring import Backends
from tests.harness.nats.sending import Sender
from tests.harness.nats.servers import NatsServer, nats_server
from tests.harness.service import T0_MS, Service
from tests.harness.stored.postgres import SCHEMA, as_it_was_made, url_of
from tests.harness.waiting import wait_until

PARTITIONS: Final = 4
EXPERIMENTS: Final = 5
TTL_S: Final = 600.0
"""Leases run out when the test says so."""
_RUN_OUT: Final = "SET expires_at = expires_at - interval '601 s'"


class SharingLearner:
    """One learner of a cluster, which beats and ticks when it is told to."""

    def __init__(self, world: "Cluster", name: str, scorers: int = 0) -> None:
        self.name = name
        self.backends = Backends(Settings(data=str(world.folder), publish_every_ms=0))
        self.backends.reader = stream_source(world.address, name)
        self.storage = PostgresStorage(world.postgres, SCHEMA, world.folder, TTL_S)
        self.backends.storage = self.storage
        self._leases = Database(world.postgres, SCHEMA, schema.dialect)
        names = partition_names(PARTITIONS)
        self.member = PostgresMember(self._leases, names, TTL_S)
        self.share = SharedWork(
            PostgresShares(self._leases, TTL_S),
            self.member,
            self.backends.reader,
            self.storage.facts,
        )
        self.learner = Learner(
            self.backends,
            lambda: world.service.now_ms,
            clock_s=lambda: 0.0,
            share=self.share,
        )
        store = url_of(world.postgres, SCHEMA)
        self.scorers = Scorers(
            replace(self.backends.settings, store=store, scorers=scorers)
        )
        if scorers:
            self.learner.score_with(self.scorers)

    def tick(self) -> Tick:
        """Tick and settle, as a process does."""
        done = self.learner.tick()
        self.share.settle(all_of_it=False)
        return done

    @property
    def shards(self) -> set[str]:
        return {held.shard for held in self.member.held()}

    def close(self) -> None:
        self.scorers.stop()
        self.backends.close()
        self._leases.close()


class Cluster:
    """A service with its log, the stream that it is sent to, a store for learners."""

    def __init__(
        self, service: Service, address: StreamAddress, postgres: str, folder: Path
    ) -> None:
        self.service, self.address, self.postgres = service, address, postgres
        self.folder = folder
        self.storage = PostgresStorage(postgres, SCHEMA, folder, TTL_S)
        self.storage.migrate()
        self.storage.initialise(bytes(range(SECRET_BYTES)), T0_MS)
        self.learners: list[SharingLearner] = []
        for number in range(EXPERIMENTS):
            self.create(f"hero-{number}")
        data = Path(service.settings.data)
        self.shipper = Shipper(
            FileReader(data / "log"),
            JetSink(address, "web-1"),
            Outbox(data),
            "web-1",
            PARTITIONS,
        )
        self.shipper.announce(service.now_ms)

    def create(self, key: str) -> None:
        """Create an experiment in both stores."""
        made = self.service.create(key)
        definition = lifecycle.convert_definition(
            {
                "key": key,
                "variants": [{"key": one} for one in "abc"],
                "reward": {"window_seconds": 1},
            }
        )
        copy = lifecycle.create(
            self.storage, definition, f"salt-{key}", self.service.now_ms
        )
        assert (copy.number, copy.definition) == (made.number, made.definition)

    def join(self, name: str, scorers: int = 0) -> SharingLearner:
        made = SharingLearner(self, name, scorers)
        self.learners.append(made)
        return made

    def play(self, rounds: int = 20) -> None:
        """Play rounds of every experiment, and send them when their windows are over.

        The service's own learner reads its log.
        """
        for at in range(rounds):
            for number in range(EXPERIMENTS):
                self.service.round(
                    self.service.workers[at % 2], experiment=f"hero-{number}"
                )
        self.service.now_ms += 2_000
        self.shipper.step(self.service.now_ms)
        while self.shipper.waits:
            self.shipper.acknowledge(self.service.now_ms, 1.0)
        self.service.learner_lives()
        self.service.learner.tick()

    def run_out(self, silent: SharingLearner) -> None:
        """Let the leases of a learner that is silent run out, and its membership."""
        shards = [f"shard {shard}" for shard in silent.shards]
        with psycopg.connect(
            self.postgres, autocommit=True, options=f"-c search_path={SCHEMA}"
        ) as plain:
            plain.execute(
                f"UPDATE leases {_RUN_OUT} WHERE name = ANY(%s)".encode(), (shards,)
            )
            plain.execute(
                f"UPDATE members {_RUN_OUT} WHERE member = %s".encode(),
                (silent.member.name,),
            )

    def same_as_embedded(self) -> None:
        """Require the same joined order, models, sums and counts in both stores."""
        stores: tuple[Storage, ...] = (self.service.storage, self.storage)
        for number in range(1, EXPERIMENTS + 1):
            one, other = (
                [
                    (row.position, row.decision.id, row.reward)
                    for row in store.joins.after(number, 0, 10**6)
                ]
                for store in stores
            )
            assert one
            assert one == other
            newest = [store.model_versions.latest(number) for store in stores]
            assert newest[0] is not None
            assert newest[1] is not None
            assert newest[0].state == newest[1].state
            assert newest[0].meta.spans == newest[1].meta.spans
            counts = [store.facts.totals(number).counts for store in stores]
            assert counts[0] == counts[1]
            scores = [store.evaluations.scores(number) for store in stores]
            assert scores[0] == scores[1]
            experiment = self.storage.experiments.get(f"hero-{number - 1}")
            assert replay(self.storage, experiment).matches
        assert self.storage.facts.check() == []

    def close(self) -> None:
        self.shipper.close()
        for learner in self.learners:
            learner.close()
        self.storage.close()


@pytest.fixture(scope="module")
def nats() -> Iterator[NatsServer]:
    with nats_server() as started:
        yield started


@pytest.fixture
def cluster(nats: NatsServer, postgres: str, tmp_path: Path) -> Iterator[Cluster]:
    name = tmp_path.name.replace("_", "-")[-32:]
    address = stream_address(f"{nats.address}/{name}?partitions={PARTITIONS}")
    with as_it_was_made(postgres), closing(Sender(address)):
        service = Service(tmp_path / "embedded")
        service.start()
        with closing(Cluster(service, address, postgres, tmp_path / "node")) as made:
            yield made
        service.close()


def test_two_learners_make_what_one_makes(cluster: Cluster) -> None:
    one, two = cluster.join("one"), cluster.join("two")
    for learner in (one, two, one, two):
        learner.member.beat()
        learner.share.settle(all_of_it=False)
    for learner in (one, two):
        learner.member.beat()
    assert sorted([len(one.shards), len(two.shards)]) == [2, 3]
    assert one.shards | two.shards == set(partition_names(PARTITIONS))
    for _ in range(3):
        cluster.play()
        stepped = [learner.tick().stepped for learner in (one, two)]
        assert not stepped[0] & stepped[1]
    for learner in (one, two):
        learner.tick()

    cluster.same_as_embedded()
    for learner in (one, two):
        own = {
            n
            for n in range(1, EXPERIMENTS + 1)
            if partition_of(n, PARTITIONS) in learner.shards
        }
        assert {e.number for e in learner.share.own(cluster.storage.experiments.all())}
        assert own == {
            e.number for e in learner.share.own(cluster.storage.experiments.all())
        }


def test_a_silent_learner_loses_its_shards_and_writes_nothing_more(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = cluster.join("one"), cluster.join("two")
    one.member.beat()
    cluster.play()
    one.tick()
    assert len(one.shards) == PARTITIONS + 1
    # It stops with models in memory that are behind what comes.
    cluster.run_out(one)
    two.member.beat()
    cluster.play()
    two.tick()
    two.tick()
    with caplog.at_level(logging.WARNING):
        woken = one.learner.tick()

    assert (woken.joined, woken.ingested.records, woken.trained) == (0, 0, {})
    assert "ran out, and another process may hold it" in caplog.text
    cluster.same_as_embedded()
    one.member.beat()
    assert one.shards == set()
    cluster.play()
    two.tick()
    cluster.same_as_embedded()


def test_shards_move_to_a_learner_that_joins_and_back(cluster: Cluster) -> None:
    one, two = cluster.join("one"), cluster.join("two")
    one.member.beat()
    for turn in range(4):
        cluster.play(10)
        one.tick()
        if turn:
            two.member.beat()
            two.tick()
        one.member.beat()
    for learner in (one, two, one, two):
        learner.tick()
        learner.member.beat()
    assert sorted([len(one.shards), len(two.shards)]) == [2, 3]
    for learner in (one, two):
        learner.tick()
    cluster.same_as_embedded()

    two.member.leave()
    one.member.beat()
    cluster.play(10)
    one.tick()
    one.tick()
    assert len(one.shards) == PARTITIONS + 1
    cluster.same_as_embedded()


def test_what_scorers_say_is_written_with_the_token_of_the_shard(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = cluster.join("one", scorers=2), cluster.join("two", scorers=1)
    one.member.beat()
    cluster.play()
    wait_until(lambda: one.tick().idle, "the first learner idle")
    cluster.same_as_embedded()
    # It has published a model, and its scorers have still to answer.
    cluster.play()
    one.learner.tick()
    cluster.run_out(one)
    two.member.beat()
    wait_until(lambda: two.tick().idle, "the second learner idle")

    def refused() -> bool:
        one.learner.tick()
        return any(r.name == "bandit_svc.learner.loop" for r in caplog.records)

    with caplog.at_level(logging.WARNING):
        wait_until(refused, "rows refused")
    cluster.same_as_embedded()

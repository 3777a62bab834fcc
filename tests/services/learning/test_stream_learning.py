"""A learner of a stream comes to what the learner of the files comes to.

And it joins nothing before every node has said what it had by then.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bandit_svc.domain.events.codec import encode_reward
from bandit_svc.domain.events.reward import Reward
from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.stream.address import StreamAddress, stream_address
from bandit_svc.eventlog.stream.nats.jetstream import stream_name
from bandit_svc.eventlog.stream.partitions import partition_names, partition_of
from bandit_svc.eventlog.stream.source import SOURCE_TIMEOUT_MS
from bandit_svc.services.managing.moving.move_store import move_store
from bandit_svc.services.managing.moving.ports import MovePorts, MoveSteps
from bandit_svc.services.serving.decide import Decided
from bandit_svc.storage.sqlite.moving.draft import SqliteDraft
from bandit_svc.storage.sqlite.moving.snapshot import SqliteMovable
from tests.harness.nats.follower import Follower
from tests.harness.nats.sending import Sender, message, stretch
from tests.harness.nats.servers import NatsServer, nats_server
from tests.harness.service import Service

PHASES, ROUNDS = 4, 40
WINDOW_MS = 1_000
MARGIN_MS = 50


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with nats_server() as started:
        yield started


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path / "embedded")
    made.start()
    made.create(holdout=0.1)
    yield made
    made.close()


@pytest.fixture
def address(server: NatsServer, tmp_path: Path) -> StreamAddress:
    name = tmp_path.name.replace("_", "-")[:32]
    return stream_address(f"{server.address}/{name}?partitions=2")


@pytest.fixture
def sender(address: StreamAddress) -> Iterator[Sender]:
    with closing(Sender(address)) as made:
        yield made


@pytest.fixture
def follower(
    service: Service, address: StreamAddress, sender: Sender, tmp_path: Path
) -> Iterator[Follower]:
    del sender
    with closing(Follower(service, address, tmp_path / "follower")) as made:
        yield made


def everywhere(
    sender: Sender, node: str, mark_ms: int, *, closed: bool = False
) -> None:
    """Let a node say in every partition up to when it has sent all."""
    for partition in partition_names(2):
        sender.send(partition, message(node, mark_ms=mark_ms, closed=closed))


def late_reward(decided: Decided, at_ms: int) -> Reward:
    decision = decided.decision
    return Reward(decision.id, decision.number, 1.0, "r", at_ms, at_ms)


def rewards_joined(follower: Follower) -> list[float]:
    return [row.reward for row in follower.storage.joins.after(1, 0, 100)]


def test_the_same_facts_make_the_same_order_and_the_same_models(
    service: Service, follower: Follower
) -> None:
    for phase in range(PHASES):
        service.rounds(ROUNDS)
        deferred = service.decide(defer=True)
        service.activate(deferred, service.other_worker)
        again = service.decide(request_id=f"again-{phase}")
        service.reward(again, reward_id="r")
        service.reward(again, 0.5, reward_id="r", worker=service.other_worker)
        service.now_ms += 2 * WINDOW_MS
        follower.ship()
        # The stream may be read by another learner after each tick.
        follower.new_learner().tick()
        service.learner_lives()
        service.learner.tick()
        for worker in service.workers:
            worker.catalog.refresh_models()

    stores = service.storage, follower.storage
    orders = [[r.decision.id for r in s.joins.after(1, 0, 10**6)] for s in stores]
    assert len(orders[0]) == PHASES * (ROUNDS + 2)
    assert orders[0] == orders[1]
    models = [storage.model_versions.latest(1) for storage in stores]
    assert models[0] is not None
    assert models[0] == models[1]
    counts = [storage.facts.totals(1).counts for storage in stores]
    assert counts[0] == counts[1]
    assert stores[1].facts.check() == []


def test_nothing_is_joined_before_every_node_has_sent_what_it_had(
    service: Service, follower: Follower, sender: Sender
) -> None:
    follower.shipper.announce(service.now_ms)
    everywhere(sender, "web-2", service.now_ms)
    decided = service.decide()
    at_ms = service.now_ms
    service.now_ms += WINDOW_MS + MARGIN_MS
    follower.ship()
    assert follower.learner.tick().joined == 0
    for _ in range(30):
        # The second node is held back; the first one goes on.
        service.now_ms += 1_000
        follower.ship()
        assert follower.learner.tick().joined == 0
    reward = encode_reward(late_reward(decided, at_ms + WINDOW_MS - 1))
    mark_ms = at_ms + WINDOW_MS + MARGIN_MS
    for partition in partition_names(2):
        is_here = partition == partition_of(decided.decision.number, 2)
        stretches = [stretch("w2", [reward])] if is_here else []
        sender.send(partition, message("web-2", stretches, mark_ms=mark_ms - 1))
    assert follower.learner.tick().joined == 0
    everywhere(sender, "web-2", mark_ms)
    assert follower.learner.tick().joined == 1

    assert rewards_joined(follower) == [1.0]


def test_a_node_that_is_silent_is_waited_for_no_longer_and_comes_back_late(
    service: Service, follower: Follower, sender: Sender
) -> None:
    everywhere(sender, "web-2", service.now_ms)
    decided = service.decide()
    at_ms = service.now_ms
    follower.ship()
    follower.learner.tick()
    joined: list[int] = []
    while not joined or not joined[-1]:
        service.now_ms += 1_000
        follower.ship()
        joined.append(follower.learner.tick().joined)
    waited_ms = service.now_ms - at_ms
    states = {n: mark.state for (_, n), mark in follower.storage.facts.marks().items()}
    reward = encode_reward(late_reward(decided, at_ms + WINDOW_MS - 1))
    partition = partition_of(decided.decision.number, 2)
    sender.send(partition, message("web-2", [stretch("w2", [reward])], mark_ms=at_ms))
    follower.ship()
    follower.learner.tick()

    assert SOURCE_TIMEOUT_MS < waited_ms <= SOURCE_TIMEOUT_MS + 2_000
    assert states == {"web-1": "live", "web-2": "silent"}
    assert rewards_joined(follower) == [0.0]
    assert follower.storage.facts.totals(1).counts["rewards_late"] == 1
    marks = follower.storage.facts.marks()
    assert marks[partition, "web-2"].state == "live"


def test_a_mark_behind_a_message_that_is_missing_is_not_believed(
    service: Service, follower: Follower, sender: Sender
) -> None:
    everywhere(sender, "web-2", service.now_ms)
    decided = service.decide()
    at_ms = service.now_ms
    service.now_ms += 2 * WINDOW_MS
    follower.ship()
    reward = encode_reward(late_reward(decided, at_ms + 500))
    partition = partition_of(decided.decision.number, 2)
    # The first one with the reward was refused, those behind it were stored.
    for one in partition_names(2):
        later = message("web-2", mark_ms=service.now_ms, link=(0, 2))
        sender.send(one, later)
    assert follower.learner.tick().joined == 0
    for one in partition_names(2):
        stretches = [stretch("w2", [reward])] if one == partition else []
        again = message("web-2", stretches, mark_ms=service.now_ms, link=(5, 0))
        sender.send(one, again)

    assert follower.learner.tick().joined == 1
    assert rewards_joined(follower) == [1.0]


def test_a_node_that_has_ended_in_good_order_holds_nothing_back(
    service: Service, follower: Follower, sender: Sender
) -> None:
    everywhere(sender, "web-2", service.now_ms, closed=True)
    service.decide()
    service.now_ms += WINDOW_MS + MARGIN_MS
    follower.ship()

    assert follower.learner.tick().joined == 1


def test_while_the_stream_is_away_nothing_is_joined_and_no_node_falls_silent(
    service: Service, follower: Follower, server: NatsServer
) -> None:
    service.decide()
    follower.ship()
    follower.learner.tick()
    server.kill()
    for _ in range(3):
        service.now_ms += 2 * SOURCE_TIMEOUT_MS
        with pytest.raises(Unavailable):
            follower.ship()
        assert follower.learner.tick().joined == 0
    server.start()
    server.wait_ready()
    # The learner is there first.
    assert follower.new_learner().tick().joined == 0
    follower.ship()

    assert follower.learner.tick().joined == 1
    states = {mark.state for mark in follower.storage.facts.marks().values()}
    assert states == {"live"}


def test_a_loss_stops_its_partition_until_it_is_acknowledged(
    service: Service, follower: Follower, sender: Sender, address: StreamAddress
) -> None:
    number = service.decide().decision.number
    follower.ship()
    follower.learner.tick()
    service.rounds(5)
    follower.ship()
    partition = partition_of(number, 2)
    sender.ask(f"STREAM.PURGE.{stream_name(address, partition)}")
    service.rounds(5)
    follower.ship()
    service.now_ms += 2 * WINDOW_MS
    follower.ship()
    before = follower.storage.facts.cursors()[partition]
    ticks = [follower.learner.tick() for _ in range(3)]
    (lost,) = follower.storage.damages.unacknowledged()
    stopped = follower.storage.facts.cursors()[partition]
    follower.storage.damages.acknowledge(lost.id, service.now_ms)
    behind = follower.new_learner().tick()

    assert [tick.ingested.records for tick in ticks] == [0, 0, 0]
    assert [tick.joined for tick in ticks] == [0, 0, 0]
    assert stopped == before
    assert str(lost.damage) == (
        f"partition {partition} of the stream, message {before.offset + 1}: messages "
        "of the stream were gone before they were read; facts may be lost"
    )
    assert follower.storage.damages.unacknowledged() == []
    # The first one, and the five behind the loss.
    assert behind.joined == 6


def test_a_store_that_was_moved_to_a_stream_goes_on_where_it_was(
    service: Service, address: StreamAddress, sender: Sender, tmp_path: Path
) -> None:
    """Old parts of the log come by the stream again, and count once."""
    del sender
    service.rounds(ROUNDS)
    service.mature()
    service.rounds(ROUNDS // 2)
    folder = tmp_path / "moved"
    rows, names = SqliteMovable(tmp_path / "embedded"), partition_names(2)
    ports = MovePorts(service.storage, rows, SqliteDraft(folder), "there", names)
    move_store(ports, MoveSteps(lambda *_: None, lambda _: None))
    with closing(Follower(service, address, folder)) as follower:
        for _ in range(2):
            service.rounds(ROUNDS)
            service.now_ms += 2 * WINDOW_MS
            follower.ship()
            follower.learner.tick()
            service.learner_lives()
            service.learner.tick()

        stores = service.storage, follower.storage
        orders = [[r.decision.id for r in s.joins.after(1, 0, 10**6)] for s in stores]
        assert len(orders[0]) == 3 * ROUNDS + ROUNDS // 2
        assert orders[0] == orders[1]
        models = [storage.model_versions.latest(1) for storage in stores]
        assert models[0] is not None
        assert models[0] == models[1]
        totals = [storage.facts.totals(1).counts for storage in stores]
        assert totals[0] == totals[1]
        assert follower.storage.facts.check() == []

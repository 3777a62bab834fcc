"""Learners write of their shards at once, and alone what is of all."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.event import encode_event
from bandit_svc.domain.events.reward import Correction, Reward
from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.variant import Variant
from bandit_svc.storage.control.shares import Held
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import Arrival, ClosedDecision, ClosingRule
from tests.harness.stored.postgres import SCHEMA
from tests.harness.waiting import GENEROUS_S, wait_until

RULE = ClosingRule(closes_after_ms=1000, window_ms=1000, on_first_reward=False)
BATCHES, SIZE = 12, 40
NewDecision = Callable[..., Decision]
Server = psycopg.Connection[tuple[int]]
_LOCK = "SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 0))"
_WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.fixture
def server(postgres: str, storage: Storage) -> Iterator[Server]:
    """Return a connection that writes of a third shard as long as it is open."""
    for key in ("one", "two"):
        definition = Definition(key=key, variants=(Variant("a"), Variant("b")))
        storage.experiments.create(definition, "salt", 0)
    with psycopg.connect(postgres, options=f"-c search_path={SCHEMA}") as connection:
        connection.execute(_LOCK, (f"bandit_svc {SCHEMA}",))
        yield connection


@pytest.fixture
def held(storage: Storage) -> Iterator[Sequence[Held]]:
    """Return two shards that this process holds."""
    assert storage.shares is not None
    with storage.shares.join(("0", "1")) as member:
        wait_until(lambda: len(member.held()) == 2, "both shards are held")
        yield sorted(member.held())


def ingest(storage: Storage, *events: Decision | Reward | Correction) -> None:
    storage.facts.ingest([Arrival(encode_event(one), one, RULE) for one in events], {})


@pytest.mark.usefixtures("server")
def test_decisions_are_taken_and_joined_while_another_shard_is_written(
    storage: Storage,
    held: Sequence[Held],
    new_decision: NewDecision,
    new_reward: Callable[..., Reward],
    closed: Callable[..., ClosedDecision],
) -> None:
    assert storage.shares is not None
    with storage.shares.writing(held[0]):
        ingest(storage, new_decision("d"), new_reward("d"))
        (due,) = storage.joins.due(1000, 10, [1])
        storage.joins.close([closed(due, 1.0)], 1000)

    assert [row.reward for row in storage.joins.after(1, 0, 10)] == [1.0]


@pytest.mark.parametrize("of_all", ["correction", "without a shard"])
def test_what_is_of_all_waits_for_those_who_write(
    of_all: str,
    storage: Storage,
    server: Server,
    held: Sequence[Held],
    new_decision: NewDecision,
) -> None:
    assert storage.shares is not None
    shares, done = storage.shares, threading.Event()

    def write() -> None:
        if of_all == "correction":
            with shares.writing(held[0]):
                ingest(storage, Correction("d", 1, 1.0, "r", 10, 10))
        else:
            ingest(storage, new_decision("d"))
        done.set()

    with ThreadPoolExecutor(1) as threads:
        writing = threads.submit(write)
        wait_until(lambda: waits(server), "it waits")
        assert not done.is_set()
        server.rollback()
        writing.result(GENEROUS_S)

    assert done.is_set()


@pytest.mark.usefixtures("server")
def test_two_shards_number_their_decisions_apart(
    storage: Storage,
    open_store: Callable[[], Storage],
    held: Sequence[Held],
    new_decision: NewDecision,
) -> None:
    both = threading.Barrier(2)

    def write(number: int, store: Storage, shard: Held) -> None:
        assert store.shares is not None
        for batch in range(BATCHES):
            made = [
                new_decision(f"{number}-{batch}-{at}", number=number)
                for at in range(SIZE)
            ]
            both.wait(GENEROUS_S)
            with store.shares.writing(shard):
                # Some come again.
                ingest(store, *made, *made[:5])

    with ThreadPoolExecutor(2) as threads:
        stores = (storage, open_store())
        work = [
            threads.submit(write, number, store, shard)
            for number, store, shard in zip((1, 2), stores, held, strict=True)
        ]
        for one in work:
            one.result(GENEROUS_S)

    for number in (1, 2):
        due = storage.joins.due(1000, 10**6, [number])
        assert len({one.decision_id for one in due}) == BATCHES * SIZE
        assert storage.facts.totals(number).counts["decisions_repeated"] == BATCHES * 5
    assert storage.facts.check() == []


def waits(server: Server) -> bool:
    """Return whether a writer waits for its turn."""
    (count,) = server.execute(_WAITING).fetchone() or (0,)
    return count > 0

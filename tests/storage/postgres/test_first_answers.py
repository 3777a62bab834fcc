"""First answers where the stream speaks Kafka's protocol: the store knows them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition

from bandit_svc.domain.events.decision_id import DecisionIds
from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.stream.engines import first_answers_of
from bandit_svc.eventlog.stream.kafka.topic import make_topic
from bandit_svc.storage.control.first_claims import FirstClaims
from bandit_svc.storage.factory import first_claims_of
from bandit_svc.storage.postgres import schema
from bandit_svc.storage.postgres.database import Database
from bandit_svc.storage.postgres.first_claims import PostgresFirstClaims
from bandit_svc.storage.sqlite.store import SqliteStorage
from tests.harness.kafka.brokers import address_of, kafka_broker
from tests.harness.loopback import free_port
from tests.harness.stored.postgres import SCHEMA
from tests.harness.waiting import wait_until

IDS = DecisionIds(bytes(32))


def _request_id(name: str) -> str:
    return IDS.issue_for_request(1, name, deferred=False)


@pytest.fixture
def nodes(postgres: str) -> Iterator[list[FirstClaims]]:
    """Return the claims of two machines."""
    databases = [Database(postgres, SCHEMA, schema.dialect) for _ in range(2)]
    yield [PostgresFirstClaims(database) for database in databases]
    for database in databases:
        database.close()
    with psycopg.connect(postgres, options=f"-c search_path={SCHEMA}") as plain:
        plain.execute("DELETE FROM first_claims")


def test_of_many_claims_at_once_one_is_the_first(nodes: list[FirstClaims]) -> None:
    asked = [
        (f"id {number}", f"{at} {number}".encode(), node)
        for number in range(30)
        for at, node in enumerate(nodes * 4)
    ]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda a: a[2].claim(a[0], a[1]), asked))

    given: dict[str, set[bytes]] = {}
    for (decision_id, mine, _), first in zip(asked, answers, strict=True):
        given.setdefault(decision_id, set()).add(mine if first is None else first)
    assert answers.count(None) == 30
    assert {len(found) for found in given.values()} == {1}


def test_claims_of_yesterday_are_forgotten(
    nodes: list[FirstClaims], postgres: str
) -> None:
    nodes[0].claim("old", b"old")
    with psycopg.connect(postgres, options=f"-c search_path={SCHEMA}") as plain:
        plain.execute("UPDATE first_claims SET at = at - interval '25 hours'")
    # The first claim of a process forgets, and then each 1,000th.
    nodes[1].claim("new", b"new")

    assert nodes[0].claim("old", b"again") is None
    assert nodes[0].claim("new", b"again") == b"new"


def test_the_first_answer_is_in_the_stream_before_it_is_given(
    nodes: list[FirstClaims],
) -> None:
    """Also where the first one died between its claim and its message."""
    with kafka_broker() as broker:
        address = address_of(broker.servers, "first", 1)
        make_topic(address, "test")
        nodes[0].claim(_request_id("died"), b"of the dead")
        one, two = (first_answers_of(address, "test", node.claim) for node in nodes)
        with closing(one), closing(two):
            assert two.claim(_request_id("died"), b"mine") == b"of the dead"
            assert one.claim(_request_id("r"), b"one") is None
            assert two.claim(_request_id("r"), b"two") == b"one"
            assert one.claim(_request_id("r"), b"one") is None
        settings = {"bootstrap.servers": broker.servers, "group.id": "t"}
        with closing(Consumer(settings)) as consumer:
            consumer.assign([TopicPartition("first", 0, 0)])
            found: list[bytes] = []

            def enough() -> bool:
                message = consumer.poll(0.2)
                if message is not None and message.error() is None:
                    found.append(message.value() or b"")
                return len(found) >= 4

            wait_until(enough, "the messages can be read")
    assert found == [b"of the dead", b"one", b"one", b"one"]


def test_a_stream_that_is_away_refuses_requests_with_a_request_id(
    nodes: list[FirstClaims],
) -> None:
    address = address_of(f"127.0.0.1:{free_port()}", "away", 1)
    with (
        closing(first_answers_of(address, "test", nodes[0].claim)) as answers,
        pytest.raises(Unavailable, match="request_id can't be answered while"),
    ):
        answers.claim(_request_id("r"), b"mine")


def test_a_store_in_files_knows_no_other_machine(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with (
        closing(SqliteStorage(tmp_path_factory.mktemp("data"))) as storage,
        pytest.raises(Unavailable, match="set BANDIT_STORE to the address"),
    ):
        first_claims_of(storage)

"""Brokers that answer with errors: what is sent and read is still all, and in order."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from confluent_kafka import KafkaError

from bandit_svc.errors import LogLost, Unavailable
from bandit_svc.eventlog.stream.kafka.messages import KafkaMessages
from bandit_svc.eventlog.stream.kafka.sink import WINDOW, KafkaSink
from tests.harness.kafka.brokers import address_of
from tests.harness.kafka.failing import (
    FETCH,
    PRODUCE,
    FailingBrokers,
    failing_brokers,
)
from tests.harness.waiting import wait_until

PASSING = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.NOT_ENOUGH_REPLICAS,
    KafkaError.LEADER_NOT_AVAILABLE,
)


@pytest.fixture(scope="module")
def brokers() -> Iterator[FailingBrokers]:
    with failing_brokers() as started:
        yield started


def _send(sink: KafkaSink, first: int, count: int) -> None:
    """Send messages, and wait until all are acknowledged."""
    last = [sink.send("0", b"%d" % n) for n in range(first, first + count)][-1]

    def done() -> bool:
        sink.wait(0.2)
        return sink.acknowledged() == last

    wait_until(done, f"message {last} is acknowledged")


def _read(messages: KafkaMessages, after: int, count: int) -> list[bytes]:
    """Read so many messages; a reading that fails begins again behind the last."""
    found: list[bytes] = []

    def enough() -> bool:
        try:
            some = messages.fetch("0", after + len(found), 1_000)
        except LogLost:
            raise
        except Unavailable:
            return False
        found.extend(one.data for one in some)
        return len(found) >= count

    wait_until(enough, f"{count} messages can be read")
    return found


def _numbers(count: int) -> list[bytes]:
    return [b"%d" % n for n in range(count)]


def test_messages_are_stored_once_and_in_order_behind_errors_that_pass(
    brokers: FailingBrokers,
) -> None:
    address = address_of(brokers.servers, "passing")
    with closing(KafkaSink(address, "test", acknowledge_s=60.0)) as sink:
        sink.open()
        _send(sink, 0, 5)
        brokers.answer(PRODUCE, PASSING)
        # One alone: the mock cluster takes a later message before one that it refused,
        # which a broker does not.
        _send(sink, 5, 1)
        _send(sink, 6, WINDOW)

    with closing(KafkaMessages(address, "test")) as messages:
        assert _read(messages, 0, WINDOW + 6) == _numbers(WINDOW + 6)


def test_messages_are_stored_once_while_a_broker_is_away(
    brokers: FailingBrokers,
) -> None:
    address = address_of(brokers.servers, "away")
    with closing(KafkaSink(address, "test", acknowledge_s=60.0)) as sink:
        sink.open()
        _send(sink, 0, 5)
        for broker in (1, 2, 3):
            brokers.without(broker)
            numbers = [
                sink.send("0", b"%d" % n) for n in range(5 * broker, 5 * broker + 5)
            ]
            brokers.bring_back(broker)
            last = numbers[-1]

            def done(last: int = last) -> bool:
                sink.wait(0.2)
                return sink.acknowledged() == last

            wait_until(done, f"message {last} is acknowledged")

    with closing(KafkaMessages(address, "test")) as messages:
        assert _read(messages, 0, 20) == _numbers(20)


def test_a_message_that_is_refused_ends_the_sending_which_begins_anew_behind_it(
    brokers: FailingBrokers,
) -> None:
    address = address_of(brokers.servers, "refused")
    with closing(KafkaSink(address, "test")) as sink:
        sink.open()
        _send(sink, 0, 3)
        brokers.answer(PRODUCE, [KafkaError.TOPIC_AUTHORIZATION_FAILED])
        sink.send("0", b"3")

        def refused() -> str:
            try:
                sink.wait(0.2)
            except Unavailable as error:
                return error.message
            return ""

        assert "did not acknowledge" in wait_until(refused, "it is refused")
        assert sink.acknowledged() == 3
        sink.open()
        _send(sink, 3, 2)

    with closing(KafkaMessages(address, "test")) as messages:
        assert _read(messages, 0, 5) == _numbers(5)


def test_messages_are_read_once_and_in_order_behind_errors(
    brokers: FailingBrokers,
) -> None:
    address = address_of(brokers.servers, "fetched")
    with closing(KafkaSink(address, "test")) as sink:
        sink.open()
        _send(sink, 0, 20)
    with closing(KafkaMessages(address, "test")) as messages:
        brokers.answer(FETCH, [*PASSING, KafkaError.UNKNOWN_TOPIC_OR_PART])

        assert _read(messages, 0, 20) == _numbers(20)


def test_a_place_is_lost_only_where_the_broker_does_not_hold_it(
    brokers: FailingBrokers,
) -> None:
    """A leader that has just been elected may not know yet how far it reaches."""
    address = address_of(brokers.servers, "held")
    with closing(KafkaSink(address, "test")) as sink:
        sink.open()
        _send(sink, 0, 20)
    with closing(KafkaMessages(address, "test")) as messages:
        brokers.answer(FETCH, [KafkaError.OFFSET_OUT_OF_RANGE])

        assert _read(messages, 10, 10) == _numbers(20)[10:]

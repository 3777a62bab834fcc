"""The writing end of a stream over brokers that speak Kafka's protocol."""

from contextlib import closing

import pytest
from confluent_kafka import Consumer, TopicPartition

from bandit_svc.errors import Unavailable, Unprocessable
from bandit_svc.eventlog.stream.address import StreamAddress
from bandit_svc.eventlog.stream.kafka.sink import WINDOW, KafkaSink
from bandit_svc.eventlog.stream.kafka.topic import make_topic
from tests.harness.kafka.brokers import MOCK_PARTITIONS, KafkaBroker, address_of
from tests.harness.loopback import free_port
from tests.harness.waiting import wait_until


def _stored(address: StreamAddress, partition: int, count: int) -> list[bytes]:
    """The first messages of a partition, as a reader of its own gets them."""
    servers = ",".join(f"{s.host}:{s.port}" for s in address.servers)
    settings = {"bootstrap.servers": servers, "group.id": "test", "log_level": 0}
    with closing(Consumer(settings)) as consumer:
        consumer.assign([TopicPartition(address.name, partition, 0)])
        found: list[bytes] = []

        def enough() -> bool:
            message = consumer.poll(0.2)
            if message is not None and message.error() is None:
                found.append(message.value() or b"")
            return len(found) >= count

        wait_until(enough, f"{count} messages can be read")
        return found


def _acknowledge_all(sink: KafkaSink, last: int) -> None:
    def done() -> bool:
        sink.wait(0.2)
        return sink.acknowledged() == last

    wait_until(done, f"message {last} is acknowledged")


def test_each_partition_gets_its_messages_in_order(address: StreamAddress) -> None:
    with closing(KafkaSink(address, "test")) as sink:
        sink.open()
        numbers = [
            sink.send(partition, b"%d in %s" % (at, partition.encode()))
            for at in range(WINDOW)
            for partition in ("0", "2", "u0")
        ]
        assert numbers == list(range(1, 3 * WINDOW + 1))
        _acknowledge_all(sink, numbers[-1])

    for partition, index in (("0", 0), ("2", 2), ("u0", 3)):
        expected = [b"%d in %s" % (at, partition.encode()) for at in range(WINDOW)]
        assert _stored(address, index, WINDOW) == expected


def test_a_sink_that_was_opened_anew_counts_from_one(brokers: str) -> None:
    with closing(KafkaSink(address_of(brokers, "anew"), "test")) as sink:
        sink.open()
        for _ in range(3):
            sink.send("0", b"before")
        sink.open()

        assert sink.acknowledged() == 0
        assert sink.send("0", b"after") == 1
        _acknowledge_all(sink, 1)


def test_a_broker_that_is_away_ends_the_sending() -> None:
    address = address_of(f"127.0.0.1:{free_port()}", "away")
    with closing(KafkaSink(address, "test", acknowledge_s=0.2)) as sink:
        sink.open()
        sink.send("0", b"x")

        def lost() -> str:
            try:
                sink.wait(0.2)
            except Unavailable as error:
                return error.message
            return ""

        assert "did not acknowledge a message" in wait_until(lost, "it counts as lost")
        assert sink.acknowledged() == 0


def test_a_message_that_is_too_large_is_refused_and_none_counted(brokers: str) -> None:
    with closing(KafkaSink(address_of(brokers, "large"), "test")) as sink:
        sink.open()
        with pytest.raises(Unavailable, match="MSG_SIZE_TOO_LARGE"):
            sink.send("0", bytes(2_000_000))


def test_a_topic_keeps_its_number_of_partitions(broker: KafkaBroker) -> None:
    make_topic(address_of(broker.servers, "kept", 2), "test")
    make_topic(address_of(broker.servers, "kept", 2), "test")

    with pytest.raises(Unprocessable, match=r"partitions=5.*has 6 of them.*it has 3"):
        make_topic(address_of(broker.servers, "kept", 5), "test")


def test_the_mock_cluster_is_as_this_file_takes_it(brokers: str) -> None:
    assert len(("0", "1", "2", "u0")) == MOCK_PARTITIONS
    with closing(KafkaSink(address_of(brokers, "four"), "test")) as sink:
        sink.open()
        _acknowledge_all(sink, sink.send("u0", b"makes the topic"))
    with pytest.raises(Unprocessable, match="it has 4"):
        make_topic(address_of(brokers, "four", 5), "test")

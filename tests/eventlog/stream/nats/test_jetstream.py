"""Streams are made once, and a message is known again by its id."""

import pytest

from bandit_svc.errors import Unprocessable
from bandit_svc.eventlog.stream.address import StreamAddress
from bandit_svc.eventlog.stream.messages import Extent
from bandit_svc.eventlog.stream.nats.connection import Connection
from bandit_svc.eventlog.stream.nats.jetstream import (
    Acknowledged,
    Refused,
    acknowledgement,
    extent,
    make_streams,
    stream_name,
    subject_of,
)


def test_streams_that_are_there_stay_as_they_are(address: StreamAddress) -> None:
    connection = Connection(address, "test")
    make_streams(connection, address)
    connection.request(subject_of(address, "u0"), b"fact")

    make_streams(connection, address._replace(keep_hours=1))

    found = [extent(connection, stream_name(address, p)) for p in ("0", "1", "u0")]
    assert [(one.first, one.last) for one in found] == [(1, 0), (1, 0), (1, 1)]
    assert found[0] == Extent(1, 0, 0)
    connection.close()


@pytest.mark.parametrize(("partitions", "made"), [(1, "more"), (3, "fewer")])
def test_another_number_of_partitions_is_refused(
    address: StreamAddress, partitions: int, made: str
) -> None:
    connection = Connection(address, "test")
    make_streams(connection, address)

    with pytest.raises(Unprocessable, match=f"was made with {made}; the number never"):
        make_streams(connection, address._replace(partitions=partitions))
    connection.close()


def test_a_message_of_a_known_id_is_the_first_one_again(
    address: StreamAddress,
) -> None:
    connection = Connection(address, "test")
    make_streams(connection, address)
    subject = subject_of(address, "0")
    answers = [
        connection.request(subject, body, headers=(f"Nats-Msg-Id: {name}",))
        for body, name in ((b"one", "a"), (b"two", "b"), (b"three", "a"))
    ]

    assert [acknowledgement(answer) for answer in answers] == [
        Acknowledged(1, is_repeat=False),
        Acknowledged(2, is_repeat=False),
        Acknowledged(1, is_repeat=True),
    ]
    connection.close()


def test_more_replicas_than_servers_are_refused_with_the_reason(
    address: StreamAddress,
) -> None:
    connection = Connection(address, "test")

    with pytest.raises(Refused, match="replicas > 1 not supported"):
        make_streams(connection, address._replace(replicas=3))
    connection.close()

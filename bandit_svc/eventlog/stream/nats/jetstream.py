"""The streams of JetStream: one for each partition, so that a gap in one is seen.

Owns their names and how they are made, and the words of JetStream's interface that
are used. A message is never changed or deleted; it goes when it is old.
"""

import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from bandit_svc.errors import Unavailable, Unprocessable
from bandit_svc.eventlog.stream.address import StreamAddress
from bandit_svc.eventlog.stream.messages import Extent
from bandit_svc.eventlog.stream.nats.connection import CONNECT_S, Connection
from bandit_svc.eventlog.stream.nats.protocol import NO_RESPONDERS, Message
from bandit_svc.eventlog.stream.partitions import UNIT_PARTITION, partition_names

REMEMBERED_S: Final = 600
"""Seconds for which a stream knows the ids of messages (Nats-Msg-Id)."""
MAKE_S: Final = 30.0
"""Seconds in which a cluster must have found its leader, when streams are made."""

_NANOSECONDS: Final = 1_000_000_000
_NOT_FOUND: Final = 404
_TRY_AGAIN_S: Final = 0.2
_encode = msgspec.json.Encoder().encode


class Acknowledged(NamedTuple):
    """What JetStream says of a message that it was given."""

    sequence: int
    """Its place in the stream, of the first one where it is a repeat."""
    is_repeat: bool


class _Fault(msgspec.Struct):
    code: int = 0
    description: str = ""


class _Ack(msgspec.Struct):
    seq: int = 0
    duplicate: bool = False
    error: _Fault | None = None


class _State(msgspec.Struct):
    first_seq: int = 0
    last_seq: int = 0
    bytes: int = 0


class _Kept(msgspec.Struct):
    data: bytes = b""


class _Answer(msgspec.Struct):
    error: _Fault | None = None
    message: _Kept = msgspec.field(default_factory=_Kept)
    state: _State = msgspec.field(default_factory=_State)


_read_ack = msgspec.json.Decoder(_Ack).decode
_read_answer = msgspec.json.Decoder(_Answer).decode


class Refused(Unprocessable):
    """JetStream answered that it doesn't do what was asked."""

    code = "stream_refused"

    def __init__(self, what: str, code: int, description: str) -> None:
        self.status = code
        super().__init__(f"the stream refused {what}: {description} ({code})")


def stream_name(address: StreamAddress, partition: str) -> str:
    """Return the name that a partition's stream has in JetStream."""
    return f"{address.name}_{partition}"


def subject_of(address: StreamAddress, partition: str) -> str:
    """Return the subject whose messages are a partition."""
    return f"{address.name}.{partition}"


def acknowledgement(message: Message) -> Acknowledged:
    """Return what an answer to a message says.

    Raises:
        Unavailable: the stream has no leader now.
        Refused: it was not kept.
    """
    if message.status == NO_RESPONDERS:
        raise Unavailable("the stream has no leader now, or does not exist")
    ack = _read_ack(message.data)
    if ack.error is not None:
        raise Refused("a message", ack.error.code, ack.error.description)
    return Acknowledged(ack.seq, ack.duplicate)


def extent(connection: Connection, name: str) -> Extent:
    """Return what a stream holds now.

    Raises:
        Refused: with status 404, there is no such stream.
        Unavailable: nobody answers.
    """
    state = _asked(connection, f"STREAM.INFO.{name}").state
    return Extent(state.first_seq or state.last_seq + 1, state.last_seq, state.bytes)


def stored_message(
    connection: Connection, address: StreamAddress, partition: str, sequence: int
) -> bytes:
    """Return the content of a message, as the leader of its stream has it.

    Raises:
        Refused: with status 404, it is not kept any more.
        Unavailable: nobody answers.
    """
    name = stream_name(address, partition)
    asked = _asked(connection, f"STREAM.MSG.GET.{name}", {"seq": sequence})
    return asked.message.data


def make_streams(connection: Connection, address: StreamAddress) -> None:
    """Make the streams of all partitions; those that are there stay as they are.

    Raises:
        Unprocessable: they are there with another number of partitions, or can't be
            made with so many replicas.
        Unavailable: nobody answers.
    """
    names = partition_names(address.partitions)
    _check_partitions(connection, address)
    for partition in names:
        name = stream_name(address, partition)
        if _exists(connection, name):
            continue
        config = _config(address, partition)
        _insist(lambda: _asked(connection, f"STREAM.CREATE.{name}", config))  # noqa: B023 - called at once


def _config(address: StreamAddress, partition: str) -> dict[str, Any]:
    return {
        "name": stream_name(address, partition),
        "subjects": [subject_of(address, partition)],
        "storage": "file",
        "retention": "limits",
        "discard": "old",
        "max_age": address.keep_hours * 3600 * _NANOSECONDS,
        "duplicate_window": REMEMBERED_S * _NANOSECONDS,
        "num_replicas": address.replicas,
        "allow_direct": True,
        "deny_delete": True,
    }


def _check_partitions(connection: Connection, address: StreamAddress) -> None:
    """Refuse another number of partitions than the streams were made with.

    The partition of an experiment would be another one.
    """
    if not _exists(connection, stream_name(address, UNIT_PARTITION)):
        return
    last, beyond = (
        _exists(connection, stream_name(address, str(number)))
        for number in (address.partitions - 1, address.partitions)
    )
    if beyond or not last:
        raise Unprocessable(
            f"the address of the stream says partitions={address.partitions}, and "
            f"{address.name} was made with {'more' if beyond else 'fewer'}; the "
            "number never changes: write the one that it was made with, or another "
            "name"
        )


def _exists(connection: Connection, name: str) -> bool:
    try:
        _insist(lambda: extent(connection, name))
    except Refused as error:
        if error.status == _NOT_FOUND:
            return False
        raise
    return True


def _insist(ask: Callable[[], object]) -> None:
    """Ask until there is an answer: a new cluster has no leader for some seconds."""
    deadline_s = time.monotonic() + MAKE_S
    while True:
        try:
            ask()
        except Unavailable:
            if time.monotonic() >= deadline_s:
                raise
        except Refused as error:
            # 503 is "no suitable peers", while servers still find each other.
            if error.status != NO_RESPONDERS or time.monotonic() >= deadline_s:
                raise
        else:
            return
        time.sleep(_TRY_AGAIN_S)


def _asked(connection: Connection, what: str, body: object = None) -> _Answer:
    """Return JetStream's answer to a request of its interface."""
    data = b"" if body is None else _encode(body)
    connection.open()
    message = connection.request(f"$JS.API.{what}", data, CONNECT_S)
    answer = _read_answer(message.data)
    if answer.error is not None:
        raise Refused(what, answer.error.code, answer.error.description)
    return answer

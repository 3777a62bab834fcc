"""The engine that a stream's address means.

Owns the choice between JetStream and Kafka's protocol; nothing else makes it. The
client of Kafka is imported where it is used, since it is an extra.
"""

import importlib
from collections.abc import Callable
from contextlib import closing
from types import ModuleType
from typing import Final, assert_never

from bandit_svc.errors import Unprocessable
from bandit_svc.eventlog.interface import FirstAnswers, Sink
from bandit_svc.eventlog.stream.address import StreamAddress
from bandit_svc.eventlog.stream.messages import Messages
from bandit_svc.eventlog.stream.nats.connection import Connection
from bandit_svc.eventlog.stream.nats.first_answers import JetFirstAnswers
from bandit_svc.eventlog.stream.nats.jetstream import make_streams
from bandit_svc.eventlog.stream.nats.messages import JetMessages
from bandit_svc.eventlog.stream.nats.sink import JetSink
from bandit_svc.eventlog.stream.source import SOURCE_TIMEOUT_MS, StreamSource

_KAFKA: Final = "bandit_svc.eventlog.stream.kafka"


def stream_source(
    address: StreamAddress, name: str, source_timeout_ms: int = SOURCE_TIMEOUT_MS
) -> StreamSource:
    """Return the reading end of a stream; it opens nothing yet.

    Args:
        address: of the stream.
        name: of this reader, for the server's monitoring.
        source_timeout_ms: how long joining waits for a node that is silent.
    """
    messages: Messages
    match address.protocol:
        case "nats":
            messages = JetMessages(address, name)
        case "kafka":
            messages = _kafka("messages").KafkaMessages(address, name)
        case _:
            assert_never(address.protocol)
    return StreamSource(messages, address.partitions, source_timeout_ms)


def stream_sink(address: StreamAddress, name: str) -> Sink:
    """Return the writing end of a stream; it opens nothing yet."""
    match address.protocol:
        case "nats":
            return JetSink(address, name)
        case "kafka":
            sink: Sink = _kafka("sink").KafkaSink(address, name)
            return sink
        case _:
            assert_never(address.protocol)


def first_answers_of(
    address: StreamAddress, name: str, claim: Callable[[str, bytes], bytes | None]
) -> FirstAnswers:
    """Return what knows of several nodes' answers; it opens nothing yet.

    Args:
        address: of the stream.
        name: of this client, for the server's monitoring.
        claim: of the store, for a stream that knows no message again by its id; see
            storage.control.first_claims.FirstClaims.
    """
    match address.protocol:
        case "nats":
            return JetFirstAnswers(address, name)
        case "kafka":
            kafka = _kafka("first_answers")
            answers: FirstAnswers = kafka.KafkaFirstAnswers(address, name, claim)
            return answers
        case _:
            assert_never(address.protocol)


def make_stream_of(address: StreamAddress, name: str) -> None:
    """Make the partitions of a stream; those that are there stay as they are.

    Raises:
        Unavailable: no server of it answers.
        Unprocessable: it was made otherwise, or can't be made so.
    """
    match address.protocol:
        case "nats":
            with closing(Connection(address, name)) as connection:
                make_streams(connection, address)
        case "kafka":
            _kafka("topic").make_topic(address, name)
        case _:
            assert_never(address.protocol)


def _kafka(module: str) -> ModuleType:
    try:
        return importlib.import_module(f"{_KAFKA}.{module}")
    except ImportError as error:
        raise Unprocessable(
            "the stream speaks Kafka's protocol, whose client is not installed; "
            "install bandit-svc[kafka]"
        ) from error

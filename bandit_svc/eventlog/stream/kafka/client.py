"""Settings of librdkafka, and its errors as ours.

Owns what every client of a broker has in common. No default of librdkafka may lose a
record or jump over one in silence.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from confluent_kafka import KafkaError, KafkaException

from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.stream.address import StreamAddress
from bandit_svc.eventlog.stream.partitions import partition_names

Answer = TypeVar("Answer")

ANSWER_S: Final = 5.0
"""Seconds in which a broker must answer."""


def settings_of(address: StreamAddress, client: str) -> dict[str, Any]:
    """Return what each client of a stream is set to.

    Args:
        address: of the stream.
        client: its name, for the broker's monitoring.
    """
    servers = ",".join(f"{server.host}:{server.port}" for server in address.servers)
    settings: dict[str, Any] = {
        "bootstrap.servers": servers,
        "client.id": client,
        "socket.timeout.ms": int(ANSWER_S * 1000),
        "security.protocol": "ssl" if address.tls else "plaintext",
        # Its own lines would go past the log's form, once for each lost connection.
        "log_level": 0,
    }
    if address.user:
        settings |= {
            "security.protocol": "sasl_ssl" if address.tls else "sasl_plaintext",
            "sasl.mechanisms": "SCRAM-SHA-512",
            "sasl.username": address.user,
            "sasl.password": address.password,
        }
    return settings


def index_of(address: StreamAddress, partition: str) -> int:
    """Return the number that a partition of the stream has in the topic."""
    return partition_names(address.partitions).index(partition)


def unavailable(what: str, error: KafkaError) -> Unavailable:
    """Return that a broker did not do what it was asked for."""
    return Unavailable(f"the stream {what}: {error.str()} ({error.name()})")


def asked(what: str, ask: Callable[[], Answer]) -> Answer:
    """Return an answer of a broker.

    Raises:
        Unavailable: there is none, or it is an error.
    """
    try:
        return ask()
    except KafkaException as error:
        raise unavailable(what, error.args[0]) from error

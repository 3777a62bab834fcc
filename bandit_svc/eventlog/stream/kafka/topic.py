"""The topic of a stream: each of its partitions is one of ours, that of units the last.

Owns how it is made and what it holds. A message is never changed or deleted; it goes
when it is old.
"""

from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from bandit_svc.errors import Unprocessable
from bandit_svc.eventlog.stream.address import StreamAddress
from bandit_svc.eventlog.stream.kafka.client import (
    ANSWER_S,
    asked,
    settings_of,
)
from bandit_svc.eventlog.stream.partitions import partition_names

MAKE_S: Final = 30.0
"""Seconds in which a broker must have made the topic."""
_IN_SYNC: Final = 2
_REPLICATED_FROM: Final = 3
_HOUR_MS: Final = 3_600_000


def make_topic(address: StreamAddress, client: str) -> None:
    """Make the topic of a stream; one that is there stays as it is.

    Raises:
        Unprocessable: it is there with another number of partitions, or can't be made
            with so many replicas.
        Unavailable: no broker answers.
    """
    admin = AdminClient(settings_of(address, client))
    wanted = len(partition_names(address.partitions))
    there = _partitions(admin, address.name)
    if there == wanted:
        return
    if there:
        raise Unprocessable(
            f"the address of the stream says partitions={address.partitions}, so that "
            f"the topic {address.name} has {wanted} of them, one more for units; it "
            f"has {there}. The number never changes: write the one that it was made "
            "with, or another name"
        )
    config = {
        "cleanup.policy": "delete",
        "retention.ms": str(address.keep_hours * _HOUR_MS),
    }
    if address.replicas >= _REPLICATED_FROM:
        # An acknowledged message outlives the loss of any one broker.
        config["min.insync.replicas"] = str(_IN_SYNC)
    topic = NewTopic(address.name, wanted, address.replicas, config=config)
    made = admin.create_topics([topic], operation_timeout=MAKE_S)[address.name]
    try:
        made.result(MAKE_S)
    except KafkaException as error:
        fault: KafkaError = error.args[0]
        if fault.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            # Another node was faster, with this address or with another one.
            make_topic(address, client)
            return
        raise Unprocessable(
            f"the topic {address.name} can't be made with {wanted} partitions and "
            f"{address.replicas} replicas: {fault.str()} ({fault.name()})"
        ) from error


def _partitions(admin: AdminClient, name: str) -> int:
    """Return how many partitions a topic has; 0 without one."""
    topics = asked(
        "does not say what it holds", lambda: admin.list_topics(timeout=ANSWER_S)
    ).topics
    return len(topics[name].partitions) if name in topics else 0

"""Three servers keep a stream: the death of its leader under load costs no record."""

from contextlib import closing, suppress
from pathlib import Path

from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.stream.address import stream_address
from bandit_svc.eventlog.stream.nats.connection import Connection
from bandit_svc.eventlog.stream.nats.jetstream import make_streams
from bandit_svc.eventlog.stream.partitions import partition_names
from tests.harness.nats.node import NOW_MS, Node, decision, partition_in
from tests.harness.nats.servers import nats_cluster
from tests.harness.nats.taken import take_all
from tests.harness.waiting import wait_until

ROUNDS = 120
KILLED_AT = 40


def test_the_death_of_the_leader_costs_no_record_and_doubles_none(
    tmp_path: Path,
) -> None:
    with nats_cluster() as cluster:
        stream = stream_address(f"nats://{cluster.addresses}/shop?partitions=1")
        with closing(Connection(stream, "test")) as connection:
            make_streams(connection, stream)
        with closing(Node(tmp_path, stream)) as node:
            writer = node.new_writer()
            for at in range(ROUNDS):
                if at == KILLED_AT:
                    cluster.leader("shop_0").kill()
                # The log takes records, whether the stream has a leader or not.
                node.append(writer, *(decision(1, 10 * at + i) for i in range(10)))
                with suppress(Unavailable):
                    node.shipper.step(NOW_MS + at)
            node.end(writer)
            wait_until(lambda: node.finished(NOW_MS + ROUNDS), "all is sent")

            taken = take_all(stream)
            (records,) = node.written.values()
            for partition in partition_names(1):
                found = taken.records.get((partition, writer.partition), [])
                assert [record.payload for record in found] == [
                    record.payload
                    for record in records
                    if partition_in(stream, record) == partition
                ]
            assert taken.total() == 10 * ROUNDS

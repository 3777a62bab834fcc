"""What it costs to send a machine's event log to JetStream, in CPU a record.

    python -m benchmarks.kinds.outbox nats://127.0.0.1:4222/bench?partitions=4

Owns a log of decisions of 50 experiments, the reading of it alone, and the sending.
The time is that of the sending process alone; the server's is not in it.
"""

import secrets
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from bandit_svc.domain.events.decision_id import ENTROPY_BYTES, DecisionIds
from bandit_svc.domain.events.record import DECISION, Record, part_of
from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.files.writer import FileWriter
from bandit_svc.eventlog.interface import START
from bandit_svc.eventlog.stream.address import stream_address
from bandit_svc.eventlog.stream.nats.connection import Connection
from bandit_svc.eventlog.stream.nats.jetstream import make_streams
from bandit_svc.eventlog.stream.nats.sink import JetSink
from bandit_svc.eventlog.stream.outbox import Outbox
from bandit_svc.eventlog.stream.shipper import READ_BYTES, Shipper

RECORDS: Final = 200_000
NUMBERS: Final = 50
CONTEXT_BYTES: Final = 300
START_MS: Final = 1_790_000_000_000
_AT_ONCE: Final = 5_000


def main(url: str) -> None:
    """Print microseconds of CPU a record: reading alone, and all of it."""
    address = stream_address(url)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        source = _write(data / "log")
        with closing(Connection(address, "benchmark")) as connection:
            make_streams(connection, address)
        reader = FileReader(data / "log")
        began_s = time.process_time()
        at, before = START, None
        while at != before:
            at, before = reader.read(source, at, READ_BYTES).cursor, at
        read_s = time.process_time() - began_s
        sink = JetSink(address, "benchmark")
        sending = Shipper(reader, sink, Outbox(data), "benchmark", address.partitions)
        with closing(sending):
            began_s = time.process_time()
            sending.step(START_MS)
            while sending.waits:
                sending.acknowledge(START_MS, 1.0)
            sent_s = time.process_time() - began_s
    for what, spent_s in (("read", read_s), ("read and sent", sent_s)):
        sys.stdout.write(f"{what}: {1e6 * spent_s / RECORDS:.2f} us of CPU a record\n")


def _write(log: Path) -> str:
    """Write the log; return the name of its one partition."""
    ids, part = DecisionIds(bytes(32)), part_of(secrets.token_bytes(400))
    records = []
    for at in range(_AT_ONCE):
        raw = ids.issue_raw(
            *(at % NUMBERS + 1, START_MS + at, secrets.token_bytes(ENTROPY_BYTES)),
            deferred=False,
        )
        payload = raw + part.key + secrets.token_bytes(CONTEXT_BYTES)
        records.append(Record(DECISION, payload, (part,)))
    writer = FileWriter(
        log,
        now_ms=START_MS,
        suffix="bench",
        fsync="never",
        fsync_interval_ms=100,
        max_segment_bytes=2**26,
    )
    with closing(writer):
        for _ in range(RECORDS // _AT_ONCE):
            writer.append_all(records)
        return writer.partition


if __name__ == "__main__":
    main(sys.argv[1])

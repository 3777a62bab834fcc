"""What it costs to send a machine's event log to JetStream, in CPU a record.

    python -m benchmarks.kinds.outbox nats://127.0.0.1:4222/bench?partitions=4

Owns a log of decisions of 50 experiments and of rewards, one in eight records; the
reading of it alone, and the sending.
The time is that of the sending process alone; the server's is not in it.
"""

import random
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.decision_encoder import DecisionEncoder
from bandit_svc.domain.events.decision_id import (
    ENTROPY_BYTES,
    SECRET_BYTES,
    DecisionIds,
)
from bandit_svc.domain.events.record import REWARD, Record
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
VARIANTS: Final = ("v0", "v1", "v2", "v3", "v4")
REWARD_EVERY: Final = 8
REWARD_BYTES: Final = 30
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
    generator = random.Random(3)  # noqa: S311 - a world, not a secret
    encoder, ids = DecisionEncoder(), DecisionIds(bytes(SECRET_BYTES))
    records: list[Record] = []
    for at in range(_AT_ONCE):
        if at % REWARD_EVERY:
            records.append(encoder.encode(_decision(generator, ids, at), VARIANTS))
        else:
            raw = ids.issue_raw(
                *(at % NUMBERS + 1, START_MS + at, generator.randbytes(ENTROPY_BYTES)),
                deferred=False,
            )
            records.append(Record(REWARD, raw + generator.randbytes(REWARD_BYTES)))
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


def _decision(generator: random.Random, ids: DecisionIds, at: int) -> Decision:
    """Return one of 5 variants and 10 features, as in docs/log-format.md's sizes."""
    scores = [generator.expovariate(1) for _ in VARIANTS]
    pmf = tuple(score / sum(scores) for score in scores)
    number, chosen = generator.randrange(NUMBERS) + 1, generator.randrange(5)
    words = {f"feature{i}": f"value{generator.randrange(9)}" for i in range(9)}
    return Decision(
        id=ids.issue(
            *(number, START_MS + at, generator.randbytes(ENTROPY_BYTES)), deferred=False
        ),
        experiment=f"checkout-banner{number}",
        number=number,
        revision=3,
        decided_at_ms=START_MS + at,
        group="treatment",
        context=words | {"hour": generator.randrange(24)},
        variants=VARIANTS,
        pmf=pmf,
        chosen=chosen,
        propensity=pmf[chosen],
        model_version=412,
        unit_id=f"user-{generator.randrange(10**6)}",
        group_chance=0.9,
        treatment_pmf=pmf,
        baseline_pmf=(1.0, 0.0, 0.0, 0.0, 0.0),
    )


if __name__ == "__main__":
    main(sys.argv[1])

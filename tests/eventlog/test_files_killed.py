"""Writers that die: nothing acknowledged is lost, nothing is read twice."""

import os
import random
import select
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bandit_svc.domain.events.record import DECISION
from bandit_svc.eventlog.files.frames import (
    FOOTER_FRAME_BYTES,
    HEADER_FRAME_BYTES,
    encode_frame,
)
from bandit_svc.eventlog.files.inspect import inspect
from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.files.segments import is_alive
from bandit_svc.eventlog.interface import START, Cursor, FsyncMode
from tests.harness.file_writers import (
    NewFileWriter,
    ReadAll,
    StartWriter,
    payloads,
    record_of,
)

LastSegment = Callable[[str], Path]


def drain(process: subprocess.Popen[bytes]) -> bytes:
    """Read what the process says until every holder of its output is gone."""
    assert process.stdout is not None
    return process.stdout.read()


def numbers(records: list[bytes]) -> list[int]:
    return [int(record.split(b":")[0]) for record in records]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("fsync", ["never", "interval", "always"])
def test_after_sigkill_every_acknowledged_record_is_read_once_and_in_order(
    log_root: Path,
    start_process: StartWriter,
    read_all: ReadAll,
    fsync: FsyncMode,
    seed: int,
) -> None:
    # The child runs on while its acknowledgements wait in the pipe, so the signal
    # meets it anywhere: in a write, in a rotation, in an fsync.
    generator = random.Random(seed)  # noqa: S311 (when to kill, not a secret)
    process = start_process(
        "append_forever", seed=seed, fsync=fsync, max_segment_bytes=300_000
    )
    assert process.stdout is not None
    acknowledged = generator.randrange(1, 120)
    for _ in range(acknowledged):
        process.stdout.readline()
    process.kill()
    acknowledged += len(drain(process).splitlines())
    process.wait()
    reader = FileReader(log_root)
    (partition,) = reader.partitions()
    records, torn, cursor = read_all(reader, partition, START, 100_000)

    # The last record may have been written, and its acknowledgement not.
    assert numbers(records) == list(range(len(records)))
    assert acknowledged <= len(records) <= acknowledged + 1
    assert torn <= 1
    assert reader.read(partition, cursor)[:4] == ([], cursor, 0, [])


@pytest.mark.parametrize("seed", range(4))
def test_acknowledged_records_are_all_read_by_a_learner_beside_the_killed_writer(
    log_root: Path, start_process: StartWriter, seed: int
) -> None:
    process = start_process("append_forever", seed=seed, max_segment_bytes=300_000)
    assert process.stdout is not None
    reader = FileReader(log_root)
    acknowledgements = process.stdout.readline()
    (partition,) = reader.partitions()
    records: list[bytes] = []
    cursor, gone, killed = START, False, False
    while not gone:
        batch = reader.read(partition, cursor, 100_000)
        assert batch.damages == []
        records += payloads(batch.records)
        cursor = batch.cursor
        gone = reader.committed(partition, cursor)
        if len(records) > 40 and not killed:
            process.kill()
            acknowledgements += drain(process)
            process.wait()
            killed = True
        elif not killed and select.select([process.stdout], [], [], 0)[0]:
            acknowledgements += os.read(process.stdout.fileno(), 65536)
    acknowledged = [int(line) for line in acknowledgements.splitlines()]

    assert numbers(records) == list(range(len(records)))
    assert len(acknowledged) <= len(records) <= len(acknowledged) + 1
    assert reader.partitions() == []


def test_a_line_cut_short_waits_for_a_live_writer_and_is_torn_for_a_dead_one(
    log_root: Path,
    start_process: StartWriter,
    last_segment: LastSegment,
) -> None:
    process = start_process("start_a_program")
    assert process.stdout is not None
    process.stdout.readline()
    reader = FileReader(log_root)
    (partition,) = reader.partitions()
    size = last_segment(partition).stat().st_size
    begun, _ = encode_frame(0, 1, DECISION, b"cut short")
    with last_segment(partition).open("ab") as segment:
        segment.write(begun[:-3])

    batch = reader.read(partition, START)
    assert payloads(batch.records) == [b"from the parent"]
    assert batch[1:4] == (Cursor(1, size, 1), 0, [])

    process.kill()
    process.wait()
    batch = reader.read(partition, START)
    assert payloads(batch.records) == [b"from the parent"]
    assert batch[1:4] == (Cursor(2, 0, 1), 1, [])
    assert reader.read(partition, batch.cursor)[:4] == ([], batch.cursor, 0, [])


def test_a_writer_is_alive_until_it_is_killed(
    log_root: Path, start_process: StartWriter
) -> None:
    process = start_process("append_forever", seed=0)
    assert process.stdout is not None
    process.stdout.readline()
    (partition,) = FileReader(log_root).partitions()
    alive_before = is_alive(log_root / partition)
    process.send_signal(signal.SIGKILL)
    process.wait()

    assert alive_before
    assert not is_alive(log_root / partition)


def test_a_stopped_writer_counts_as_alive(
    log_root: Path, start_process: StartWriter
) -> None:
    process = start_process("append_forever", seed=0)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    (partition,) = FileReader(log_root).partitions()

    assert is_alive(log_root / partition)


def test_a_forked_child_neither_writes_nor_keeps_the_partition_alive(
    log_root: Path, start_process: StartWriter
) -> None:
    process = start_process("fork_a_child")
    assert process.stdout is not None
    outcome = process.stdout.readline()
    child = int(process.stdout.readline().split()[1])
    (partition,) = FileReader(log_root).partitions()
    alive_before = is_alive(log_root / partition)
    process.kill()
    process.wait()
    # Signal 0 reaches the child only if it outlived its parent.
    os.kill(child, 0)

    assert outcome.startswith(b"unavailable")
    assert alive_before
    assert not is_alive(log_root / partition)


def test_a_program_started_by_the_writer_does_not_keep_the_partition_alive(
    log_root: Path, start_process: StartWriter
) -> None:
    process = start_process("start_a_program")
    assert process.stdout is not None
    started = process.stdout.readline()
    (partition,) = FileReader(log_root).partitions()
    alive_before = is_alive(log_root / partition)
    process.kill()
    process.wait()

    assert started == b"started\n"
    assert alive_before
    assert not is_alive(log_root / partition)


def test_inspect_tells_dead_from_living_and_counts_segments_and_bytes(
    log_root: Path, new_file_writer: NewFileWriter
) -> None:
    dead = new_file_writer(max_segment_bytes=10)
    for _ in range(3):
        dead.append(record_of(b"12345678"))
    dead.close()
    living = new_file_writer()
    living.append(record_of(b"1234"))

    assert inspect(log_root) == [
        (dead.partition, False, 3, 3 * (HEADER_FRAME_BYTES + 15 + FOOTER_FRAME_BYTES)),
        (living.partition, True, 1, HEADER_FRAME_BYTES + 11),
    ]
    assert inspect(log_root / "missing") == []

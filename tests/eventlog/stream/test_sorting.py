"""Sorting a segment's bytes gives what reading them and adding each record gives."""

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from bandit_svc.domain.events.cursor import Cursor
from bandit_svc.domain.events.decision_encoder import HAS_FIELDS
from bandit_svc.domain.events.decision_id import RAW_ID_BYTES
from bandit_svc.domain.events.packing import field, varint
from bandit_svc.domain.events.record import (
    DECISION,
    FIRST_RECORD_KIND,
    LAST_RECORD_KIND,
    REWARD,
    Part,
    Record,
    part_of,
)
from bandit_svc.eventlog.files.frames import (
    FOOTER,
    SHARED,
    Footer,
    encode_footer,
    encode_frame,
    identity_of,
)
from bandit_svc.eventlog.files.scan import Scanned, scan
from bandit_svc.eventlog.stream.filling import OpenRun, Packing
from bandit_svc.eventlog.stream.partitions import (
    UNIT_PARTITION,
    number_in,
    partition_of,
)
from bandit_svc.eventlog.stream.shipment import unpack
from bandit_svc.eventlog.stream.sorting import Sorting

PARTITIONS = 3
SOURCE = "w1"
IDENTITY = identity_of(7, 3)
AFTER = Cursor(3, 60, 1_000)
PARTS = tuple(part_of(bytes((n,)) * 20) for n in range(4))

sizes = st.one_of(st.integers(0, 300), st.sampled_from((127, 128, 16_383, 16_384)))
numbers = st.integers(0, 9)


@st.composite
def decisions(draw: st.DrawFn) -> Record:
    """A record that names the first part, and further ones, of those it has."""
    parts = draw(st.lists(st.sampled_from(PARTS), min_size=1, max_size=3, unique=True))
    number, rest = draw(numbers), bytes(draw(sizes))
    raw = bytes(15) + number.to_bytes(4, "big") + bytes(RAW_ID_BYTES - 19)
    flags = draw(st.sampled_from((b"\0", b"\1")))
    if parts[1:]:
        own = field(1, b"".join(part.key for part in parts[1:]))
        flags = bytes((HAS_FIELDS,)) + varint(len(own)) + own
    return Record(DECISION, raw + parts[0].key + flags + rest, tuple(parts))


plain = st.builds(
    lambda kind, number, rest: Record(
        kind, bytes(15) + number.to_bytes(4, "big") + bytes(rest)
    ),
    st.integers(FIRST_RECORD_KIND, LAST_RECORD_KIND),
    numbers,
    sizes,
)
too_short = st.builds(
    Record,
    st.integers(FIRST_RECORD_KIND, LAST_RECORD_KIND),
    st.binary(max_size=RAW_ID_BYTES + 9),
)
written = st.lists(st.one_of(decisions(), plain, too_short), max_size=8)


def segment(records: Sequence[Record], *, footer: bool) -> bytes:
    """Return the frames of records from AFTER on, parts before their first use."""
    frames: list[bytes] = []
    named: set[Part] = set()
    sequence = AFTER.sequence
    for record in records:
        for part in record.parts:
            if part not in named:
                named.add(part)
                content = part.key + part.body
                frames.append(encode_frame(IDENTITY, sequence, SHARED, content)[0])
        frames.append(encode_frame(IDENTITY, sequence, record.kind, record.payload)[0])
        sequence += 1
    if footer:
        content = encode_footer(Footer(len(records), 0, 0))
        frames.append(encode_frame(IDENTITY, sequence, FOOTER, content)[0])
    return b"".join(frames)


def begun(_: str) -> OpenRun:
    return Packing().begin(SOURCE, AFTER)


def added(records: Sequence[Record], parts: Mapping[bytes, bytes]) -> dict[str, bytes]:
    """Return what adding each record gives, by partition."""
    runs: dict[str, OpenRun] = {}
    for sequence, record in enumerate(records, AFTER.sequence):
        number = number_in(record)
        unit = number is None
        partition = UNIT_PARTITION if unit else partition_of(number or 0, PARTITIONS)
        runs.setdefault(partition, begun(partition)).add(record, sequence)
    for run in runs.values():
        run.put_parts(parts)
    return {partition: b"".join(run.frames) for partition, run in runs.items()}


def check(data: bytes, most: int | None) -> None:
    """Require the same of both ways."""
    read = scan(data, IDENTITY, AFTER.sequence, most)
    sorting = Sorting(PARTITIONS, begun)

    found = sorting.scan(data, IDENTITY, AFTER.sequence, most)

    assert found == Scanned([], *read[1:])
    frames = {p: b"".join(r.frames) for p, r in sorting.runs(found.parts).items()}
    assert frames == added(read.records, read.parts)


@given(written, st.booleans(), st.none() | st.integers(1, 5))
def test_whole_frames(records: list[Record], footer: bool, most: int | None) -> None:  # noqa: FBT001 - hypothesis passes it
    check(segment(records, footer=footer), most)


@given(numbers, st.integers(100, 300))
def test_records_that_lie_far_apart(number: int, others: int) -> None:
    rare, common = (
        Record(REWARD, bytes(15) + n.to_bytes(4, "big")) for n in (number, number + 1)
    )
    check(segment([rare, *[common] * others, rare], footer=False), None)


@given(written, st.data())
def test_cut_and_changed_bytes(records: list[Record], data: st.DataObject) -> None:
    whole = segment(records, footer=True)
    cut = data.draw(st.integers(0, len(whole)))
    changed = bytearray(whole)
    changed[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))

    check(whole[:cut], None)
    check(bytes(changed), None)


def test_a_part_that_one_source_has_lost_is_taken_from_another() -> None:
    part = PARTS[0]
    record = Record(DECISION, bytes(RAW_ID_BYTES) + part.key + b"\0", (part,))
    packing = Packing()
    for parts in ({}, {part.key: part.body}):
        run = packing.begin(SOURCE, AFTER)
        run.add(record, AFTER.sequence)
        run.put_parts(parts)
        packing.end(run, AFTER)

    assert unpack(packing.shipment("n", 1, 1))[1] == {part.key: part.body}

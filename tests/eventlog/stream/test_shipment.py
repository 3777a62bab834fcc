"""A message brings back what was put in, and refuses what was changed on its way."""

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandit_svc.domain.events.cursor import START, Cursor
from bandit_svc.domain.events.damage import Damage
from bandit_svc.domain.events.decision_encoder import HAS_FIELDS
from bandit_svc.domain.events.decision_id import RAW_ID_BYTES
from bandit_svc.domain.events.packing import Malformed, field, varint
from bandit_svc.domain.events.record import (
    DECISION,
    FIRST_RECORD_KIND,
    LAST_RECORD_KIND,
    LINE,
    REWARD,
    Part,
    Record,
    part_of,
)
from bandit_svc.eventlog.files.frames import NewerFormat
from bandit_svc.eventlog.stream.filling import Packing
from bandit_svc.eventlog.stream.shipment import (
    FORMAT,
    NO_OUTBOX,
    Run,
    Shipment,
    decode,
    encode,
    unpack,
)

ONE, TWO = part_of(b"one"), part_of(b"two")


class Written(NamedTuple):
    """A run as a shipper adds it."""

    source: str
    after: Cursor
    records: Sequence[tuple[int, Record]]
    upto: Cursor


def decision(body: bytes, *parts: Part) -> Record:
    """A record that names parts as a decision does: the first, then further ones."""
    flags = b"\0"
    if parts[1:]:
        keys = b"".join(part.key for part in parts[1:])
        own = field(1, keys)
        flags = bytes((HAS_FIELDS,)) + varint(len(own)) + own
    return Record(DECISION, bytes(RAW_ID_BYTES) + parts[0].key + flags + body, parts)


def packed(runs: Sequence[Written]) -> Packing:
    packing = Packing()
    for run in runs:
        filled = packing.begin(run.source, run.after)
        for sequence, record in run.records:
            filled.add(record, sequence)
        filled.put_parts({p.key: p.body for _, r in run.records for p in r.parts})
        packing.end(filled, run.upto)
    return packing


cursors = st.builds(
    Cursor, st.integers(0, 2**32), st.integers(0, 2**40), st.integers(0, 2**50)
)
bodies = st.binary(max_size=300)
plain = st.builds(
    Record,
    st.integers(FIRST_RECORD_KIND, LAST_RECORD_KIND).filter(lambda k: k != DECISION),
    bodies,
)
parts = st.lists(st.binary(max_size=40).map(part_of), min_size=1, max_size=3)
decisions = st.builds(lambda body, parts: decision(body, *parts), bodies, parts)
names = st.text(max_size=40)
damages = st.builds(
    Damage,
    names,
    st.integers(0, 9),
    st.integers(0, 2**40),
    st.integers(0, 99),
    st.integers(0, 99),
    st.sampled_from(["changed", "cut", "deleted"]),
    st.booleans(),
)


@st.composite
def written(draw: st.DrawFn) -> Written:
    after = draw(cursors)
    sequence = after.sequence
    records = []
    for record in draw(st.lists(st.one_of(plain, decisions), max_size=8)):
        sequence += draw(st.integers(0, 3))
        records.append((sequence, record))
        sequence += 1
    # A run may be gone on with by one that begins where it ended.
    upto = draw(cursors)._replace(sequence=sequence + draw(st.integers(0, 3)))
    return Written(draw(names), after, records, upto)


@given(
    st.lists(written(), max_size=5),
    names,
    st.integers(0, 2**50),
    st.integers(0, 2**50),
    st.booleans(),
    st.lists(damages, max_size=2),
    st.tuples(st.integers(0, 2**53), st.integers(0, 2**40)),
)
def test_any_records_of_any_runs_come_back_with_their_parts(
    runs: list[Written],
    node: str,
    sent_ms: int,
    mark_ms: int,
    closed: bool,  # noqa: FBT001 - hypothesis passes it
    lost: list[Damage],
    link: tuple[int, int],
) -> None:
    packing = packed(runs)
    sent = packing.shipment(
        node, sent_ms, mark_ms, closed=closed, damages=lost, link=link
    )
    found = decode(encode(sent))

    assert found == sent
    unpacked, bodies_of = unpack(found)
    assert [
        (sequence, record.kind, record.payload)
        for run in unpacked
        for sequence, record in zip(run.sequences, run.records, strict=True)
    ] == [
        (sequence, record.kind, record.payload)
        for run in runs
        for sequence, record in run.records
    ]
    expected = {p.key: p.body for r in runs for _, c in r.records for p in c.parts}
    assert bodies_of == expected
    assert packing.records == sum(len(run.records) for run in runs)
    assert packing.size == len(sent.body)


@given(st.lists(written(), max_size=3), st.data())
def test_a_cut_or_changed_message_is_refused(
    runs: list[Written], data: st.DataObject
) -> None:
    whole = encode(packed(runs).shipment("web-1", 5, 4))
    cut = data.draw(st.integers(0, len(whole) - 1))
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = bytearray(whole)
    changed[at] ^= data.draw(st.integers(1, 255))

    for damaged in (whole[:cut], whole[cut + 1 :], bytes(changed)):
        with pytest.raises(Malformed):
            decode(damaged)


@given(st.binary(max_size=200), st.lists(cursors, min_size=2, max_size=2))
def test_a_body_that_does_not_fit_its_runs_is_refused_or_read(
    body: bytes, at: list[Cursor]
) -> None:
    run = Run("w1", at[0], at[1], 2)

    try:
        found, _ = unpack(Shipment("web-1", 5, 4, [run], body))
    except Malformed:
        return
    assert len(found[0].records) == 2


def test_a_part_is_in_a_message_once_and_in_each_message() -> None:
    run = Written("w1", START, [(0, decision(b"a", ONE, TWO))], Cursor(1, 9, 1))
    again = Written("w2", START, [(0, decision(b"b", TWO, ONE))], Cursor(1, 9, 1))
    alone, both = packed([run]), packed([run, again])

    assert unpack(both.shipment("n", 1, 1))[1] == {p.key: p.body for p in (ONE, TWO)}
    assert both.size < 2 * alone.size - len(ONE.body + TWO.body)


def test_stretches_of_a_source_that_follow_each_other_are_one_run() -> None:
    middle, end = Cursor(1, 50, 1), Cursor(1, 90, 7)
    packing = packed(
        [
            Written("w1", START, [(0, Record(REWARD, b"a"))], middle),
            Written("w1", middle, [(4, Record(REWARD, b"b"))], end),
        ]
    )
    sent = packing.shipment("n", 1, 1)

    assert sent.runs == (Run("w1", START, end, 2),)
    assert unpack(sent)[0][0].sequences == [0, 4]


def test_a_decision_that_no_version_can_read_is_sent_as_it_is() -> None:
    broken = Record(DECISION, b"short")
    sent = packed([Written(NO_OUTBOX, START, [(0, broken)], START)]).shipment("n", 1, 1)

    assert unpack(sent)[0][0].records == [broken]


def test_a_line_of_format_1_is_not_sent() -> None:
    with pytest.raises(ValueError, match="a record of kind 0 is not sent"):
        Packing().begin(NO_OUTBOX, START).add(Record(LINE, b"{}"), 0)


def test_a_message_of_a_newer_version_says_what_reads_it() -> None:
    data = bytearray(encode(Shipment("web-1", 5, 4)))
    data[1] = FORMAT + 1
    content = bytes(data[:-4])

    with pytest.raises(NewerFormat, match="format 2, and this version reads"):
        decode(content + zlib.crc32(content).to_bytes(4, "little"))

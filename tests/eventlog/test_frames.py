"""Frames of format 2: what was moved, changed or cut is no frame."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandit_svc.eventlog.files.frames import (
    FORMAT,
    HEADER,
    Footer,
    Header,
    NewerFormat,
    checksum,
    could_begin,
    encode_footer,
    encode_frame,
    encode_header,
    epoch_of,
    identity_of,
    parse_frame,
    read_footer,
    read_header,
    sequence_of,
)

payloads = st.binary(max_size=400)
sequences = st.integers(0, 2**40)
kinds = st.integers(16, 47)
IDENTITY = identity_of(epoch_of("w1"), 1)


@given(payloads, sequences, kinds, st.binary(max_size=20))
def test_a_frame_is_parsed_as_it_was_encoded(
    payload: bytes, sequence: int, kind: int, before: bytes
) -> None:
    data, crc = encode_frame(IDENTITY, sequence, kind, payload)
    frame = parse_frame(before + data + b"after", len(before))

    assert frame is not None
    assert frame[:2] == (kind, payload)
    assert frame.crc == int.from_bytes(crc, "little")
    assert frame.crc == checksum(IDENTITY, sequence, kind, payload)
    assert frame.end == len(before + data)


@given(payloads, sequences, kinds, st.integers(0, 2**20))
def test_the_sequence_number_is_computed_from_the_checksum(
    payload: bytes, sequence: int, kind: int, skipped: int
) -> None:
    data, _ = encode_frame(IDENTITY, sequence, kind, payload)
    frame = parse_frame(data, 0)
    assert frame is not None

    assert sequence_of(frame, IDENTITY, max(0, sequence - skipped)) == sequence


@pytest.mark.parametrize(
    ("partition", "segment", "sequence", "kind"),
    [("w2", 1, 5, 16), ("w1", 2, 5, 16), ("w1", 1, 6, 16), ("w1", 1, 5, 17)],
    ids=["another partition", "another segment", "another place", "another kind"],
)
def test_a_frame_holds_at_its_own_place_only(
    partition: str, segment: int, sequence: int, kind: int
) -> None:
    data, _ = encode_frame(IDENTITY, 5, 16, b"payload")
    frame = parse_frame(data, 0)
    assert frame is not None
    elsewhere = identity_of(epoch_of(partition), segment)

    assert checksum(elsewhere, sequence, kind, frame.payload) != frame.crc


@given(payloads, st.data())
def test_a_cut_frame_is_none_but_could_begin_one(
    payload: bytes, data: st.DataObject
) -> None:
    whole, _ = encode_frame(IDENTITY, 0, 16, payload)
    cut = data.draw(st.integers(1, len(whole) - 1))

    assert parse_frame(whole[:cut], 0) is None
    assert could_begin(whole[:cut], 0)
    assert not could_begin(whole, 0)
    assert not could_begin(b"\0" + whole[:cut], 0)


def test_header_and_footer_are_read_as_they_were_written() -> None:
    header = Header(epoch_of("w1"), 1, 7, 0xDEADBEEF, bytes(range(16)))
    footer = Footer(12, 3456, 0x12345678)
    data, _ = encode_frame(IDENTITY, 0, HEADER, encode_header(header))
    frame = parse_frame(data, 0)
    assert frame is not None

    assert read_header(frame, IDENTITY) == header
    assert read_header(frame, IDENTITY + 1) is None
    assert read_footer(encode_footer(footer)) == footer
    assert read_footer(b"short") is None


@pytest.mark.parametrize(
    ("place", "message"),
    [(0, rf"format {FORMAT + 1}.*up to {FORMAT}"), (2, "algorithm 2")],
)
def test_a_newer_format_is_refused_with_what_was_found_and_the_way_out(
    place: int, message: str
) -> None:
    payload = bytearray(encode_header(Header(1, 1, 0, 0, bytes(16))))
    payload[place] += 1
    data, _ = encode_frame(IDENTITY, 0, HEADER, bytes(payload))
    frame = parse_frame(data, 0)
    assert frame is not None

    with pytest.raises(NewerFormat, match=message) as refusal:
        read_header(frame, IDENTITY)
    assert "run the version that wrote it" in refusal.value.message

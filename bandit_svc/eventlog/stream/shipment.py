"""One message of a stream: records of a node's outbox, and up to when it is complete.

Owns the bytes of a message, which docs/log-format.md describes; filling.py makes the
frames in it. A message can be read without any other: the shared parts that its records
name lie in front of their first use. One checksum is over all of it. Pure.

An outbox is a node's own event log in files; a source is one partition of it. A run is
a stretch of one source: all of its records between two cursors that belong to the
message's partition of the stream. Each record keeps the sequence number that it has in
its source, so that a reader who knows a part of a run can leave that part out.
"""

import zlib
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from bandit_svc.domain.events.cursor import Cursor
from bandit_svc.domain.events.damage import Damage
from bandit_svc.domain.events.packing import Malformed, read_varint, varint
from bandit_svc.domain.events.record import PART_KEY_BYTES, Record
from bandit_svc.eventlog.files.frames import SHARED, NewerFormat

FORMAT: Final = 1
NO_OUTBOX: Final = ""
"""The source of records that came past every outbox; a reader takes them always."""

_MAGIC: Final = 0xB3
_HEAD_BYTES: Final = 2
_CRC_BYTES: Final = 4
_CLOSED: Final = 1

_encode_damages = msgspec.json.Encoder().encode
_decode_damages = msgspec.json.Decoder(tuple[Damage, ...]).decode


class Run(NamedTuple):
    """A stretch of one source.

    Attributes:
        source: the name of the outbox's partition, or NO_OUTBOX.
        after: the `upto` of the run of this source that was sent to this partition of
            the stream before, START for the first one.
        upto: where the source was read to.
        records: how many of its records are in the body.
    """

    source: str
    after: Cursor
    upto: Cursor
    records: int


class Shipment(NamedTuple):
    """One message.

    Attributes:
        node: who sent it; "" for records that came past every outbox.
        sent_ms: the node's clock when it was made.
        mark_ms: all that this node stamped before it, and that belongs to this
            partition of the stream, lies in this message or in one before it.
        runs: in the order in which their records lie in the body.
        body: frames, as filling.py makes them.
        closed: the node has ended in good order, and nothing of it is left to send.
        damages: what the node could not read of its outbox.
        chain: drawn when the node begins to send, and anew after each fault.
        number: of the message in its chain and its partition of the stream, from 0; a
            reader believes `mark_ms` only if it has read all before.
    """

    node: str
    sent_ms: int
    mark_ms: int
    runs: Sequence[Run] = ()
    body: bytes = b""
    closed: bool = False
    damages: Sequence[Damage] = ()
    chain: int = 0
    number: int = 0


class Unpacked(NamedTuple):
    """The content of a run's frames."""

    run: Run
    records: Sequence[Record]
    sequences: Sequence[int]
    """The sequence number of each record in its source."""


def encode(shipment: Shipment) -> bytes:
    """Return a message as bytes."""
    damages = _encode_damages(shipment.damages) if shipment.damages else b""
    head = [
        bytes((_MAGIC, FORMAT, _CLOSED if shipment.closed else 0)),
        _text(shipment.node),
        varint(shipment.sent_ms),
        varint(shipment.mark_ms),
        varint(shipment.chain),
        varint(shipment.number),
        varint(len(damages)),
        damages,
        varint(len(shipment.runs)),
    ]
    for run in shipment.runs:
        head.append(_text(run.source))
        head += [varint(n) for n in (*run.after, *run.upto, run.records)]
    begin = b"".join(head)
    crc = zlib.crc32(shipment.body, zlib.crc32(begin))
    return b"".join((begin, shipment.body, crc.to_bytes(_CRC_BYTES, "little")))


def decode(data: bytes) -> Shipment:
    """Return the message of bytes that `encode` has made.

    Raises:
        Malformed: they are damaged.
        NewerFormat: a newer version made them.
    """
    end = len(data) - _CRC_BYTES
    whole = end > _HEAD_BYTES and data[0] == _MAGIC
    if not whole or zlib.crc32(data[:end]) != int.from_bytes(data[end:], "little"):
        raise Malformed(f"{len(data)} bytes are no message, or a damaged one")
    if data[1] > FORMAT:
        raise NewerFormat(
            f"a message of the stream is of format {data[1]}, and this version reads "
            f"formats up to {FORMAT}; run the version that wrote it, or a newer one"
        )
    try:
        return _decoded(data, end)
    except (ValueError, IndexError, msgspec.DecodeError) as error:
        raise Malformed(f"a message of the stream: {error}") from error


def _decoded(data: bytes, end: int) -> Shipment:
    closed, at = bool(data[_HEAD_BYTES] & _CLOSED), _HEAD_BYTES + 1
    node, at = _read_text(data, at)
    sent_ms, at = read_varint(data, at)
    mark_ms, at = read_varint(data, at)
    chain, at = read_varint(data, at)
    number, at = read_varint(data, at)
    length, at = read_varint(data, at)
    damages: tuple[Damage, ...] = ()
    if length:
        damages = _decode_damages(data[at : at + length])
        at += length
    count, at = read_varint(data, at)
    runs: list[Run] = []
    for _ in range(count):
        source, at = _read_text(data, at)
        numbers: list[int] = []
        for _ in range(7):
            value, at = read_varint(data, at)
            numbers.append(value)
        after, upto = Cursor(*numbers[:3]), Cursor(*numbers[3:6])
        runs.append(Run(source, after, upto, numbers[6]))
    content = tuple(runs), data[at:end], closed, damages
    return Shipment(node, sent_ms, mark_ms, *content, chain, number)


def unpack(shipment: Shipment) -> tuple[list[Unpacked], dict[bytes, bytes]]:
    """Return the records of each run, and the bodies of their shared parts by key.

    Raises:
        Malformed: the body does not fit the runs.
    """
    body, at = shipment.body, 0
    parts: dict[bytes, bytes] = {}
    found: list[Unpacked] = []
    try:
        for run in shipment.runs:
            records: list[Record] = []
            sequences: list[int] = []
            following = run.after.sequence
            while len(records) < run.records:
                kind, at = body[at], at + 1
                if kind == SHARED:
                    length, at = read_varint(body, at)
                    cut = at + PART_KEY_BYTES
                    parts[body[at:cut]] = body[cut : at + length]
                    at += length
                    continue
                skipped, at = read_varint(body, at)
                length, at = read_varint(body, at)
                records.append(Record(kind, body[at : at + length]))
                sequences.append(following + skipped)
                following += skipped + 1
                at += length
            found.append(Unpacked(run, records, sequences))
    except (IndexError, ValueError) as error:
        raise Malformed(f"the body of a message: {error}") from error
    if at != len(body):
        raise Malformed(f"{len(body)} bytes of a body whose runs end at {at}")
    return found, parts


def _text(text: str) -> bytes:
    data = text.encode()
    return varint(len(data)) + data


def _read_text(data: bytes, at: int) -> tuple[str, int]:
    length, at = read_varint(data, at)
    text = data[at : at + length]
    if len(text) != length:
        raise Malformed(f"a text of {length} bytes does not fit")
    return text.decode(), at + length

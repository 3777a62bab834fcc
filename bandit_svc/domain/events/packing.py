"""Numbers, fields and distributions as bytes, without changing a bit.

Owns the smallest pieces of the record codec: variable-length integers, numbered
fields, and the forms of a probability mass function (pmf). Pure.

A field is its number and its length, both variable-length integers, and its bytes.
A reader keeps the fields that it does not know, so that a newer minor version may
add some.
"""

import functools
import struct
from collections.abc import Sequence

_FLOAT = struct.Struct("<d")
FLOAT_BYTES = 8
_CONTINUES = 0x80
_THREE_BYTES = 1 << 14
_MAX_SHIFT = 63
LONG_PMF = 33
"""From this many entries on a pmf in a field is packed by planes."""
_ONE_BYTE = tuple(bytes((n,)) for n in range(_CONTINUES))


class Malformed(ValueError):
    """Bytes that no version of the codec has written."""


def varint(number: int) -> bytes:
    """Encode a non-negative integer, seven bits a byte, the lowest first (LEB128)."""
    if number < _CONTINUES:
        return _ONE_BYTE[number]
    if number < _THREE_BYTES:
        return bytes((number & 0x7F | _CONTINUES, number >> 7))
    encoded = bytearray()
    while number >= _CONTINUES:
        encoded.append(number & 0x7F | _CONTINUES)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the integer at a place and the place after it.

    Raises:
        Malformed: it does not end, or is over 63 bits.
    """
    number = shift = 0
    while at < len(data) and shift <= _MAX_SHIFT:
        byte = data[at]
        at += 1
        if byte < _CONTINUES:
            return number | byte << shift, at
        number |= (byte & 0x7F) << shift
        shift += 7
    raise Malformed(f"the integer before byte {at} does not end")


def field(number: int, value: bytes) -> bytes:
    """Encode one numbered field."""
    return varint(number) + varint(len(value)) + value


def read_fields(data: bytes, at: int = 0) -> dict[int, bytes]:
    """Return the fields from a place to the end; a repeated number: the last.

    Raises:
        Malformed: a field does not fit into the data.
    """
    found: dict[int, bytes] = {}
    while at < len(data):
        number, at = read_varint(data, at)
        length, at = read_varint(data, at)
        if at + length > len(data):
            raise Malformed(f"field {number} of {length} bytes does not fit")
        found[number] = data[at : at + length]
        at += length
    return found


def pack_float(value: float) -> bytes:
    """Encode a float64, little-endian."""
    return _FLOAT.pack(value)


def read_float(data: bytes) -> float:
    """Return the float64 of 8 bytes.

    Raises:
        Malformed: there are not 8.
    """
    if len(data) != FLOAT_BYTES:
        raise Malformed(f"a float64 has 8 bytes, and these are {len(data)}")
    (value,) = _FLOAT.unpack(data)
    return float(value)


def pack_floats(values: Sequence[float]) -> bytes:
    """Encode float64 numbers one after the other."""
    return _floats(len(values)).pack(*values)


def read_floats(data: bytes, at: int, count: int) -> tuple[float, ...]:
    """Return float64 numbers from a place on.

    Raises:
        struct.error: there are fewer.
    """
    return _floats(count).unpack_from(data, at)


@functools.lru_cache(maxsize=1024)
def _floats(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}d")


@functools.lru_cache(maxsize=1024)
def one_hot(count: int, hot: int) -> tuple[float, ...]:
    """Return the pmf that is 1.0 for one variant and 0.0 for the others."""
    return (0.0,) * hot + (1.0,) + (0.0,) * (count - hot - 1)


@functools.lru_cache(maxsize=1024)
def certain(count: int, chosen: int) -> bytes:
    """Return the floats of a pmf that is 1.0 for one variant and 0.0 for the others."""
    return pack_floats(one_hot(count, chosen))


def pack_pmf(pmf: Sequence[float]) -> bytes:
    """Encode a pmf in the shortest of its forms that keeps every bit.

    The length tells the form: under 8 bytes, the index of the one entry that is 1.0
    (all others are 0.0); 8 bytes, the number that every entry is; else all entries, a
    long pmf as `pack_planes` does.
    """
    full = pack_floats(pmf)
    if full == full[:FLOAT_BYTES] * len(pmf):
        return full[:FLOAT_BYTES]
    hot = _one_hot(pmf)
    if hot is not None:
        return varint(hot)
    return pack_planes(full) if len(pmf) >= LONG_PMF else full


def pack_planes(floats: bytes) -> bytes:
    """Encode at least LONG_PMF floats with the bytes that all of them share once.

    The entries of a long pmf are small, so that sign and upper exponent are the same
    byte. A mask tells which of the 8 bytes are shared; they follow, and then each other
    byte of all floats. Where none is shared, the floats are returned as they are.
    """
    count = len(floats) // FLOAT_BYTES
    mask, shared, rest = 0, b"", []
    for place in range(FLOAT_BYTES):
        plane = floats[place::FLOAT_BYTES]
        if plane == plane[:1] * count:
            mask |= 1 << place
            shared += plane[:1]
        else:
            rest.append(plane)
    return b"".join((bytes((mask,)), shared, *rest)) if mask else floats


def _read_planes(data: bytes, count: int) -> bytes:
    """Return the floats that `pack_planes` has encoded."""
    mask = data[0]
    shared, at = 1, 1 + mask.bit_count()
    length = at + (FLOAT_BYTES - mask.bit_count()) * count
    if count < LONG_PMF or len(data) != length:
        raise Malformed(f"{len(data)} bytes of a pmf over {count} variants")
    floats = bytearray(FLOAT_BYTES * count)
    for place in range(FLOAT_BYTES):
        if mask >> place & 1:
            floats[place::FLOAT_BYTES] = data[shared : shared + 1] * count
            shared += 1
        else:
            floats[place::FLOAT_BYTES] = data[at : at + count]
            at += count
    return bytes(floats)


def _one_hot(pmf: Sequence[float]) -> int | None:
    """Return the index of the only 1.0 among zeros; None for any other pmf."""
    if 1.0 not in pmf:
        return None
    hot = pmf.index(1.0)
    # Compared as bytes, because -0.0 == 0.0.
    return hot if certain(len(pmf), hot) == pack_floats(pmf) else None


def read_pmf(data: bytes, variants: int) -> tuple[float, ...]:
    """Return the pmf over a number of variants.

    Raises:
        Malformed: the length fits none of the forms.
    """
    if len(data) == FLOAT_BYTES:
        return (read_float(data),) * variants
    if len(data) < FLOAT_BYTES:
        hot, _ = read_varint(data, 0)
        if hot >= variants:
            raise Malformed(f"index {hot} of a pmf over {variants} variants")
        return one_hot(variants, hot)
    if len(data) != FLOAT_BYTES * variants:
        data = _read_planes(data, variants)
    return _floats(variants).unpack(data)

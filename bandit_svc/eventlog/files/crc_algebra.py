"""Solve CRC-32 for the sequence number that a frame was written with.

Owns the arithmetic of polynomials over GF(2) modulo the CRC-32 polynomial, in the
reflected order of zlib (its crc32_combine does the same forwards). Pure.

The checksum of a frame covers a sequence number that is not stored. After damage the
number is unknown; instead of trying every candidate, it is computed from the stored
checksum, which is a linear function of it.
"""

import functools
import struct
import zlib
from typing import Final

_POLYNOMIAL: Final = 0xEDB88320
_ONE: Final = 0x80000000
_X8: Final = 0x00800000
_ORDER: Final = 2**32 - 1
"""The order of x, since the polynomial is primitive."""
_ALL: Final = 0xFFFFFFFF
_HIGH: Final = struct.Struct("<IB")


def _product(a: int, b: int) -> int:
    result = 0
    while a:
        if a & _ONE:
            result ^= b
        a = a << 1 & _ALL
        b = b >> 1 ^ (_POLYNOMIAL if b & 1 else 0)
    return result


@functools.lru_cache(maxsize=4096)
def _power(length: int) -> int:
    """Return x to the power of 8 * length; a negative length is the inverse."""
    exponent = length % _ORDER
    result, square = _ONE, _X8
    while exponent:
        if exponent & 1:
            result = _product(square, result)
        square = _product(square, square)
        exponent >>= 1
    return result


def _shifted(crc: int, length: int) -> int:
    """Return what `length` zero bytes make of a checksum, without its inversions."""
    return _product(_power(length), crc)


def solve_sequence(
    crc: int, payload: bytes, kind: int, high: int, identity: int
) -> int:
    """Return the lower 32 bits of the only sequence number that fits a checksum.

    Args:
        crc: the stored checksum.
        high: the upper 32 bits of the sequence number.
        identity: the checksum of the epoch and segment, which come first.
    """
    before_payload = _shifted(crc ^ zlib.crc32(payload), -len(payload))
    tail = before_payload ^ _shifted(identity, 9)
    low = _shifted(tail ^ zlib.crc32(_HIGH.pack(high, kind)), -5)
    return _ALL ^ _shifted(low ^ _ALL, -4)

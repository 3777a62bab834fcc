"""Remember which units have had a decision, in a bounded number of bytes.

Owns the set of the units that came before a position of the log. It has one bit for
each hash, so that some new units look as if they had come before, the more the more
units there were: 5 % after 100,000, 38 % after 1,000,000. Such a unit counts as one
that has come back, which leaves estimates valid and makes intervals wider
(weighing.py). No unit that has come before looks new.
"""

import zlib
from hashlib import blake2b

from bandit_svc.ope.errors import LoggedDataError

BITS = 1 << 21


class SeenUnits:
    """A set of units that can be added to."""

    def __init__(self) -> None:
        self._bits = bytearray(BITS // 8)

    def add(self, unit: str) -> None:
        """Add a unit."""
        byte, bit = _place(unit)
        self._bits[byte] |= bit

    def __contains__(self, unit: str) -> bool:
        """Return true if a unit was added, and for a share of the others."""
        byte, bit = _place(unit)
        return bool(self._bits[byte] & bit)

    def copy(self) -> "SeenUnits":
        """Return an independent set of the same units."""
        new = SeenUnits()
        new._bits[:] = self._bits
        return new

    def to_bytes(self) -> bytes:
        """Return the state as bytes."""
        return zlib.compress(self._bits, 1)

    @classmethod
    def from_bytes(cls, state: bytes) -> "SeenUnits":
        """Restore what `to_bytes` gave.

        Raises:
            LoggedDataError: the bytes are damaged, or of another version.
        """
        new = cls()
        try:
            bits = zlib.decompress(state)
        except zlib.error as error:
            raise LoggedDataError(f"the seen units can't be read: {error}") from error
        if len(bits) != len(new._bits):
            raise LoggedDataError(
                f"the seen units have {len(bits)} bytes; they must have "
                f"{len(new._bits)}"
            )
        new._bits[:] = bits
        return new


def _place(unit: str) -> tuple[int, int]:
    """Return the byte of a unit, and its bit in there."""
    number = int.from_bytes(blake2b(unit.encode(), digest_size=4).digest()) % BITS
    return number >> 3, 1 << (number & 7)

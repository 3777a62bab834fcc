"""Remember which units have had a decision, in a bounded number of bytes.

Owns the set of the units that came before a position of the log. Each unit sets
PLACES bits of a Bloom filter, so that some new units look as if they had come before:
none of some thousands, 0.1 % after 100,000, half after 1,000,000. Such a unit counts as
one that has come back, which leaves estimates valid and makes intervals wider
(weighing.py). No unit that has come before looks new.

References:
    Bloom (1970), "Space/time trade-offs in hash coding with allowable errors", CACM 13.
"""

import zlib
from hashlib import blake2b
from struct import unpack

from bandit_svc.ope.errors import LoggedDataError

BITS = 1 << 21
PLACES = 4
_VERSION = b"\x04"


class SeenUnits:
    """A set of units that can be added to."""

    def __init__(self) -> None:
        self._bits = bytearray(BITS // 8)

    def add(self, unit: str) -> None:
        """Add a unit."""
        for byte, bit in _places(unit):
            self._bits[byte] |= bit

    def __contains__(self, unit: str) -> bool:
        """Return true if a unit was added, and for a share of the others."""
        return all(self._bits[byte] & bit for byte, bit in _places(unit))

    def copy(self) -> "SeenUnits":
        """Return an independent set of the same units."""
        new = SeenUnits()
        new._bits[:] = self._bits
        return new

    def to_bytes(self) -> bytes:
        """Return the state as bytes."""
        return _VERSION + zlib.compress(self._bits, 1)

    @classmethod
    def from_bytes(cls, state: bytes) -> "SeenUnits":
        """Restore what `to_bytes` gave.

        Raises:
            LoggedDataError: the bytes are damaged, or of another version.
        """
        new = cls()
        if not state.startswith(_VERSION):
            raise LoggedDataError("the seen units can't be read: another version")
        try:
            bits = zlib.decompress(state.removeprefix(_VERSION))
        except zlib.error as error:
            raise LoggedDataError(f"the seen units can't be read: {error}") from error
        if len(bits) != len(new._bits):
            raise LoggedDataError(
                f"the seen units have {len(bits)} bytes; they must have "
                f"{len(new._bits)}"
            )
        new._bits[:] = bits
        return new


def _places(unit: str) -> list[tuple[int, int]]:
    """Return the byte and the bit of each place of a unit."""
    digest = blake2b(unit.encode(), digest_size=4 * PLACES).digest()
    numbers = (number % BITS for number in unpack(f"<{PLACES}I", digest))
    return [(number >> 3, 1 << (number & 7)) for number in numbers]

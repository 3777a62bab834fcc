"""What the units of programmes have brought, as every backend keeps it.

Owns the protocol. Units are known by a hash with the programme's salt, and what is kept
of each is bytes whose form is services.learning.programmes'.
"""

from collections.abc import Collection, Mapping
from typing import Protocol


class ProgrammeTotals(Protocol):
    """The sums of programmes, and the units that they are made of."""

    def kept(self, number: int) -> bytes | None:
        """Return the sums of a programme; None before the first."""

    def units(self, number: int, hashes: Collection[int]) -> Mapping[int, bytes]:
        """Return what is kept of units, by hash; those not known are left out."""

    def save(self, number: int, sums: bytes, units: Mapping[int, bytes]) -> None:
        """Replace the sums and some units, in one transaction."""

    def begin_anew(self, number: int) -> None:
        """Forget the sums and the units of a programme."""

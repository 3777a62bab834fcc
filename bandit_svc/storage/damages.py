"""What the event log has lost, as the store keeps it.

Owns the protocol and the row; what counts as damage is domain/events/damage.py's.
Damages are kept by `Facts.ingest`, in the transaction that moves the cursor.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from bandit_svc.domain.events.damage import Damage

HOLD_JOINING_MS = 3_600_000
"""An operator has so long to make a file readable; then joining goes on without it."""


class KeptDamage(NamedTuple):
    """One damage that ingestion has found."""

    id: int
    found_at_ms: int
    damage: Damage
    acknowledged_at_ms: int | None = None

    def holds_joining(self, now_ms: int) -> bool:
        """Return whether decisions must not be joined yet, since rewards may come.

        What lies in the place of a file does not pass by waiting, so it holds nothing.
        """
        return (
            self.damage.what == "waiting"
            and self.acknowledged_at_ms is None
            and now_ms - self.found_at_ms < HOLD_JOINING_MS
        )


class Damages(Protocol):
    """The damages of a store's event log. They are kept for good."""

    def all(self) -> list[KeptDamage]:
        """Return every damage, the oldest first."""

    def unacknowledged(self) -> list[KeptDamage]:
        """Return those that nobody has acknowledged yet, the oldest first."""

    def waiting(self) -> list[KeptDamage]:
        """Return the partitions that wait, acknowledged or not, the oldest first."""

    def replace_waiting(
        self, waiting: Sequence[Damage], lost: Sequence[Damage], now_ms: int
    ) -> None:
        """Keep which partitions wait now, and add those that are lost instead.

        One that waited before keeps its id, its time and its acknowledgement. Those
        that don't wait any more are kept as acknowledged, of the kind `waited`.
        """

    def remains(self, damage_id: int) -> bytes:
        """Return the bytes that were damaged or set aside; empty if none are kept.

        At most 64 kB of a damage are kept, and 16 MB of all together.

        Raises:
            NotFound: there is no damage of that id.
        """

    def acknowledge(self, damage_id: int, now_ms: int) -> None:
        """Record that an operator knows of a damage; a second time changes nothing.

        Raises:
            NotFound: there is no damage of that id.
        """

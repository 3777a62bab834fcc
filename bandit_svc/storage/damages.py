"""What the event log has lost, as the store keeps it.

Owns the protocol and the row; what counts as damage is domain/events/damage.py's.
Damages are kept by `Facts.ingest`, in the transaction that moves the cursor.
"""

from typing import NamedTuple, Protocol

from bandit_svc.domain.events.damage import Damage


class KeptDamage(NamedTuple):
    """One damage that ingestion has found."""

    id: int
    found_at_ms: int
    damage: Damage
    acknowledged_at_ms: int | None = None


class Damages(Protocol):
    """The damages of a store's event log. They are kept for good."""

    def all(self) -> list[KeptDamage]:
        """Return every damage, the oldest first."""

    def unacknowledged(self) -> list[KeptDamage]:
        """Return those that nobody has acknowledged yet, the oldest first."""

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

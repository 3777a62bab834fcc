"""Places under strict caps, reserved in the request that shows something.

Owns the protocols. A place is taken before the decision is logged, so that it counts
whatever is killed afterwards; all linked ids of a person share their places.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec


class Place(msgspec.Struct, frozen=True):
    """A place under a strict cap that a decision takes.

    Attributes:
        trail: what the cap counts; see CountedCap.trail.
        decision_id: of the decision.
        at_ms: when it was made.
        until_ms: when the place is free again if the decision was never activated; None
            where it is shown at once.
    """

    trail: str
    decision_id: str
    at_ms: int
    until_ms: int | None


class Held(Protocol):
    """The places of a person, which nobody else changes meanwhile."""

    def used(self, trail: str, from_ms: int, now_ms: int) -> int:
        """Return how many places are taken since a time."""

    def take(self, places: Iterable[Place]) -> None:
        """Take places; they are durable at the end of the holding."""


class Reservations(Protocol):
    """The places of all persons, for all processes of the service. Thread-safe."""

    def used(
        self, ids: Sequence[str], since: Sequence[tuple[str, int]], now_ms: int
    ) -> Sequence[int] | None:
        """Return how many places of a person are taken, without waiting for anybody.

        Args:
            ids: all that are known of the person.
            since: trails, each with the time from which on places count.
            now_ms: the time.

        Returns:
            Counts in the order of the trails; None where these ids are not known as
            one person yet, which `holding` makes of them.

        Raises:
            Unavailable: they can't be read.
        """

    def holding(self, ids: Sequence[str]) -> AbstractContextManager[Held]:
        """Hold the places of the person of these ids, who are one from here on.

        Raises:
            Unavailable: they can't be written, or are held by others for too long.
        """

    def link(self, ids: Sequence[str]) -> None:
        """Make one person of ids, if any place was ever taken.

        Raises:
            Unavailable: it can't be written.
        """

    def confirm(self, decision_id: str, now_ms: int) -> bool:
        """Keep the places of a deferred decision for good, since it is shown now.

        Returns:
            False if it had places and its time to be shown has run out.

        Raises:
            Unavailable: they can't be written.
        """

    def free(self, decision_id: str) -> None:
        """Free the places of a decision that was not logged.

        Raises:
            Unavailable: they can't be written.
        """

    def forget(self, ids: Iterable[str]) -> int:
        """Delete what is kept of some ids; return how many rows that were."""

    def scrub(self, beat: Callable[[], None]) -> bool:
        """Leave nothing deleted in the bytes of the file; see Privacy.scrub."""

    def close(self) -> None:
        """Let go of files and connections; idempotent."""

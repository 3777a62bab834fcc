"""Messages that are gone from a stream before they were read.

Owns that their partition is read no further until an operator has accepted the loss,
and where it goes on then.
"""

from collections.abc import Callable

from bandit_svc.domain.events.cursor import Cursor
from bandit_svc.domain.events.damage import IN_STREAM, Damage
from bandit_svc.errors import LogLost
from bandit_svc.services.learning.stream.standing import Standing

Accepts = Callable[[Damage], bool | None]
"""Returns whether an operator has accepted a loss; None if it is not kept yet."""


class Losses:
    """The losses that one ingest meets.

    Attributes:
        found: those that are new; they are to be kept.
    """

    def __init__(self, standing: Standing, accepts: Accepts) -> None:
        self._standing = standing
        self._accepts = accepts
        self.found: list[Damage] = []

    def behind(self, error: LogLost, cursor: Cursor) -> Cursor:
        """Return the cursor behind a loss that was accepted; else the one before it."""
        damage = Damage(
            error.partition,
            segment=0,
            offset=error.first,
            facts=0,
            bytes=0,
            what="lost",
            at_least=True,
            format=IN_STREAM,
        )
        accepted = self._accepts(damage)
        if accepted is None:
            self.found.append(damage)
        if not accepted:
            return cursor
        self._standing.resume(error.partition)
        return Cursor(0, error.goes_on_after)

"""For how long a unit keeps what was chosen for it.

Owns the declaration, the checks of it, and what breaks a choice that is kept. Pure.
"""

from typing import Final

import msgspec

from bandit_svc.domain.context import value_at
from bandit_svc.domain.limits import MAX_STRING_LENGTH
from bandit_svc.domain.plain_values import Context
from bandit_svc.errors import InvalidInput

MAX_STICKY_S: Final = 90 * 86_400
"""As long as a decision's id is valid."""
MAX_BREAKS: Final = 20
_MODEL: Final = "model"
_CONTEXT: Final = "context."


class Sticky(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A unit that comes back within a time gets the choice that was made for it.

    Attributes:
        for_seconds: how long a choice is kept, from when it was made.
        break_when: what ends it before: `model` for a newer model, `context.KEY` for
            another value of a key of the context (`context.user.segment` inside a
            namespace).
    """

    for_seconds: float
    break_when: tuple[str, ...] = ()

    def holds(self, made_ms: int, now_ms: int) -> bool:
        """Return whether a choice is still kept, by its age."""
        return 0 <= now_ms - made_ms < self.for_seconds * 1_000

    def breaks(self, before: tuple[Context, int], now: tuple[Context, int]) -> bool:
        """Return whether a choice must be made anew.

        Args:
            before: the context and the model version of the kept choice.
            now: those of the request.
        """
        for what in self.break_when:
            if what == _MODEL:
                if before[1] != now[1]:
                    return True
                continue
            key = what.removeprefix(_CONTEXT)
            if value_at(before[0], key) != value_at(now[0], key):
                return True
        return False


def check_sticky(sticky: Sticky | None) -> None:
    """Refuse a declaration that can't be kept.

    Raises:
        InvalidInput: with the pointer to the field at fault.
    """
    if sticky is None:
        return
    # NaN fails the comparison too.
    if not 0 < sticky.for_seconds <= MAX_STICKY_S:
        raise InvalidInput.at(
            "/sticky/for_seconds",
            f"for_seconds is {sticky.for_seconds:g}; it must be above 0 and at most "
            f"{MAX_STICKY_S:,} (90 days)",
        )
    if len(sticky.break_when) > MAX_BREAKS:
        raise InvalidInput.at(
            "/sticky/break_when",
            f"{len(sticky.break_when)} entries; at most {MAX_BREAKS} are allowed",
        )
    for index, what in enumerate(sticky.break_when):
        key = what.removeprefix(_CONTEXT)
        is_key = what != key and 0 < len(key) <= MAX_STRING_LENGTH
        if what != _MODEL and not is_key:
            raise InvalidInput.at(
                f"/sticky/break_when/{index}",
                f"{what[:128]!r} is nothing that a choice can break at; write "
                "'model', or 'context.' and a key of the context",
            )

"""Which decisions a reward goes to that names a unit and no decision.

Owns the rules that an experiment declares, the checks of them, and the choice of
decisions. Pure.

A reward is credited to exposed decisions of the person that were exposed at or before
`occurred_at`, and at most `within_seconds` before it. So it is a function of what is
known of the person, in whichever order that came to the store.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from bandit_svc.domain.context import MAX_NUMBER
from bandit_svc.domain.json_shape import check_length, is_number
from bandit_svc.domain.limits import DECISION_LIFETIME_MS
from bandit_svc.domain.plain_values import Context
from bandit_svc.errors import InvalidInput

Credit = Literal["last_exposed", "all"]

RETAINED_MS: Final = 7 * 86_400_000
"""A reward that is received later than so many milliseconds after the last moment that
credit looks back from goes to no decision."""
MAX_WITHIN_S: Final = DECISION_LIFETIME_MS // 1_000
_VALUE: Final = "value"
_PROPERTIES: Final = "properties."


class CreditRule(NamedTuple):
    """How far back credit looks, in milliseconds, and whether decisions share it."""

    within_ms: int
    shared: bool


class Creditable(NamedTuple):
    """An exposed decision that a reward of its unit may go to.

    Attributes:
        id: of the decision, as the store keeps it.
        within_ms: how far back from a reward it may lie.
        shared: it shares rewards with the person's other decisions.
    """

    id: bytes
    exposed_at_ms: int
    within_ms: int
    shared: bool

    def reaches(self, occurred_at_ms: int, received_at_ms: int) -> bool:
        """Return whether a reward may be credited to it."""
        last_ms = self.exposed_at_ms + self.within_ms
        return (
            self.exposed_at_ms <= occurred_at_ms <= last_ms
            and received_at_ms <= last_ms + RETAINED_MS
        )


def credited(
    decisions: Sequence[Creditable], occurred_at_ms: int, received_at_ms: int
) -> list[bytes]:
    """Return the ids of the decisions of a person that a reward goes to.

    The rule of the last one holds: it gets the reward alone, or shares it with all
    others that share.
    """
    reached = [d for d in decisions if d.reaches(occurred_at_ms, received_at_ms)]
    if not reached:
        return []
    last = max(reached, key=lambda d: (d.exposed_at_ms, d.id))
    if not last.shared:
        return [last.id]
    return sorted(d.id for d in reached if d.shared)


def value_in(path: str, value: float | None, properties: Context) -> float | None:
    """Return the number of an event that a path names.

    Args:
        path: `value`, or `properties.NAME`.
        value: of the event, if it has one; an event without one counts as 1.
        properties: of the event.

    Returns:
        None where there is no number at a named property: the event is no reward.
    """
    if path == _VALUE:
        return 1.0 if value is None else value
    found = properties.get(path.removeprefix(_PROPERTIES))
    if not is_number(found) or abs(found) > MAX_NUMBER:
        # JSON has integers that no float can hold.
        return None
    return float(found)


def check_credit(event: str | None, path: str, within_s: float | None) -> None:
    """Refuse rules of credit that can't be followed.

    Raises:
        InvalidInput: with the pointer to the field at fault.
    """
    if event is not None:
        check_length("/reward/event", event)
    name = path.removeprefix(_PROPERTIES)
    if path != _VALUE and (name == path or not name):
        raise InvalidInput.at(
            "/reward/value",
            f"{path[:128]!r} is no place of a number; write 'value' for the event's "
            "own, or 'properties.' and the name of a property",
        )
    check_length("/reward/value", path)
    # NaN fails the comparison too.
    if within_s is not None and not 0.001 <= within_s <= MAX_WITHIN_S:  # noqa: PLR2004 - a millisecond
        raise InvalidInput.at(
            "/reward/within_seconds",
            f"within_seconds is {within_s:g}; it must be between 0.001 and "
            f"{MAX_WITHIN_S:,} (90 days)",
        )

"""Hours in which a person is left alone on a channel.

Owns the declaration, and whether it is quiet at an instant: by the wall clock of a time
zone, so that the hours are those that people live by, also on days when the clocks are
changed. An hour that the clock skips is never quiet; one that it shows twice is quiet
both times. Pure but for the table of time zones.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from bandit_svc.domain.limits import MAX_STRING_LENGTH
from bandit_svc.domain.variant import KEY_RULE, is_key
from bandit_svc.errors import InvalidInput

QUIET_REASON: Final = "quiet: "
"""How the reason begins, by which quiet hours kept a variant out."""
UTC_ZONE: Final = "UTC"
MAX_QUIET: Final = 20
_MAX_ZONE_LENGTH: Final = 64
_OF_UNIT: Final = "unit."
_OF_CONTEXT: Final = "context."
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")

ZoneOf = Callable[[str], object]
"""Return what is known under `unit.TRAIT` or `context.KEY`; None for nothing."""


class Quiet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hours of each day in which a channel shows nothing.

    Attributes:
        channel: of the experiments that are quiet.
        from_: the first minute, as HH:MM on the wall clock.
        to: the first minute that is not quiet any more; before `from`, it is the
            next day's.
        zone: an IANA name such as Europe/Berlin, or where the person's is found:
            `unit.TRAIT` or `context.KEY`. UTC where none is known there.
    """

    channel: str
    from_: str = msgspec.field(name="from")
    to: str
    zone: str = UTC_ZONE

    @property
    def asks(self) -> bool:
        """Return whether the zone is the person's own."""
        return self.zone.startswith((_OF_UNIT, _OF_CONTEXT))

    def zone_name(self, zone_of: ZoneOf) -> str:
        """Return the name of the zone that counts."""
        found = zone_of(self.zone) if self.asks else self.zone
        known = isinstance(found, str) and zone_named(found) is not None
        return str(found) if known else UTC_ZONE

    def holds(self, zone: str, now_ms: int) -> bool:
        """Return whether it is quiet in a zone at an instant."""
        clock = datetime.fromtimestamp(now_ms / 1000, zone_named(zone))
        minute = clock.hour * 60 + clock.minute
        begins, ends = _minute(self.from_), _minute(self.to)
        if begins < ends:
            return begins <= minute < ends
        return minute >= begins or minute < ends


def why_quiet(
    rules: Sequence[Quiet],
    channel: str | None,
    zone_of: ZoneOf,
    now_ms: int,
    *,
    tells_zone: bool = True,
) -> str | None:
    """Return why a channel is quiet at an instant, None if it is not.

    Such as `quiet: push 21:00-08:00 Europe/Berlin`.

    Args:
        rules: the quiet hours.
        channel: of the experiment.
        zone_of: finds the zone of the person.
        now_ms: the instant.
        tells_zone: the reason names the person's zone, not where it is found.
    """
    for rule in rules:
        if rule.channel != channel:
            continue
        zone = rule.zone_name(zone_of)
        if rule.holds(zone, now_ms):
            name = zone if tells_zone else rule.zone
            return f"{QUIET_REASON}{channel} {rule.from_}-{rule.to} {name}"
    return None


@lru_cache(maxsize=1_024)
def zone_named(name: str) -> ZoneInfo | None:
    """Return the time zone of an IANA name, None if there is none."""
    if len(name) > _MAX_ZONE_LENGTH:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # Callers bring names: a directory of the table, or a path, is none of them.
        return None


@lru_cache(maxsize=1_024)
def _minute(clock: str) -> int:
    found = _CLOCK.fullmatch(clock)
    if found is None:
        raise ValueError(clock)
    return int(found[1]) * 60 + int(found[2])


def quiet_rules(declared: Quiet | tuple[Quiet, ...] | None) -> tuple[Quiet, ...]:
    """Return quiet hours that are declared as one object, or as a list of them."""
    if declared is None:
        return ()
    return (declared,) if isinstance(declared, Quiet) else declared


def check_quiet(declared: Quiet | tuple[Quiet, ...] | None) -> None:
    """Refuse quiet hours that can't be kept.

    Raises:
        InvalidInput: with the pointer to the field at fault.
    """
    rules = quiet_rules(declared)
    if len(rules) > MAX_QUIET:
        raise InvalidInput.at(
            "/quiet", f"there are {len(rules)} quiet hours; at most {MAX_QUIET}"
        )
    for index, rule in enumerate(rules):
        pointer = "/quiet" if isinstance(declared, Quiet) else f"/quiet/{index}"
        if not is_key(rule.channel):
            raise InvalidInput.at(f"{pointer}/channel", f"the channel: {KEY_RULE}")
        for name, clock in (("from", rule.from_), ("to", rule.to)):
            if not _CLOCK.fullmatch(clock):
                raise InvalidInput.at(
                    f"{pointer}/{name}",
                    f"{name} is {clock[:64]!r}; write hours and minutes as 21:00",
                )
        if rule.from_ == rule.to:
            raise InvalidInput.at(
                f"{pointer}/to",
                f"to is {rule.to}, as from is; a channel that is never used needs no "
                "quiet hours: pause its experiments",
            )
        _check_zone(rule, f"{pointer}/zone")


def _check_zone(rule: Quiet, pointer: str) -> None:
    if rule.asks:
        key = rule.zone.partition(".")[2]
        if not 0 < len(key) <= MAX_STRING_LENGTH:
            raise InvalidInput.at(
                pointer,
                f"{rule.zone[:128]!r} names nothing; write unit. and a trait, such as "
                "unit.zone, or context. and a key",
            )
    elif zone_named(rule.zone) is None:
        raise InvalidInput.at(
            pointer,
            f"{rule.zone[:128]!r} is no time zone; write an IANA name such as "
            "Europe/Berlin, or unit. and a trait, such as unit.zone",
        )

"""Whether what a shop has shown kept to its limits, from when it was shown.

Owns the audit of caps and quiet hours. It knows what was shown and when, and nothing of
how the service counts.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from simulators.worlds.retailer import shop

_DAY_MS = 86_400_000
_EVENING, _MORNING = 21, 8


class Shown(NamedTuple):
    """What a customer was shown that a limit may count.

    Attributes:
        at_ms: when it was shown.
        chosen_ms: when it was chosen, which may be earlier.
        zone: of the customer.
    """

    at_ms: int
    chosen_ms: int
    customer: int
    experiment: str
    variant: str
    zone: str


class Broken(NamedTuple):
    """How often a limit was broken."""

    mails: int
    offers: int
    quiet_hours: int


def broken(shown: Iterable[Shown]) -> Broken:
    """Count what was shown though a limit was reached."""
    mails: defaultdict[int, list[int]] = defaultdict(list)
    offers: defaultdict[int, list[int]] = defaultdict(list)
    quiet = 0
    for one in sorted(shown):
        if one.experiment == "cart-mail":
            mails[one.customer].append(one.at_ms)
            quiet += _is_quiet(one)
        if shop.DISCOUNT[one.variant] > 0.0:
            offers[one.customer].append(one.at_ms)
    return Broken(
        _beyond(mails.values(), shop.MAILS, shop.MAIL_DAYS * _DAY_MS),
        _beyond(offers.values(), 1, shop.OFFER_DAYS * _DAY_MS),
        quiet,
    )


def _is_quiet(one: Shown) -> bool:
    """Return whether it was night at the customer's when a mail was chosen."""
    at = datetime.fromtimestamp(one.chosen_ms / 1_000, UTC)
    hour = at.astimezone(ZoneInfo(one.zone)).hour
    return hour >= _EVENING or hour < _MORNING


def _beyond(times: Iterable[list[int]], most: int, per_ms: int) -> int:
    """Count times that have `most` others in the time before them."""
    return sum(
        one[n] - one[n - most] < per_ms for one in times for n in range(most, len(one))
    )

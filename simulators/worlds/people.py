"""People who come back, sign in, buy, and mind.

Owns the visits of this world and what is true of it. A person comes some 20 times, a
few far more often; anonymous on one or two devices until they sign in at a visit of
their own. Buyers buy several times as often as others and sign in more often, so that
whoever loses people at the sign-in loses buyers. Some purchases are refunded later, of
buyers less often: what is true of the rewards is known before and after refunds.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

MEAN_VISITS = 20.0
VISITS_SHAPE = 2.5
"""Of the Pareto tail of a person's visits."""
MOST_VISITS = 400
BUYERS = 0.25
TWO_DEVICES = 0.3
SIGN_IN = {True: 0.8, False: 0.3}
"""The chance that a buyer, or another, ever signs in."""
DENIES = 0.1
VIEWS = {True: 0.6, False: 0.3}
"""The chance that a visit views something, which is an event."""
BUY_CHANCE = {True: 0.20, False: 0.03}
REFUNDS = {True: 0.15, False: 0.45}
"""The chance that a purchase of a buyer, or of another, is refunded."""


@dataclass(frozen=True, slots=True)
class PersonVisit:
    """One visit.

    Attributes:
        person: a number.
        unit_id: the id that the site knows at this visit.
        signs_in: at this visit the id of the device becomes linked to the account.
        account: the id of the person's account, which is `unit_id` once signed in.
        denies: the person denies consent, and the site says so at the first visit.
        views: something is viewed before the choice.
        buys: uniform in [0, 1); the person buys if it is below the chance.
        is_buyer: of those who buy often.
        refunds: a purchase at this visit is refunded, some days later.
    """

    person: int
    unit_id: str
    signs_in: bool
    account: str
    denies: bool
    views: bool
    buys: float
    is_buyer: bool
    refunds: bool = False

    def chance(self, lift: float) -> float:
        """Return the chance of a purchase where a variant lifts it by a share."""
        return BUY_CHANCE[self.is_buyer] * (1.0 + lift)


def true_mean(lift: float = 0.0, *, net: bool = False) -> float:
    """Return the mean purchases a visit where every visit has the same lift.

    Args:
        lift: as a share.
        net: purchases that are refunded don't count.
    """
    shares = {True: BUYERS, False: 1 - BUYERS}
    kept = {who: 1.0 - REFUNDS[who] * net for who in shares}
    bought = sum(shares[who] * BUY_CHANCE[who] * kept[who] for who in shares)
    return bought * (1.0 + lift)


def visits(
    people: int, rng: np.random.Generator, mean_visits: float = MEAN_VISITS
) -> Iterator[PersonVisit]:
    """Yield the visits of a number of people, mixed as they come.

    A person's visits are in their order, and those of all people in a random one.
    """
    plans = [_Plan.drawn(rng, mean_visits) for _ in range(people)]
    order = np.repeat(np.arange(people), [plan.visits for plan in plans])
    rng.shuffle(order)
    come = np.zeros(people, dtype=int)
    # Of their own, so that the visits of a seed are those of before there were any.
    (refunds,) = rng.spawn(1)
    for person in order.tolist():
        plan, at = plans[person], int(come[person])
        come[person] += 1
        device, view, buys = rng.random(3)
        signed = plan.signs_in_at is not None and at > plan.signs_in_at
        second = plan.two_devices and device < 0.5  # noqa: PLR2004 - either of two
        anonymous = f"anon-{person}{'b' if second else 'a'}"
        account = f"user-{person}"
        yield PersonVisit(
            person=person,
            unit_id=account if signed else anonymous,
            signs_in=at == plan.signs_in_at,
            account=account,
            denies=plan.denies,
            views=bool(view < VIEWS[plan.is_buyer]),
            buys=float(buys),
            is_buyer=plan.is_buyer,
            refunds=bool(refunds.random() < REFUNDS[plan.is_buyer]),
        )


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a person is like."""

    visits: int
    is_buyer: bool
    two_devices: bool
    denies: bool
    signs_in_at: int | None
    """The visit, from 0, at which the person signs in; None for never."""

    @classmethod
    def drawn(cls, rng: np.random.Generator, mean_visits: float) -> "_Plan":
        # A Lomax tail of this mean; at least one visit.
        tail = (mean_visits - 1.0) * (VISITS_SHAPE - 1.0) * rng.pareto(VISITS_SHAPE)
        count = 1 + min(MOST_VISITS - 1, int(tail))
        buyer, devices, denies, signs, when = rng.random(5)
        is_buyer = bool(buyer < BUYERS)
        signs_in = signs < SIGN_IN[is_buyer] and count > 1
        return cls(
            visits=count,
            is_buyer=is_buyer,
            two_devices=bool(devices < TWO_DEVICES),
            denies=bool(denies < DENIES),
            signs_in_at=int(when * (count - 1)) if signs_in else None,
        )

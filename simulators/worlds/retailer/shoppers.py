"""Shoppers of the shop, day by day: what they do with what they are shown.

Owns the draws of a day and the state of a shopper. All draws are made before anything
is shown, so that one seed gives the same shoppers whatever they see. Who keeps to the
limits of offers and mails is the caller's affair; `Limits` says what they allow.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from simulators.worlds.retailer import shop
from simulators.worlds.retailer.shop import (
    ASLEEP,
    CART_DAYS,
    MAIL_DAYS,
    MAILS,
    NOTHING,
    OFFER_DAYS,
    ORDER_SIGMA,
    PLACES,
    RHYTHMS,
    SIZE_SHARE,
    TASTES,
    TIERS,
    Kind,
)


class Chance(NamedTuple):
    """The draws of a shopper for a day; uniform in [0, 1), but for `amount`.

    Attributes:
        visits: the shopper comes if it is below the chance; the others likewise.
        adds: fills a cart.
        size: of the cart.
        buys: buys the cart.
        strips: buy from the recommendations, one for each place.
        amount: standard normal; how far an order's value is from its mean.
    """

    visits: float
    adds: float
    size: float
    buys: float
    strips: tuple[float, ...]
    amount: float


@dataclass(slots=True)
class Shopper:
    """One shopper.

    Attributes:
        kind: what the shopper is like.
        cart: the size of the cart, in `shop.SIZES`; None without one.
        age: full days that the cart has been left; 0 for one of today.
    """

    kind: Kind
    cart: int | None = None
    age: int = 0

    def comes(self, mail: str, chance: Chance) -> bool:
        """Return whether the shopper comes today, after a mail."""
        has_cart = self.cart is not None
        return chance.visits < shop.visit_chance(self.kind, mail, has_cart=has_cart)

    def fills_cart(self, hero: str, chance: Chance) -> bool:
        """Let a visitor without a cart fill one, below a banner."""
        if chance.adds >= shop.add_chance(self.kind, hero):
            return False
        self.cart, self.age = int(chance.size >= SIZE_SHARE[0]), 0
        return True

    def buys(self, offered: str, chance: Chance) -> float | None:
        """Let a visitor buy the cart; return the margin in euros, or None.

        Args:
            offered: the pop-up where the cart is of today, else the mail.
            chance: the draws of the day.
        """
        if self.cart is None:
            return None
        buys = shop.fresh_chance if self.age == 0 else shop.buy_chance
        if chance.buys >= buys(self.kind, offered):
            return None
        # The mean of a log-normal factor with this median is 1.
        factor = math.exp(ORDER_SIGMA * chance.amount - ORDER_SIGMA**2 / 2.0)
        earned = shop.margin(self.cart, offered) * factor
        self.cart = None
        return round(earned, 2)

    def strips_bought(self, slate: tuple[str, ...], chance: Chance) -> list[int]:
        """Return the places, from 0, whose recommendation a visitor buys."""
        return [
            place
            for place, strip in enumerate(slate)
            if chance.strips[place]
            < shop.LOOKS[place] * shop.strip_chance(self.kind, strip)
        ]

    def sleeps(self) -> None:
        """End the day: a cart that was left becomes older, and is lost in the end."""
        self.age += 1
        if self.age > CART_DAYS:
            self.cart = None


@dataclass(slots=True)
class Limits:
    """What a shopper was shown, and what may still be shown, by days."""

    offers: list[int] = field(default_factory=list)
    mails: list[int] = field(default_factory=list)

    def may_offer(self, day: int) -> bool:
        """Return whether an offer may be made."""
        return not any(day - before <= OFFER_DAYS for before in self.offers)

    def may_mail(self, day: int) -> bool:
        """Return whether a mail may be sent."""
        return sum(day - before <= MAIL_DAYS for before in self.mails) < MAILS

    def note(self, day: int, variant: str, *, is_mail: bool) -> None:
        """Count what was shown."""
        if is_mail and variant != NOTHING:
            self.mails.append(day)
        if shop.DISCOUNT[variant] > 0.0:
            self.offers.append(day)


def shoppers(count: int, rng: np.random.Generator) -> list[Shopper]:
    """Draw shoppers."""
    return [Shopper(_kind(rng)) for _ in range(count)]


def day_of(count: int, rng: np.random.Generator) -> list[Chance]:
    """Draw what happens to each of the shoppers on a day."""
    uniform = rng.random((count, 4 + PLACES)).tolist()
    amounts = rng.standard_normal(count).tolist()
    return [
        Chance(visits, adds, size, buys, tuple(strips), amount)
        for (visits, adds, size, buys, *strips), amount in zip(
            uniform, amounts, strict=True
        )
    ]


def _kind(rng: np.random.Generator) -> Kind:
    return Kind(
        TASTES[rng.integers(len(TASTES))],
        TIERS[rng.integers(len(TIERS))],
        RHYTHMS[rng.integers(len(RHYTHMS))],
        bool(rng.random() < ASLEEP),
    )

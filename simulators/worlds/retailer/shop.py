"""A shop: browse, cart, mail, banner, and a discount for a fresh cart.

Owns the kinds of shoppers, what may be shown to them, and the chances of what they do
on a day. A shopper without a cart may come; the banner makes them fill one, of small or
large value. While the cart is fresh a pop-up may offer a discount. Whoever does not buy
keeps the cart for CART_DAYS, and each morning a mail may remind of it. A discount sells
more to bargain hunters, and costs margin with everybody else; a shopper gets one offer
in OFFER_DAYS and at most MAILS mails in MAIL_DAYS, so that today's choice limits
tomorrow's. Rewards are margins, in euros.
"""

import itertools
from collections.abc import Mapping
from typing import NamedTuple

DAYS = 60
CART_DAYS = 3
OFFER_DAYS = 30
MAIL_DAYS, MAILS = 7, 2

TASTES = ("dress", "shoes", "home")
TIERS = ("regular", "bargain")
RHYTHMS = ("early", "late")
SIZES = ("small", "large")
SIZE_SHARE = (0.7, 0.3)
ORDER_MEAN = (30.0, 180.0)
"""Of a small cart, and of a large one, in euros."""
ORDER_SIGMA = 0.8
"""Of the logarithm of an order's value: the tail is heavy."""
MARGIN = 0.4
"""The share of an order's value that is earned where there is no discount."""

NOTHING = "nothing"
HEROES = ("dresses", "shoes", "home", "sale")
POPUPS = (NOTHING, "discount-5", "discount-10")
OFFERED = {"reminder": 0.0, "complements": 0.0, "voucher": 0.25}
"""What a mail offers, with its discount; each may be sent at one of HOURS."""
HOURS = ("08", "18")
MAIL_VARIANTS = (
    NOTHING,
    *(f"{what}-{hour}" for what, hour in itertools.product(OFFERED, HOURS)),
)
DISCOUNT: Mapping[str, float] = {
    NOTHING: 0.0,
    "discount-5": 0.05,
    "discount-10": 0.10,
    **{f"{what}-{hour}": OFFERED[what] for what in OFFERED for hour in HOURS},
}
STRIPS = ("alike", "bestsellers", "complements", "new-in", "basics", "recent")
"""What the four places for recommendations are filled with."""
PLACES = 4

VISITS = 0.2
"""The chance of a visit on a day without a cart."""
VISITS_WITH_CART = 0.15
ADDS_MATCHED, ADDS_OTHER = 0.50, 0.15
"""The chance that a visitor fills a cart below a banner of their taste, or another."""
ADDS_SALE: Mapping[str, float] = {"regular": 0.17, "bargain": 0.33}
BUYS_FRESH: Mapping[str, Mapping[str, float]] = {
    "regular": {NOTHING: 0.40, "discount-5": 0.41, "discount-10": 0.42},
    "bargain": {NOTHING: 0.12, "discount-5": 0.20, "discount-10": 0.36},
}
"""The chance that a fresh cart is bought at once, below a pop-up."""
BUYS: Mapping[str, Mapping[str, float]] = {
    "regular": {NOTHING: 0.40, "reminder": 0.42, "complements": 0.50, "voucher": 0.54},
    "bargain": {NOTHING: 0.14, "reminder": 0.15, "complements": 0.15, "voucher": 0.60},
}
"""The chance that a visitor buys a cart of former days, after a mail."""
COMES_FOR = {"reminder": 0.30, "complements": 0.30, "voucher": 0.40}
"""What a mail adds to the chance of a visit, sent at the hour of the shopper."""
OFF_HOUR = 0.35
"""The share of it that is left at the other hour."""
LOOKS = (1.0, 0.7, 0.5, 0.35)
"""The chance that a visitor looks at each place for recommendations."""
STRIP_BUYS: Mapping[str, Mapping[str, float]] = {
    "regular": {"complements": 0.06, "new-in": 0.05, "alike": 0.03},
    "bargain": {"basics": 0.07, "bestsellers": 0.05, "recent": 0.03},
}
OTHER_STRIP_BUYS = 0.01
STRIP_MARGIN = 6.0
"""What an item of a strip earns, in euros."""


class Kind(NamedTuple):
    """What a shopper is like; the shop knows all of it.

    Attributes:
        taste: one of TASTES, what they look for.
        tier: one of TIERS.
        rhythm: one of RHYTHMS, when they read mail and come.
        asleep: it is night at the shopper's when the shop plans its mails, so that no
            mail may be chosen.
    """

    taste: str
    tier: str
    rhythm: str
    asleep: bool


ASLEEP = 0.1
"""The share of shoppers who are asleep then; the rest of a kind is uniform."""
KINDS = tuple(
    Kind(*of) for of in itertools.product(TASTES, TIERS, RHYTHMS, (False, True))
)


def share(kind: Kind) -> float:
    """Return the share of shoppers of a kind."""
    asleep = ASLEEP if kind.asleep else 1.0 - ASLEEP
    return asleep / (len(TASTES) * len(TIERS) * len(RHYTHMS))


def visit_chance(kind: Kind, mail: str, *, has_cart: bool) -> float:
    """Return the chance that a shopper comes today."""
    if not has_cart:
        return VISITS
    if mail == NOTHING:
        return VISITS_WITH_CART
    what, hour = mail.rsplit("-", 1)
    fits = (hour == HOURS[0]) == (kind.rhythm == RHYTHMS[0])
    return VISITS_WITH_CART + COMES_FOR[what] * (1.0 if fits else OFF_HOUR)


def add_chance(kind: Kind, hero: str) -> float:
    """Return the chance that a visitor without a cart fills one below a banner."""
    if hero == "sale":
        return ADDS_SALE[kind.tier]
    return ADDS_MATCHED if hero.startswith(kind.taste) else ADDS_OTHER


def fresh_chance(kind: Kind, popup: str) -> float:
    """Return the chance that a cart is bought in the visit that filled it."""
    return BUYS_FRESH[kind.tier][popup]


def buy_chance(kind: Kind, mail: str) -> float:
    """Return the chance that a visitor buys the cart of a former day."""
    return BUYS[kind.tier][mail if mail == NOTHING else mail.rsplit("-", 1)[0]]


def margin(size: int, offered: str) -> float:
    """Return the mean margin of an order, in euros; of a size in SIZES."""
    return ORDER_MEAN[size] * (MARGIN - DISCOUNT[offered])


def strip_chance(kind: Kind, strip: str) -> float:
    """Return the chance that a visitor who looks at a strip buys from it."""
    return STRIP_BUYS[kind.tier].get(strip, OTHER_STRIP_BUYS)


def slate_margin(kind: Kind, slate: tuple[str, ...]) -> float:
    """Return the mean margin of the recommendations in a visit, in euros."""
    bought = (
        looks * strip_chance(kind, strip)
        for looks, strip in zip(LOOKS, slate, strict=True)
    )
    return STRIP_MARGIN * sum(bought)

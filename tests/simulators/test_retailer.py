"""The shop: chances by hand, and what tables earn as they are played."""

import itertools

import numpy as np
import pytest

from simulators.worlds.retailer import shop
from simulators.worlds.retailer.playing import earned
from simulators.worlds.retailer.shop import KINDS, NOTHING, TIERS, Kind
from simulators.worlds.retailer.shoppers import (
    Chance,
    Limits,
    Shopper,
)
from simulators.worlds.retailer.values import (
    Menu,
    Table,
    best_slate,
    last_allowed,
    mean_value,
    value,
    with_look_ahead,
    without_look_ahead,
)

HUNTER = Kind("dress", "bargain", "early", asleep=False)
IDLE = Table("dresses", NOTHING, NOTHING)
GIVING = Table("sale", "discount-10", "voucher-08")


def drawn(
    visits: float = 0.99,
    adds: float = 0.99,
    size: float = 0.0,
    buys: float = 0.99,
    strips: tuple[float, ...] = (0.99,) * shop.PLACES,
    amount: float = 0.0,
) -> Chance:
    """Return draws in which nothing happens, but for those that are named."""
    return Chance(visits, adds, size, buys, strips, amount)


def test_a_shopper_comes_fills_a_cart_and_buys_it_at_once() -> None:
    one = Shopper(HUNTER)

    assert one.comes(NOTHING, drawn(visits=0.19))
    # By hand: half of the visitors fill a cart below the banner of their taste; a cart
    # is large above .7, and the median order of 180 euros earns 40 %.
    assert not one.fills_cart("dresses", drawn(adds=0.5))
    assert one.fills_cart("dresses", drawn(adds=0.49, size=0.71))
    assert one.buys(NOTHING, drawn(buys=0.12)) is None
    median = 180.0 * np.exp(-(0.8**2) / 2.0)
    assert one.buys("discount-10", drawn(buys=0.35)) == pytest.approx(
        0.3 * median, abs=0.01
    )
    assert one.cart is None


def test_a_cart_is_lost_after_three_mornings() -> None:
    one = Shopper(HUNTER)
    one.fills_cart("dresses", drawn(adds=0.0))

    kept = []
    for _ in range(4):
        one.sleeps()
        kept.append(one.cart is not None)

    assert kept == [True, True, True, False]


def test_a_mail_brings_most_at_the_hour_of_the_shopper() -> None:
    def comes(mail: str) -> float:
        return shop.visit_chance(HUNTER, mail, has_cart=True)

    # By hand: .15 without a mail, .30 more at the hour, .35 of that at the other.
    assert comes(NOTHING) == 0.15
    assert comes("reminder-08") == pytest.approx(0.45)
    assert comes("reminder-18") == pytest.approx(0.15 + 0.105)


def test_limits_count_by_days() -> None:
    limits = Limits()
    limits.note(0, "voucher-08", is_mail=True)
    limits.note(3, "reminder-18", is_mail=True)

    assert [limits.may_mail(day) for day in (4, 7, 8)] == [False, False, True]
    assert [limits.may_offer(day) for day in (30, 31)] == [False, True]


def test_the_best_recommendations_follow_from_what_sells() -> None:
    regular = Kind("dress", "regular", "early", asleep=False)

    assert best_slate(regular)[:3] == ("complements", "new-in", "alike")
    # By hand: 6 euros of .06, .7 of .05, .5 of .03 and .35 of .01.
    assert shop.slate_margin(regular, best_slate(regular)) == pytest.approx(
        6.0 * (0.06 + 0.035 + 0.015 + 0.0035)
    )


def test_the_shares_of_all_kinds_add_up_to_1() -> None:
    assert sum(map(shop.share, KINDS)) == pytest.approx(1.0)


@pytest.mark.parametrize("kind", KINDS[::5])
def test_no_policy_earns_more_than_the_oracle(kind: Kind) -> None:
    oracle = value(kind, with_look_ahead, 0.0)
    myopic = value(kind, without_look_ahead, 0.0)
    tables = [
        value(kind, last_allowed, 0.0, Table(*row).menu)
        for row in itertools.product(
            ("dresses", "sale"), shop.POPUPS[::2], shop.MAIL_VARIANTS[::3]
        )
    ]

    assert max(tables) <= myopic + 1e-9
    assert myopic <= oracle + 1e-9


def test_keeping_the_offer_for_a_large_cart_pays() -> None:
    # Without look-ahead the offer goes to the first cart, be it small.
    myopic = value(HUNTER, without_look_ahead, 0.0)

    assert value(HUNTER, with_look_ahead, 0.0) > 1.02 * myopic


def test_a_shopper_who_is_asleep_gets_no_mail() -> None:
    asleep = HUNTER._replace(asleep=True)
    unmailed = Menu(mails=(NOTHING,))

    assert value(asleep, with_look_ahead, 0.0) == value(
        asleep, with_look_ahead, 0.0, unmailed
    )
    assert value(HUNTER, with_look_ahead, 0.0) > value(
        HUNTER, with_look_ahead, 0.0, unmailed
    )


@pytest.mark.statistical
@pytest.mark.parametrize(
    "tables",
    [
        dict.fromkeys(TIERS, IDLE),
        dict.fromkeys(TIERS, GIVING),
        {"regular": Table("dresses", NOTHING, "complements-18"), "bargain": GIVING},
    ],
    ids=["idle", "giving", "by tier"],
)
def test_played_tables_earn_their_value(tables: dict[str, Table]) -> None:
    """6,000 shoppers of seed 4, for 60 days, orders at the mean of their size.

    A shopper's margin has a standard deviation of about 60 euros, so that of the mean
    is .8; the tolerance is four of them.
    """
    played = earned(tables, 6_000, np.random.default_rng(4))

    assert played == pytest.approx(mean_value(tables), abs=3.2)


@pytest.mark.statistical
def test_orders_have_the_mean_of_their_size_and_a_heavy_tail() -> None:
    """20,000 draws of seed 9: the standard error of the mean is .7 % of it."""
    rng = np.random.default_rng(9)
    margins = []
    for amount in rng.standard_normal(20_000).tolist():
        one = Shopper(HUNTER, cart=1)
        margins.append(one.buys(NOTHING, drawn(buys=0.0, amount=amount)) or 0.0)

    assert np.mean(margins) == pytest.approx(72.0, rel=0.028)
    assert max(margins) > 8 * 72.0


def test_recommendations_are_bought_as_often_as_they_are_looked_at() -> None:
    slate = ("basics", "bestsellers", "recent", "alike")
    one = Shopper(HUNTER)

    # By hand: the second place is looked at by .7, of whom .05 buy.
    at_second = (0.9, 0.034, 0.9, 0.9)
    assert one.strips_bought(slate, drawn(strips=at_second)) == [1]
    missed = (0.9, 0.036, 0.9, 0.9)
    assert one.strips_bought(slate, drawn(strips=missed)) == []

"""What a policy of the shop earns in DAYS days: exact, by dynamic programming.

Owns the states of a shopper and the backward pass over the days. The state is the cart
(its size and age), the days until the next offer may be made, and the days since the
last two mails; with the kind of the shopper it is all that the chances depend on. A
policy picks among the values of what may be shown: with look-ahead it is the oracle,
without it sees the margin of the same day alone, and a table always says the same.
"""

import functools
import itertools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simulators.environment import FloatArray
from simulators.worlds.retailer import shop
from simulators.worlds.retailer.shop import (
    CART_DAYS,
    DAYS,
    HEROES,
    KINDS,
    MAIL_DAYS,
    MAIL_VARIANTS,
    NOTHING,
    OFFER_DAYS,
    POPUPS,
    SIZES,
    Kind,
)

IntArray = npt.NDArray[np.intp]

Pick = Callable[[FloatArray, FloatArray], IntArray]
"""Choose among actions: from the margins of today and the values to the end, shape
(n_actions, …) each, the values -inf where an action may not be taken; return their
indices, shape (…)."""

NO_MAIL = MAIL_DAYS + 1
"""More days since a mail than are counted."""


class Menu(NamedTuple):
    """What a policy chooses from; pop-ups and mails begin with `nothing`."""

    heroes: tuple[str, ...] = HEROES
    popups: tuple[str, ...] = POPUPS
    mails: tuple[str, ...] = MAIL_VARIANTS


class Table(NamedTuple):
    """What is always shown to a tier of shoppers, where it may be shown."""

    hero: str
    popup: str
    mail: str

    @property
    def menu(self) -> Menu:
        """Return the choices of this table: its row, or `nothing`."""
        return Menu((self.hero,), (NOTHING, self.popup), (NOTHING, self.mail))

    @property
    def without_mail(self) -> "Table":
        """Return what is left of it for shoppers who get no mail."""
        return self._replace(mail=NOTHING)


class Best(NamedTuple):
    """What the best policies of three kinds earn a shopper in DAYS days, in euros."""

    oracle: float
    """With look-ahead."""
    myopic: float
    """Of those that see the margin of the same day alone."""
    table: float
    """Of all tables of one row a tier."""
    tables: Mapping[str, Table]
    """By tier."""
    nothing: float
    """The first banner, no mail and no discount."""


def with_look_ahead(today: FloatArray, to_the_end: FloatArray) -> IntArray:
    """Pick what is worth most to the end."""
    del today
    chosen: IntArray = to_the_end.argmax(axis=0)
    return chosen


def without_look_ahead(today: FloatArray, to_the_end: FloatArray) -> IntArray:
    """Pick what earns most today."""
    allowed = np.where(np.isfinite(to_the_end), today, -np.inf)
    chosen: IntArray = allowed.argmax(axis=0)
    return chosen


def last_allowed(today: FloatArray, to_the_end: FloatArray) -> IntArray:
    """Pick the last action that may be taken: of a table's menu, its row."""
    del today
    return np.where(np.isfinite(to_the_end[-1]), len(to_the_end) - 1, 0)


def value(
    kind: Kind, pick: Pick, slate_margin: float, menu: Menu | None = None
) -> float:
    """Return the mean margin of a shopper of a kind in DAYS days, in euros.

    Args:
        kind: of the shopper, who begins without a cart.
        pick: the policy of banner, pop-up and mail.
        slate_margin: what the recommendations earn in a visit.
        menu: what it chooses from; everything by default.
    """
    later = np.zeros((1 + _CARTS, *_SHAPE[1:]))
    for _ in range(DAYS):
        later = _day(kind, menu or Menu(), pick, slate_margin, later)
    return float(later[0, 0, _MAIL_STATES.index((NO_MAIL, NO_MAIL))])


@functools.cache
def best_slate(kind: Kind) -> tuple[str, ...]:
    """Return the recommendations that earn most, by enumeration."""
    slates = itertools.permutations(shop.STRIPS, shop.PLACES)
    return max(slates, key=lambda slate: shop.slate_margin(kind, slate))


@functools.cache
def best() -> Best:
    """Return what is best; the tables are enumerated, a tier apart from the other."""
    tables = {tier: _best_table(tier) for tier in shop.TIERS}
    idle = dict.fromkeys(shop.TIERS, Table(HEROES[0], NOTHING, NOTHING))
    return Best(
        oracle=_mean(with_look_ahead),
        myopic=_mean(without_look_ahead),
        table=mean_value(tables),
        tables=tables,
        nothing=mean_value(idle),
    )


def mean_value(tables: Mapping[str, Table]) -> float:
    """Return what tables earn a shopper, by tier, with the best recommendations."""
    return _mean(last_allowed, {tier: table.menu for tier, table in tables.items()})


def _mean(pick: Pick, menus: Mapping[str, Menu] | None = None) -> float:
    menus = menus or dict.fromkeys(shop.TIERS, Menu())
    return sum(
        shop.share(kind) * value(kind, pick, _best_strips(kind), menus[kind.tier])
        for kind in KINDS
    )


def _best_strips(kind: Kind) -> float:
    return shop.slate_margin(kind, best_slate(kind))


def _as_good_as(kind: Kind, table: Table) -> Kind:
    """Return the first kind with whom a table earns the same: tastes differ little."""
    chance = shop.add_chance(kind, table.hero)
    others = (kind._replace(taste=taste) for taste in shop.TASTES)
    return next(one for one in others if shop.add_chance(one, table.hero) == chance)


def _best_table(tier: str) -> Table:
    kinds = [kind for kind in KINDS if kind.tier == tier]

    @functools.cache
    def of(kind: Kind, table: Table) -> float:
        one = value(kind, last_allowed, _best_strips(kind), table.menu)
        return shop.share(kind) * one

    def earned(table: Table) -> float:
        return sum(
            of(_as_good_as(kind, table), table.without_mail if kind.asleep else table)
            for kind in kinds
        )

    # The tastes are equally frequent and the same but for the banner, so that the
    # banners of goods earn the same.
    heroes = (HEROES[0], HEROES[-1])
    tables = itertools.product(heroes, POPUPS, MAIL_VARIANTS)
    return max((Table(*of) for of in tables), key=earned)


_SIZES = range(len(SIZES))
_CARTS = len(SIZES) * CART_DAYS
"""Carts by size and age; in the values they come after that of none, at 0."""
_MAIL_STATES = tuple(
    (last, before)
    for last, before in itertools.product(range(1, NO_MAIL + 1), repeat=2)
    if last < before or last == NO_MAIL == before
)
"""The days since the last mail and the one before it."""
_SHAPE = (len(SIZES), OFFER_DAYS + 1, len(_MAIL_STATES))


def _mail_state(last: int, before: int) -> int:
    return _MAIL_STATES.index((min(last, NO_MAIL), min(before, NO_MAIL)))


def _next_states() -> dict[tuple[bool, bool], IntArray]:
    """Return tomorrow's state of offers and mails for each of today's, flat."""
    unsent = [_mail_state(last + 1, before + 1) for last, before in _MAIL_STATES]
    sent = [_mail_state(1, last + 1) for last, _ in _MAIL_STATES]
    waits = np.maximum(np.arange(OFFER_DAYS + 1) - 1, 0)
    offered = np.full(OFFER_DAYS + 1, OFFER_DAYS)
    return {
        (is_offer, is_sent): (offered if is_offer else waits)[:, None]
        * len(_MAIL_STATES)
        + np.array(sent if is_sent else unsent)
        for is_offer, is_sent in itertools.product((False, True), repeat=2)
    }


_NEXT = _next_states()
_MAY_SEND = np.array([before > MAIL_DAYS for _, before in _MAIL_STATES])
_MAY_OFFER = (np.arange(OFFER_DAYS + 1) == 0)[:, None]
_NO_CART = np.array([0])
_NEW_CARTS = np.array([1 + size * CART_DAYS for size in _SIZES])
_OLDER_CARTS = np.array(
    [
        0 if age == CART_DAYS else 1 + size * CART_DAYS + age
        for size, age in itertools.product(_SIZES, range(1, CART_DAYS + 1))
    ]
)


class _Tomorrow:
    """What tomorrow is worth in each state of today, by what happens today."""

    def __init__(self, later: FloatArray) -> None:
        self._flat = later.reshape(len(later), -1)

    def of(
        self, carts: IntArray, *, offered: bool = False, sent: bool = False
    ) -> FloatArray:
        """Return the values where carts are left, shape (n_carts, offers, mails)."""
        return self._flat[carts[:, None, None], _NEXT[offered, sent]]


def _day(
    kind: Kind, menu: Menu, pick: Pick, slate_margin: float, later: FloatArray
) -> FloatArray:
    """Return the value of each state at the beginning of a day."""
    tomorrow = _Tomorrow(later)
    come = shop.visit_chance(kind, NOTHING, has_cart=False)
    visit = _visit(kind, menu, pick, tomorrow) + slate_margin
    without = come * visit + (1.0 - come) * tomorrow.of(_NO_CART)
    with_cart = _with_cart(kind, menu, pick, slate_margin, tomorrow)
    return np.concatenate((without, with_cart))


def _visit(kind: Kind, menu: Menu, pick: Pick, tomorrow: _Tomorrow) -> FloatArray:
    """Return the value of a visit without a cart: a banner, then a pop-up."""
    today_if, to_end_if = _filled(kind, menu, pick, tomorrow)
    shares = np.array(shop.SIZE_SHARE)[:, None, None]
    adds = np.array([shop.add_chance(kind, hero) for hero in menu.heroes])
    adds = adds[:, None, None, None]
    today = adds * (shares * today_if).sum(axis=0)
    to_end = adds * (shares * to_end_if).sum(axis=0)
    to_end += (1.0 - adds) * tomorrow.of(_NO_CART)
    return _taken(to_end, pick(today, to_end))


def _filled(
    kind: Kind, menu: Menu, pick: Pick, tomorrow: _Tomorrow
) -> tuple[FloatArray, FloatArray]:
    """Return today's margin and the value to the end of carts that were just filled.

    The shapes are (sizes, offers, mails).
    """
    margins, values = [], []
    for popup in menu.popups:
        is_offer = popup != NOTHING
        buys = shop.fresh_chance(kind, popup)
        earned = buys * np.array([shop.margin(size, popup) for size in _SIZES])
        margins.append(np.broadcast_to(earned[:, None, None], _SHAPE))
        after = buys * tomorrow.of(_NO_CART, offered=is_offer)
        after = after + (1.0 - buys) * tomorrow.of(_NEW_CARTS, offered=is_offer)
        allowed = _MAY_OFFER if is_offer else np.True_
        values.append(np.where(allowed, margins[-1] + after, -np.inf))
    today, to_end = np.stack(margins), np.stack(values)
    chosen = pick(today, to_end)
    return _taken(today, chosen), _taken(to_end, chosen)


def _with_cart(
    kind: Kind, menu: Menu, pick: Pick, slate_margin: float, tomorrow: _Tomorrow
) -> FloatArray:
    """Return the values of days that begin with carts: a mail, then a visit."""
    margins, values = [], []
    for mail in menu.mails:
        sent, is_offer = mail != NOTHING, shop.DISCOUNT[mail] > 0.0
        comes = shop.visit_chance(kind, mail, has_cart=True)
        buys = comes * shop.buy_chance(kind, mail)
        orders = np.array([shop.margin(size, mail) for size in _SIZES])
        earned = np.repeat(buys * orders + comes * slate_margin, CART_DAYS)
        margins.append(np.broadcast_to(earned[:, None, None], (_CARTS, *_SHAPE[1:])))
        after = buys * tomorrow.of(_NO_CART, offered=is_offer, sent=sent)
        kept = tomorrow.of(_OLDER_CARTS, offered=is_offer, sent=sent)
        may_send = _MAY_SEND & (not kind.asleep) if sent else np.True_
        allowed = may_send & _MAY_OFFER if is_offer else may_send
        reckoned = margins[-1] + after + (1.0 - buys) * kept
        values.append(np.where(allowed, reckoned, -np.inf))
    today, to_end = np.stack(margins), np.stack(values)
    return _taken(to_end, pick(today, to_end))


def _taken(values: FloatArray, chosen: IntArray) -> FloatArray:
    """Return the values of the chosen actions."""
    taken: FloatArray = np.take_along_axis(values, chosen[None], axis=0)[0]
    return taken

"""Tables of the shop, as they are played: what their values must agree with.

Owns the order of a day: a mail in the morning, a visit with banner and pop-up, and the
night. The service plays the same day with its own choices.
"""

from collections.abc import Mapping

import numpy as np

from simulators.worlds.retailer import shop
from simulators.worlds.retailer.shop import NOTHING
from simulators.worlds.retailer.shoppers import (
    Chance,
    Limits,
    Shopper,
    day_of,
    shoppers,
)
from simulators.worlds.retailer.values import Table, best_slate


def earned(tables: Mapping[str, Table], count: int, rng: np.random.Generator) -> float:
    """Play tables, by tier; return the mean margin of a shopper in euros.

    Orders are taken at their mean value, so that the mean has less noise.
    """
    people = shoppers(count, rng)
    limits = [Limits() for _ in people]
    total = 0.0
    for day in range(shop.DAYS):
        drawn = day_of(count, rng)
        for one, allowed, chance in zip(people, limits, drawn, strict=True):
            total += _day(one, allowed, tables[one.kind.tier], day, chance)
    return total / count


def _day(
    one: Shopper, allowed: Limits, table: Table, day: int, chance: Chance
) -> float:
    """Play a day of a shopper; return the margin."""
    mail, popup, total = NOTHING, NOTHING, 0.0
    may_offer = allowed.may_offer(day)
    if one.cart is not None and not one.kind.asleep and allowed.may_mail(day):
        mail = table.mail if may_offer or not shop.DISCOUNT[table.mail] else NOTHING
        allowed.note(day, mail, is_mail=True)
    if one.comes(mail, chance):
        if one.cart is None and one.fills_cart(table.hero, chance):
            popup = table.popup if may_offer else NOTHING
            allowed.note(day, popup, is_mail=False)
        offered = popup if one.age == 0 else mail
        size = one.cart
        if size is not None and one.buys(offered, chance) is not None:
            total += shop.margin(size, offered)
        bought = one.strips_bought(best_slate(one.kind), chance)
        total += shop.STRIP_MARGIN * len(bought)
    one.sleeps()
    return total

"""Sixty days of a shop, decided by the service, beside what is true in its world.

Owns the days of the story: the mails of the morning, the visits of the early and of the
late ones, the orders. The service sees what a shop sees of its shoppers; the truth is
that of `simulators.worlds.retailer`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from benchmarks.stories.limits import Shown
from benchmarks.stories.site import Site
from simulators.worlds.retailer import shop
from simulators.worlds.retailer.shop import HOURS, NOTHING, RHYTHMS, Kind
from simulators.worlds.retailer.shoppers import Chance, Shopper, day_of, shoppers

KEYS = ("hero", "recs", "popup", "cart-mail")
START_MS = 1_798_761_600_000
"""Midnight UTC of 1 January 2027; the shop is in Berlin, an hour ahead."""
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
PLANS_AT_MS = int(7.5 * HOUR_MS)
"""When the batch job asks for mails: 8:30 in Berlin, and 7:30 in Lisbon."""
ZONES = {False: "Europe/Berlin", True: "Europe/Lisbon"}
"""By whether it is still a quiet hour at the shopper's."""
SIGNS_IN = 0.3
"""The share of shoppers who come anonymously, and sign in on a later day."""
CART_VALUE = 0.01
"""What a filled cart counts, in euros."""
TRUE_VIEW = 0.9
"""How often a visitor looks at what they have a taste for."""


@dataclass
class Customer:
    """A shopper as the shop knows them, and what became of them."""

    number: int
    shopper: Shopper
    signs_in_on: int | None
    linked: bool = False
    groups: list[str] = field(default_factory=list)
    """Of the programme, as decisions came."""
    is_held: bool = False
    """An experiment's own holdout has the customer."""
    group_before: str | None = None
    """At the sign-in."""
    earned: float = 0.0
    expected: float = 0.0
    """What is earned in the mean of what was shown, in euros."""
    clicks: int = 0
    mail: str = NOTHING
    mail_id: str | None = None
    mail_chosen_ms: int = 0

    @property
    def unit_id(self) -> str:
        """Return the id that the shop knows now."""
        anonymous = self.signs_in_on is not None and not self.linked
        return f"{'anon' if anonymous else 'user'}-{self.number}"

    @property
    def zone(self) -> str:
        """Return the zone in which the customer lives."""
        return ZONES[self.shopper.kind.asleep]

    @property
    def group(self) -> str | None:
        """Return the group of the first decision; None without any."""
        return self.groups[0] if self.groups else None


class Mail(NamedTuple):
    """What was chosen in a morning, for what kind of shopper in what group."""

    day: int
    kind: Kind
    group: str
    variant: str


class Story:
    """The shop's days."""

    def __init__(self, site: Site, count: int, seed: int) -> None:
        self.site = site
        self._rng = np.random.default_rng(seed)
        people = shoppers(count, self._rng)
        signs = self._rng.random(count) < SIGNS_IN
        on = self._rng.integers(5, shop.DAYS - 5, count)
        self.customers = [
            Customer(n, one, int(on[n]) if signs[n] else None)
            for n, one in enumerate(people)
        ]
        self.days = 0
        self.orders: list[str] = []
        """The ids by which orders count once."""
        self.shown: list[Shown] = []
        """Mails and offers."""
        self.mails: list[Mail] = []
        self.by_day: list[list[float]] = []
        """What each customer has earned after each day, in the mean."""

    def play(self, days: int) -> None:
        """Play the first days."""
        self.days = days
        for one in self.customers:
            body = {"traits": {"zone": one.zone}}
            self.site.call("PUT", f"/v1/units/{one.unit_id}", body)
        self.site.learn()
        for day in range(days):
            self._day(day)
        self.site.now_ms += 2 * DAY_MS
        self.site.learn()

    def _day(self, day: int) -> None:
        midnight_ms = START_MS + day * DAY_MS
        drawn = day_of(len(self.customers), self._rng)
        self._sign_in(day, midnight_ms + 6 * HOUR_MS)
        self._at(midnight_ms + PLANS_AT_MS)
        self._plan_mails(day)
        self._at(midnight_ms + 8 * HOUR_MS)
        self._send(HOURS[0])
        comers = [
            (one, chance)
            for one, chance in zip(self.customers, drawn, strict=True)
            if one.shopper.comes(one.mail, chance)
        ]
        self._at(midnight_ms + 9 * HOUR_MS)
        self._visits([who for who in comers if _is_early(who[0])])
        self._at(midnight_ms + 18 * HOUR_MS)
        self._send(HOURS[1])
        self._at(midnight_ms + 19 * HOUR_MS)
        self._visits([who for who in comers if not _is_early(who[0])])
        for one in self.customers:
            one.shopper.sleeps()
            one.mail, one.mail_id = NOTHING, None
        self.by_day.append([one.expected for one in self.customers])

    def _at(self, now_ms: int) -> None:
        """Wait until a time of the day."""
        if now_ms < self.site.now_ms:
            raise RuntimeError(
                f"the hours have too few milliseconds for {len(self.customers)} "
                "customers"
            )
        self.site.now_ms = now_ms
        self.site.learn()

    def _sign_in(self, day: int, at_ms: int) -> None:
        self._at(at_ms)
        for one in self.customers:
            if one.signs_in_on == day:
                old = one.unit_id
                one.linked = True
                one.group_before = one.groups[-1] if one.groups else None
                links = {"links": [old]}
                self.site.call("PUT", f"/v1/units/{one.unit_id}", links)

    def _plan_mails(self, day: int) -> None:
        """Ask for everybody who left a cart; `nothing` counts at once."""
        unsent = []
        for one in self.customers:
            if one.shopper.cart is None:
                continue
            context = _context(one) | {
                "cart": shop.SIZES[one.shopper.cart],
                "cart_age_d": one.shopper.age,
            }
            made = self._decide(one, "cart-mail", context, defer=True)
            one.mail, one.mail_id = made["variant"], made["decision_id"]
            one.mail_chosen_ms = self.site.now_ms
            mail = Mail(day, one.shopper.kind, one.groups[-1], one.mail)
            self.mails.append(mail)
            if one.mail == NOTHING:
                unsent.append(one.mail_id)
        self.site.many("/v1/activations/batch", "decision_ids", unsent)

    def _send(self, hour: str) -> None:
        sent = [one for one in self.customers if one.mail.endswith(f"-{hour}")]
        ids = [one.mail_id for one in sent]
        self.site.many("/v1/activations/batch", "decision_ids", ids)
        for one in sent:
            self._note(one, "cart-mail", one.mail, one.mail_chosen_ms)

    def _visits(self, comers: Sequence[tuple[Customer, Chance]]) -> None:
        """Let customers come, all at the same hour: look, then cart, then order."""
        for one, _ in comers:
            self._look(one)
        self.site.learn()
        filled = [one for one, chance in comers if self._enter(one, chance)]
        self.site.learn()
        popups = {one.number: self._popup(one) for one in filled}
        for one, chance in comers:
            self._order(one, popups.get(one.number, one.mail), chance)
        self.site.learn()

    def _look(self, one: Customer) -> None:
        """Look at a page of goods."""
        taste = one.shopper.kind.taste
        if self._rng.random() > TRUE_VIEW:
            taste = shop.TASTES[self._rng.integers(len(shop.TASTES))]
        event = {"unit_id": one.unit_id, "event": "viewed"}
        self.site.post("/v1/events", event | {"properties": {"category": taste}})
        self._click(one)

    def _click(self, one: Customer) -> None:
        """Come by a link of the mail, if there was one."""
        if one.mail != NOTHING:
            one.clicks += 1
            click = {"decision_id": one.mail_id, "value": 1, "metric": "clicked"}
            self.site.post("/v1/rewards", click)

    def _enter(self, one: Customer, chance: Chance) -> bool:
        """Show banner and recommendations; return whether a cart is filled."""
        has_cart = one.shopper.cart is not None
        context = _context(one) | {"has_cart": has_cart}
        hero = self._decide(one, "hero", context)["variant"]
        self._recommend(one, context, chance)
        if has_cart or not one.shopper.fills_cart(hero, chance):
            return False
        event = {"unit_id": one.unit_id, "event": "cart_added", "value": CART_VALUE}
        self.site.post("/v1/events", event | {"event_id": self._named("cart", one)})
        return True

    def _recommend(
        self, one: Customer, context: dict[str, Any], chance: Chance
    ) -> None:
        page = self._decide(one, "recs", context, slots=shop.PLACES)
        slate = tuple(slot["variant"] for slot in page["slots"])
        one.expected += shop.slate_margin(one.shopper.kind, slate)
        for place in one.shopper.strips_bought(slate, chance):
            one.earned += shop.STRIP_MARGIN
            slot = page["slots"][place]["decision_id"]
            body = {"decision_id": slot, "value": shop.STRIP_MARGIN}
            self.site.post("/v1/rewards", body)

    def _popup(self, one: Customer) -> str:
        size = one.shopper.cart
        assert size is not None  # noqa: S101 - the cart was just filled
        context = _context(one) | {"cart": shop.SIZES[size]}
        popup = str(self._decide(one, "popup", context)["variant"])
        if popup != NOTHING:
            self._note(one, "popup", popup, self.site.now_ms)
        return popup

    def _order(self, one: Customer, offered: str, chance: Chance) -> None:
        shopper, size = one.shopper, one.shopper.cart
        if size is None:
            return
        buys = shop.fresh_chance if shopper.age == 0 else shop.buy_chance
        one.expected += buys(shopper.kind, offered) * shop.margin(size, offered)
        event = "purchased" if shopper.age == 0 else "recovered"
        margin = shopper.buys(offered, chance)
        if margin is not None:
            one.earned += margin
            order = {"unit_id": one.unit_id, "event": event, "value": margin}
            number = self._named("order", one)
            self.orders.append(number)
            self.site.post("/v1/events", order | {"event_id": number})

    def _decide(
        self, one: Customer, experiment: str, context: dict[str, Any], **fields: object
    ) -> dict[str, Any]:
        made = self.site.decide(experiment, one.unit_id, context=context, **fields)
        # Alone, an experiment has groups of its own.
        group = str(made.get("programme", made)["group"])
        one.groups.append(group)
        one.is_held |= group == "experiment" and made["group"] == "baseline"
        return made

    def _named(self, what: str, one: Customer) -> str:
        return f"{what}-{one.number}-{self.site.now_ms}"

    def _note(
        self, one: Customer, experiment: str, variant: str, chosen_ms: int
    ) -> None:
        now_ms = self.site.now_ms
        shown = Shown(now_ms, chosen_ms, one.number, experiment, variant, one.zone)
        self.shown.append(shown)


def _is_early(one: Customer) -> bool:
    """Return whether a customer comes in the morning, if at all."""
    return one.shopper.kind.rhythm == RHYTHMS[0] and not one.mail.endswith(HOURS[1])


def _context(one: Customer) -> dict[str, Any]:
    kind = one.shopper.kind
    return {"tier": kind.tier, "rhythm": kind.rhythm}


def crossings(customers: Sequence[Customer]) -> tuple[int, int]:
    """Return how many changed the group after signing in, and how many signed in."""
    linked = [one for one in customers if one.group_before is not None]
    crossed = Counter(
        any(group != one.group_before for group in one.groups) for one in linked
    )
    return crossed[True], len(linked)

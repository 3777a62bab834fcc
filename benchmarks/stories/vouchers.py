"""Vouchers to all, tried: more clicks, and less margin in the end.

Owns the trial: half of the shoppers get what is learned, the others a voucher in every
mail, without a programme that would keep it within limits. Banner, pop-up and
recommendations are those of a good shopkeeper, and the same for all.
"""

import tomllib
from collections.abc import Iterator, Sequence

from benchmarks.stories.retailer import Customer, Story
from benchmarks.stories.site import EXAMPLES, Site, written
from simulators.worlds.retailer import shop
from simulators.worlds.retailer.shoppers import Chance

KEY = "cart-mail"
TIMES_PEOPLE = 3
"""How many more shoppers the trial has than the story: margins differ widely."""
_TOTALS = {"margin a shopper": "reward", "clicks a shopper": "clicked"}


class Trial(Story):
    """The shop's days, of which the service decides the mails alone."""

    def __init__(self, site: Site, count: int, seed: int) -> None:
        super().__init__(site, count, seed)
        definition = tomllib.loads((EXAMPLES / "retailer/cart-mail.toml").read_text())
        del definition["programme"], definition["channel"]
        derived = [
            {"name": name.replace(" ", "_"), "kind": "per_unit", "of": of}
            for name, of in _TOTALS.items()
        ]
        alone = {"holdout": 0.5, "derived_metrics": derived}
        site.call("POST", "/v1/experiments", definition | alone)

    def lines(self) -> Iterator[str]:
        """Yield what the report says of what is learned, less vouchers to all."""
        report = self.site.report(KEY)
        yield (
            "Vouchers to all, tried without limits; the report on what is learned "
            "instead:"
        )
        for row in report["derived_metrics"]:
            yield f"  {row['metric'].replace('_', ' ')} {written(row['difference'])}"

    def _look(self, one: Customer) -> None:
        self._click(one)

    def _enter(self, one: Customer, chance: Chance) -> bool:
        shopper = one.shopper
        hero = shop.HEROES[shop.TASTES.index(shopper.kind.taste)]
        return shopper.cart is None and shopper.fills_cart(hero, chance)

    def _popup(self, one: Customer) -> str:
        del one
        return shop.NOTHING


def play(site: Site, people: int, days: int, seed: int) -> Sequence[str]:
    """Play the trial; return what its report says."""
    trial = Trial(site, people, seed)
    trial.play(days)
    return [*trial.lines(), site.verified([KEY])]

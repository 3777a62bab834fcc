"""The banner of a shop: one visitor in twenty buys, and orders differ widely.

Owns the expected revenue of the `shop` experiment. The reward is the value of an order,
not bounded above. Everything that matters is a raw number: a banner that offers
instalments sells what is dear, a voucher works for new accounts, free delivery for a
basket just below its threshold, and drinks sell on a hot day.
The effects are large, so that the demo shows them within a minute and a half.
"""

import numpy as np

from policies.base import Action, Context, RewardRange
from simulators.environment import Json, experiment_body, flatten

PRICE_MEDIAN, PRICE_SIGMA = 60.0, 0.7
"""Of the product that is looked at, in euros; log-normal."""
AGE_MEAN_DAYS = 400.0
EMPTY_BASKETS = 0.4
BASKET_MEDIAN, BASKET_SIGMA = 35.0, 0.9
WARMTH_MEAN, WARMTH_SIGMA = 16.0, 9.0

HOLDOUT = 0.25
"""More than elsewhere: as one in twenty buys, a tenth would hold few orders."""

BUY_CHANCE = 0.038
MATCHED, MISMATCHED = 4.0, 0.5
"""What a banner multiplies the chance by where it fits, and where it does not."""

DEAR_FROM = 90.0
NEW_UNTIL_DAYS = 120
NEARLY_FREE = (15.0, 60.0)
HOT_FROM = 24.0


class ShopWorld:
    """Five banners; the best one depends on raw numbers of the visit."""

    key = "shop"
    reward_range = RewardRange(0.0, None)
    amount_sigma = 0.5
    actions = (
        Action("bestsellers"),
        Action("instalments"),
        Action("welcome-voucher"),
        Action("free-delivery"),
        Action("cold-drinks"),
    )

    def draw_context(self, rng: np.random.Generator, round_index: int) -> Context:
        """Draw a product's price, the account's age, the basket and the weather."""
        del round_index
        price = PRICE_MEDIAN * np.exp(PRICE_SIGMA * rng.standard_normal())
        age_days = rng.exponential(AGE_MEAN_DAYS)
        is_empty = rng.random() < EMPTY_BASKETS
        basket = BASKET_MEDIAN * np.exp(BASKET_SIGMA * rng.standard_normal())
        warmth = WARMTH_MEAN + WARMTH_SIGMA * rng.standard_normal()
        return {
            "price": round(float(price), 2),
            "temperature": round(float(warmth), 1),
            "user": {
                "age_days": int(age_days),
                "basket_value": 0.0 if is_empty else round(float(basket), 2),
            },
        }

    def buy_chance(self, context: Context, action_key: str) -> float:
        """Return the share of such visitors who buy under a banner."""
        numbers = _numbers(context)
        fits = {
            "instalments": numbers["price"] >= DEAR_FROM,
            "welcome-voucher": numbers["user.age_days"] < NEW_UNTIL_DAYS,
            "free-delivery": NEARLY_FREE[0]
            <= numbers["user.basket_value"]
            < NEARLY_FREE[1],
            "cold-drinks": numbers["temperature"] >= HOT_FROM,
        }
        if action_key not in fits:
            return BUY_CHANCE
        return BUY_CHANCE * (MATCHED if fits[action_key] else MISMATCHED)

    def mean_amount(self, context: Context, action_key: str) -> float:
        """Return the mean value of an order: the product, and what is in the basket."""
        del action_key
        numbers = _numbers(context)
        return numbers["price"] + numbers["user.basket_value"]

    def expected_reward(
        self, context: Context, action_key: str, round_index: int
    ) -> float:
        """Return the mean revenue of a visit under a banner; it never changes."""
        del round_index
        chance = self.buy_chance(context, action_key)
        return chance * self.mean_amount(context, action_key)

    def experiment(self) -> Json:
        """Hold out the bestsellers, which ask nothing of the visitor."""
        body = experiment_body(self.key, self.actions, "bestsellers")
        body["holdout"] = HOLDOUT
        body["reward"] |= {"aggregate": "sum", "maximum": None}
        return body


def _numbers(context: Context) -> dict[str, float]:
    return {name: float(value or 0.0) for name, value in flatten(context).items()}

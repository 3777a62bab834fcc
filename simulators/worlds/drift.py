"""A change of season: the best variant changes at one round.

Owns the expected rewards of the `drift` experiment. Nothing in the context shows the
change, so a policy can detect it from the rewards alone.
"""

import numpy as np

from policies.base import Action, Context, RewardRange
from simulators.environment import (
    Effect,
    Json,
    experiment_body,
    flatten,
    logistic,
    total_effect,
)

CHANGE_AT_ROUND = 5_000
DEVICES = ("mobile", "desktop")
DEVICE_SHARES = (0.6, 0.4)
VISITORS = ("new", "returning")

SUMMER_LOGIT = {"swimwear": -0.7, "knitwear": -2.4, "jeans": -1.3, "belts": -2.0}
WINTER_LOGIT = {"swimwear": -2.6, "knitwear": -0.4, "jeans": -1.3, "belts": -2.0}

EFFECTS = (
    Effect("swimwear", {"device": "mobile"}, 0.3),
    Effect("knitwear", {"visitor": "returning"}, 0.3),
    Effect("jeans", {"device": "desktop"}, 0.8),
    Effect("jeans", {"visitor": "new"}, -0.3),
    Effect("belts", {"device": "desktop", "visitor": "returning"}, 0.6),
)


class DriftWorld:
    """Four variants; the best one changes from swimwear to knitwear."""

    key = "drift"
    reward_range = RewardRange(0.0, 1.0)
    actions = (
        Action("swimwear", {"category": "swim"}),
        Action("knitwear", {"category": "knit"}),
        Action("jeans", {"category": "denim"}),
        Action("belts", {"category": "accessory"}),
    )

    def __init__(self, change_at_round: int = CHANGE_AT_ROUND) -> None:
        self.change_at_round = change_at_round

    def draw_context(self, rng: np.random.Generator, round_index: int) -> Context:
        """Draw device and visitor; their shares don't change with the season."""
        del round_index
        return {
            "device": DEVICES[rng.choice(2, p=DEVICE_SHARES)],
            "visitor": VISITORS[rng.integers(2)],
        }

    def expected_reward(
        self, context: Context, action_key: str, round_index: int
    ) -> float:
        """Return the click rate of a variant in the season of this round."""
        summer = round_index < self.change_at_round
        base = (SUMMER_LOGIT if summer else WINTER_LOGIT)[action_key]
        return logistic(base + total_effect(EFFECTS, flatten(context), action_key))

    def experiment(self) -> Json:
        """Hold out jeans, which sell the same all year."""
        return experiment_body(self.key, self.actions, "jeans")

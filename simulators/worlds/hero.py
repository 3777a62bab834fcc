"""The large picture on a shop's home page: device, hour, weather and segment.

Owns the expected rewards of the `homepage-hero` experiment. A clothing shop shows one
of five pictures; a reward is a click. The best picture depends on pairs of features: a
raincoat sells in the rain, and most on a rainy morning on a phone.
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

DEVICES = ("mobile", "desktop", "tablet")
DEVICE_SHARES = (0.55, 0.35, 0.10)
WEATHERS = ("sun", "cloud", "rain")
WEATHER_SHARES = (0.40, 0.30, 0.30)
SEGMENTS = ("new", "returning", "loyal")
SEGMENT_SHARES = (0.40, 0.35, 0.25)
# Visits an hour, from midnight on: a lunch hump and a high evening.
HOUR_WEIGHTS = (
    *(2.0, 1.0, 1.0, 1.0, 1.0, 2.0),
    *(4.0, 6.0, 6.0, 5.0, 5.0, 5.0),
    *(6.0, 6.0, 5.0, 4.0, 4.0, 5.0),
    *(6.0, 7.0, 8.0, 8.0, 6.0, 4.0),
)

# Each part of the day by its first hour.
DAY_PARTS = (
    (0, "night"),
    (6, "morning"),
    (12, "afternoon"),
    (18, "evening"),
    (23, "night"),
)

BASE_LOGIT = {
    "summer-dress": -1.55,
    "raincoat": -2.1,
    "sneakers": -1.9,
    "evening-wear": -2.1,
    "voucher": -2.0,
}

EFFECTS = (
    Effect("summer-dress", {"weather": "sun"}, 0.9),
    Effect("summer-dress", {"weather": "rain"}, -0.7),
    Effect("summer-dress", {"weather": "sun", "time_of_day": "afternoon"}, 0.6),
    Effect("summer-dress", {"weather": "sun", "device": "mobile"}, -0.4),
    Effect("summer-dress", {"device": "desktop", "user.segment": "returning"}, 0.6),
    Effect("raincoat", {"weather": "rain"}, 1.1),
    Effect("raincoat", {"weather": "sun"}, -1.0),
    Effect("raincoat", {"weather": "rain", "time_of_day": "morning"}, 0.9),
    Effect("raincoat", {"weather": "rain", "device": "mobile"}, 0.5),
    Effect("raincoat", {"weather": "cloud", "user.segment": "loyal"}, 0.8),
    Effect("sneakers", {"device": "mobile"}, 0.4),
    Effect("sneakers", {"time_of_day": "morning"}, 0.4),
    Effect("sneakers", {"device": "mobile", "time_of_day": "morning"}, 0.6),
    Effect("sneakers", {"device": "mobile", "weather": "sun"}, 0.7),
    Effect("sneakers", {"device": "desktop", "time_of_day": "evening"}, -0.6),
    Effect("evening-wear", {"time_of_day": "evening"}, 0.7),
    Effect("evening-wear", {"time_of_day": "morning"}, -0.7),
    Effect("evening-wear", {"device": "desktop", "time_of_day": "evening"}, 0.9),
    Effect("evening-wear", {"user.segment": "loyal", "time_of_day": "evening"}, 0.7),
    Effect("voucher", {"user.segment": "new"}, 0.7),
    Effect("voucher", {"user.segment": "loyal"}, -0.8),
    Effect("voucher", {"user.segment": "new", "device": "desktop"}, 0.7),
    Effect("voucher", {"user.segment": "new", "weather": "cloud"}, 0.6),
    Effect("voucher", {"time_of_day": "night"}, 0.6),
)


def time_of_day(hour: int) -> str:
    """Name the part of the day that an hour in 0..23 belongs to."""
    for first_hour, name in reversed(DAY_PARTS):
        if hour >= first_hour:
            return name
    raise ValueError(f"hour is {hour}; it must be between 0 and 23")


class HeroWorld:
    """Five pictures whose best one depends on pairs of the visitor's features."""

    key = "homepage-hero"
    reward_range = RewardRange(0.0, 1.0)
    actions = (
        Action("summer-dress", {"category": "dress", "price": "mid"}),
        Action("raincoat", {"category": "coat", "price": "high"}),
        Action("sneakers", {"category": "shoes", "price": "mid"}),
        Action("evening-wear", {"category": "dress", "price": "high"}),
        Action("voucher", {"category": "offer", "price": "low"}),
    )

    def draw_context(self, rng: np.random.Generator, round_index: int) -> Context:
        """Draw device, hour, weather and segment independently of each other."""
        del round_index
        weights = np.array(HOUR_WEIGHTS)
        hour = int(rng.choice(24, p=weights / weights.sum()))
        return {
            "device": DEVICES[rng.choice(3, p=DEVICE_SHARES)],
            "hour": hour,
            "time_of_day": time_of_day(hour),
            "weather": WEATHERS[rng.choice(3, p=WEATHER_SHARES)],
            "user": {"segment": SEGMENTS[rng.choice(3, p=SEGMENT_SHARES)]},
        }

    def expected_reward(
        self, context: Context, action_key: str, round_index: int
    ) -> float:
        """Return the click rate of a picture in a context; it never changes."""
        del round_index
        effect = total_effect(EFFECTS, flatten(context), action_key)
        return logistic(BASE_LOGIT[action_key] + effect)

    def experiment(self) -> Json:
        """Hold out the summer dress, the best of the five if all saw the same."""
        return experiment_body(self.key, self.actions, "summer-dress", "/img/hero")

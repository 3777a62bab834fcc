"""An A/A world: no variant has an effect.

Owns the expected rewards of the `aa-test` experiment. The click rate depends on the
visitor and not on what is shown, so any uplift that is found here is an error.
"""

import numpy as np

from policies.base import Action, Context, RewardRange
from simulators.environment import Json, experiment_body

DEVICES = ("mobile", "desktop")
DEVICE_SHARES = (0.6, 0.4)
VISITORS = ("new", "returning")
CLICK_RATE = {"mobile": 0.16, "desktop": 0.26}


class NullWorld:
    """Four copies of one button; visitors differ, the buttons don't."""

    key = "aa-test"
    reward_range = RewardRange(0.0, 1.0)
    actions = tuple(Action(f"copy-{letter}") for letter in "abcd")

    def draw_context(self, rng: np.random.Generator, round_index: int) -> Context:
        """Draw a device, and a new or returning visitor."""
        del round_index
        return {
            "device": DEVICES[rng.choice(2, p=DEVICE_SHARES)],
            "visitor": VISITORS[rng.integers(2)],
        }

    def expected_reward(
        self, context: Context, action_key: str, round_index: int
    ) -> float:
        """Return the click rate of the visitor's device, whatever is shown."""
        del action_key, round_index
        return CLICK_RATE[str(context["device"])]

    def experiment(self) -> Json:
        """Hold out the first copy."""
        return experiment_body(self.key, self.actions, "copy-a")

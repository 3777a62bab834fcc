"""The image of each of many films, one experiment a film.

Owns what the films have in common and in what they differ: kinds of images please
tastes as in `artwork`, and each film moves that by an amount of its own. A film that is
`turned` pleases where others don't: what was learned of them misleads there.
"""

import numpy as np

from policies.base import Context
from simulators.environment import (
    Json,
    experiment_body,
    flatten,
    logistic,
    total_effect,
)
from simulators.worlds.artwork import (
    BASE_LOGIT,
    EFFECTS,
    TASTE_LOGITS,
    TASTES,
    ArtworkWorld,
)

DEVIATION = 0.4
"""Of a film's logits from those of all films."""


class TitleWorld(ArtworkWorld):
    """Eight images of one of many films.

    Args:
        title: the number of the film; it says by how much its images differ.
        turned: true if each taste likes the images that it dislikes elsewhere.
    """

    def __init__(self, title: int, *, turned: bool = False) -> None:
        self.key = f"title-{title}"
        rng = np.random.default_rng([title, 20_261_128])
        sign = -1.0 if turned else 1.0
        # A turned film is not worse, only other: its mean taste stays.
        self._tastes = {}
        for key, logits in TASTE_LOGITS.items():
            mean = sum(logits) / len(logits)
            self._tastes[key] = tuple(
                mean + sign * (logit - mean) + rng.normal(0.0, DEVIATION)
                for logit in logits
            )

    def expected_reward(
        self, context: Context, action_key: str, round_index: int
    ) -> float:
        """Return the play rate of an image for a viewer; it never changes."""
        del round_index
        features = flatten(context)
        taste = sum(
            logit * float(features[f"tastes.{name}"] or 0.0)
            for name, logit in zip(TASTES, self._tastes[action_key], strict=True)
        )
        return logistic(
            BASE_LOGIT + taste + total_effect(EFFECTS, features, action_key)
        )

    def experiment(self) -> Json:
        """Hold out the lead actor's portrait."""
        return experiment_body(self.key, self.actions, "lead-actor", "/img/title")

"""The image of one film in a catalogue, chosen by the taste of the viewer.

Owns the expected rewards of the `artwork` experiment. Each of eight stills shows
another side of the film; a reward is a play. The tastes of a viewer are shares of what
was watched before, sent as a nested namespace of numbers.
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

TASTES = ("action", "comedy", "drama", "romance", "thriller")
# Below 1, so that most viewers have one or two strong tastes.
TASTE_CONCENTRATION = 0.5
DEVICES = ("tv", "mobile", "web")
DEVICE_SHARES = (0.5, 0.3, 0.2)
KIDS_SHARE = 0.15

BASE_LOGIT = -2.4

# How much a taste (a share in 0..1) lifts an image's logit, in the order of TASTES.
TASTE_LOGITS = {
    "chase": (2.9, 0.2, -0.5, -1.0, 1.2),
    "explosion": (2.6, 0.4, -1.0, -1.2, 0.4),
    "laughing-pair": (0.1, 2.7, 0.3, 1.4, -0.8),
    "kiss": (-0.8, 0.8, 0.9, 3.0, -0.6),
    "courtroom": (-0.4, -0.3, 2.6, 0.2, 1.0),
    "dark-street": (0.9, -0.9, 0.6, -0.6, 2.8),
    "lead-actor": (1.0, 1.0, 1.4, 1.0, 1.0),
    "group-poster": (0.8, 1.2, 0.6, 0.7, 0.7),
}

EFFECTS = (
    # A small screen favours faces; a large one favours wide scenes.
    Effect("lead-actor", {"device": "mobile"}, 0.7),
    Effect("kiss", {"device": "mobile"}, 0.4),
    Effect("chase", {"device": "mobile"}, -0.6),
    Effect("explosion", {"device": "tv"}, 0.5),
    Effect("group-poster", {"device": "mobile"}, -0.5),
    Effect("dark-street", {"device": "web"}, -0.6),
    Effect("courtroom", {"device": "web"}, 0.5),
    Effect("group-poster", {"profile": "kids"}, 0.9),
    Effect("dark-street", {"profile": "kids"}, -1.0),
    Effect("laughing-pair", {"profile": "kids"}, 0.5),
)


class ArtworkWorld:
    """Eight images of one title; the best one depends on the tastes of the viewer."""

    key = "artwork"
    reward_range = RewardRange(0.0, 1.0)
    actions = (
        Action("chase", {"genre": "action", "mood": "tense", "face": False}),
        Action("explosion", {"genre": "action", "mood": "loud", "face": False}),
        Action("laughing-pair", {"genre": "comedy", "mood": "warm", "face": True}),
        Action("kiss", {"genre": "romance", "mood": "warm", "face": True}),
        Action("courtroom", {"genre": "drama", "mood": "calm", "face": False}),
        Action("dark-street", {"genre": "thriller", "mood": "tense", "face": False}),
        Action("lead-actor", {"genre": "drama", "mood": "calm", "face": True}),
        Action("group-poster", {"genre": "comedy", "mood": "warm", "face": True}),
    )

    def draw_context(self, rng: np.random.Generator, round_index: int) -> Context:
        """Draw a viewer: shares of five tastes, a device and a profile."""
        del round_index
        shares = rng.dirichlet([TASTE_CONCENTRATION] * len(TASTES))
        return {
            "device": DEVICES[rng.choice(3, p=DEVICE_SHARES)],
            "profile": "kids" if rng.random() < KIDS_SHARE else "adult",
            "tastes": {
                taste: round(float(share), 3)
                for taste, share in zip(TASTES, shares, strict=True)
            },
        }

    def expected_reward(
        self, context: Context, action_key: str, round_index: int
    ) -> float:
        """Return the play rate of an image for a viewer; it never changes."""
        del round_index
        features = flatten(context)
        taste = sum(
            logit * float(features[f"tastes.{name}"] or 0.0)
            for name, logit in zip(TASTES, TASTE_LOGITS[action_key], strict=True)
        )
        effect = total_effect(EFFECTS, features, action_key)
        return logistic(BASE_LOGIT + taste + effect)

    def experiment(self) -> Json:
        """Hold out the lead actor's portrait, the best image for everyone."""
        return experiment_body(self.key, self.actions, "lead-actor", "/img/artwork")

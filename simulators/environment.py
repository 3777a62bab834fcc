"""What a simulated world is: contexts, actions, and the true expected reward.

Owns the protocol of a world, the paths of a context's features and the mean
values that a world implies. Knows nothing of policies' learning, time or HTTP.
A realised reward is a Bernoulli draw with the expected reward as its chance.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from policies.base import Action, Context, RewardRange, Scalar

Json = dict[str, Any]
"""A JSON object, as the service reads and writes it."""

FloatArray = npt.NDArray[np.float64]


class World(Protocol):
    """A place where a choice is made, with known answers."""

    @property
    def key(self) -> str:
        """The experiment's key ("homepage-hero")."""

    @property
    def actions(self) -> Sequence[Action]:
        """What can be chosen, with the features that a policy may learn from."""

    @property
    def reward_range(self) -> RewardRange:
        """Bounds of every realised reward."""

    def draw_context(self, rng: np.random.Generator, round_index: int) -> Context:
        """Draw the context of one round; equal generators give equal contexts."""

    def expected_reward(
        self, context: Context, action_key: str, round_index: int
    ) -> float:
        """Give the true mean reward of an action in a context.

        Args:
            round_index: counts from 0; only a world that changes looks at it.

        Returns:
            A value within the reward range.
        """

    def experiment(self) -> Json:
        """Give the body of `POST /v1/experiments` for this world."""


@dataclass(frozen=True)
class WorldMeans:
    """Mean expected reward of reference policies over one sample of contexts."""

    best: float
    """Always the best action of the context."""
    best_fixed: float
    """Always the one action that is best on average."""
    uniform: float
    """Every action with the same chance."""
    fixed: Mapping[str, float]
    """Always this action, by key."""


def expected_rewards(world: World, context: Context, round_index: int) -> FloatArray:
    """Give the expected reward of every action, shape (n_actions,)."""
    return np.array(
        [
            world.expected_reward(context, action.key, round_index)
            for action in world.actions
        ]
    )


def world_means(world: World, rounds: int, seed: int) -> WorldMeans:
    """Average the truth over `rounds` drawn contexts, without any reward noise."""
    rng = np.random.default_rng(seed)
    table = np.array(
        [
            expected_rewards(world, world.draw_context(rng, index), index)
            for index in range(rounds)
        ]
    )
    by_action = table.mean(axis=0)
    return WorldMeans(
        best=float(table.max(axis=1).mean()),
        best_fixed=float(by_action.max()),
        uniform=float(table.mean()),
        fixed={
            action.key: float(mean)
            for action, mean in zip(world.actions, by_action, strict=True)
        },
    )


def baseline_variant(world: World) -> str:
    """Give the variant that the world's experiment holds out as its baseline."""
    return str(world.experiment()["baseline"]["variant"])


def experiment_body(
    key: str,
    actions: Sequence[Action],
    baseline: str,
    images: str | None = None,
) -> Json:
    """Give the body of `POST /v1/experiments` that every world shares.

    Args:
        baseline: key of the variant that the holdout sees.
        images: folder of the variants' pictures, for their payload; None for
            variants without a payload.
    """
    variants: list[Json] = []
    for action in actions:
        variant: Json = {"key": action.key, "features": dict(action.features)}
        if images is not None:
            variant["payload"] = {"img": f"{images}/{action.key}.webp"}
        variants.append(variant)
    return {
        "key": key,
        "variants": variants,
        "policy": {"kind": "vw"},
        "baseline": {"kind": "fixed", "variant": baseline},
        "holdout": 0.1,
        "exploration_floor": 0.02,
        "reward": {
            "window_seconds": 1800,
            "aggregate": "max",
            "default": 0.0,
            "minimum": 0.0,
            "maximum": 1.0,
        },
    }


def flatten(context: Context) -> dict[str, Scalar]:
    """Give every feature under its path: a namespace's come as "user.segment"."""
    flat: dict[str, Scalar] = {}
    for name, value in context.items():
        if isinstance(value, Mapping):
            for inner_name, inner in value.items():
                flat[f"{name}.{inner_name}"] = inner
        else:
            flat[name] = value
    return flat


def logistic(logit: float) -> float:
    """Turn a logit into a chance in (0, 1)."""
    return 1.0 / (1.0 + math.exp(-logit))


@dataclass(frozen=True)
class Effect:
    """A shift of one action's logit wherever all the named features match."""

    action: str
    when: Mapping[str, Scalar]
    logit: float


def total_effect(
    effects: Sequence[Effect], features: Mapping[str, Scalar], action_key: str
) -> float:
    """Add up the logits of the effects that apply to an action in a context."""
    return sum(
        effect.logit
        for effect in effects
        if effect.action == action_key
        and all(features[name] == value for name, value in effect.when.items())
    )

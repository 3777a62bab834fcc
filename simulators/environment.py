"""The protocol of a simulated world: contexts, actions, and true expected rewards.

Owns the protocol of a world, the paths of a context's features and the mean
values that a world implies. Knows nothing of learning, time or HTTP.
A realised reward is a Bernoulli draw with the expected reward as its chance; in a
world of amounts it is a draw of whether there is an order, and of its value.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from policies.base import Action, Context, RewardRange, Scalar

Json = dict[str, Any]
"""A JSON object, as in the API."""

FloatArray = npt.NDArray[np.float64]


class World(Protocol):
    """A place where one of several actions is chosen, with known expected rewards."""

    @property
    def key(self) -> str:
        """The experiment's key ("homepage-hero")."""

    @property
    def actions(self) -> Sequence[Action]:
        """The actions, with the features that a policy may learn from."""

    @property
    def reward_range(self) -> RewardRange:
        """Bounds of every realised reward."""

    def draw_context(self, rng: np.random.Generator, round_index: int) -> Context:
        """Draw the context of one round; equal generators give equal contexts."""

    def expected_reward(
        self, context: Context, action_key: str, round_index: int
    ) -> float:
        """Return the true mean reward of an action in a context.

        Args:
            round_index: counts from 0; only worlds that change over time use it.

        Returns:
            A value within the reward range.
        """

    def experiment(self) -> Json:
        """Return the body of `POST /v1/experiments` for this world."""


@runtime_checkable
class AmountWorld(World, Protocol):
    """A world whose rewards are amounts: the values of orders."""

    @property
    def amount_sigma(self) -> float:
        """Standard deviation of the logarithm of an amount around its mean."""

    def mean_amount(self, context: Context, action_key: str) -> float:
        """Return the mean amount of a visitor who buys; above 0."""


@dataclass(frozen=True)
class WorldMeans:
    """Mean expected reward of reference policies over one sample of contexts."""

    best: float
    """Of choosing the best action of each context."""
    best_fixed: float
    """Of always choosing the action that is best on average."""
    uniform: float
    """Of choosing each action with the same chance."""
    fixed: Mapping[str, float]
    """Of always choosing one action, by its key."""


def expected_rewards(world: World, context: Context, round_index: int) -> FloatArray:
    """Return the expected reward of every action, shape (n_actions,)."""
    return np.array(
        [
            world.expected_reward(context, action.key, round_index)
            for action in world.actions
        ]
    )


def draw_rewards(
    world: World,
    context: Context,
    expected: FloatArray,
    act_draw: float,
    rng: np.random.Generator,
) -> FloatArray:
    """Draw the reward of every action for one visitor; 0 where nobody acts.

    Args:
        expected: shape (n_actions,), the expected rewards in this context.
        act_draw: uniform in [0, 1); the visitor acts if it is below the chance.
        rng: draws how far an amount is from its mean, the same for every action; a
            world without amounts draws nothing from it.

    Returns:
        Shape (n_actions,): 1 for an act, or an amount in whole cents, at least one.
    """
    if not isinstance(world, AmountWorld):
        return (act_draw < expected).astype(np.float64)
    means = np.array(
        [world.mean_amount(context, action.key) for action in world.actions]
    )
    sigma = world.amount_sigma
    # The mean of a log-normal factor with this median is 1.
    factor = math.exp(sigma * float(rng.standard_normal()) - sigma**2 / 2.0)
    amounts = np.maximum(np.round(means * factor, 2), 0.01)
    return np.where(act_draw < expected / means, amounts, 0.0)


def world_means(world: World, rounds: int, seed: int) -> WorldMeans:
    """Return mean expected rewards over `rounds` drawn contexts."""
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
    """Return the variant that the world's experiment holds out as its baseline."""
    return str(world.experiment()["baseline"]["variant"])


def experiment_body(
    key: str,
    actions: Sequence[Action],
    baseline: str,
    images: str | None = None,
) -> Json:
    """Return the body of `POST /v1/experiments` that every world shares.

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
    """Return every feature under its path, such as "user.segment" in a namespace."""
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
    """Return the sum of the logits of all effects on an action in a context."""
    return sum(
        effect.logit
        for effect in effects
        if effect.action == action_key
        and all(features[name] == value for name, value in effect.when.items())
    )

"""Policies that don't learn: one variant, uniform, fixed weights.

Owns the kinds `fixed`, `uniform` and `weighted`. Their only state is the number of
examples, so that a dump shows whether training has caught up.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from policies.base import (
    Action,
    Context,
    PolicyError,
    RewardRange,
    check_actions,
    check_example,
)
from policies.envelope import seal, spec_digest, unseal
from policies.kind import PolicyKind
from policies.settings import Structured

Weights = Mapping[str, float]
MAX_WEIGHT = 1e9

_COUNT = struct.Struct(">Q")


class ReferenceState:
    """The state of a policy that learns nothing: the number of its examples."""

    def __init__(self, spec: Mapping[str, Any], reward_range: RewardRange) -> None:
        self._digest = spec_digest(spec, reward_range)
        self._reward_range = reward_range
        self._learned_count = 0

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Count the example."""
        del context
        check_example(len(actions), chosen, propensity)
        # Scaled for the check alone: all policies refuse the same examples.
        self._reward_range.scaled(reward)
        self._learned_count += 1

    def dump(self) -> bytes:
        """Return the count, sealed."""
        return seal(self._digest, _COUNT.pack(self._learned_count))

    def load(self, state: bytes) -> None:
        """Replace the count."""
        payload = unseal(self._digest, state)
        (self._learned_count,) = _COUNT.unpack(payload)


class WeightedPolicy(ReferenceState):
    """Chooses by fixed weights; context and rewards change nothing.

    The weights are renormalised over the eligible actions; an action that is not
    listed weighs 0. Where all eligible actions weigh 0 the pmf is uniform over
    them, so that a decision can always be made.
    """

    def __init__(
        self, spec: Mapping[str, Any], reward_range: RewardRange, weights: Weights
    ) -> None:
        super().__init__(spec, reward_range)
        self._weights = dict(weights)

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Return each action's share of the eligible weights."""
        del context
        check_actions(len(actions))
        shares = eligible_shares(self._weights, [action.key for action in actions])
        return shares or [1.0 / len(actions)] * len(actions)


def eligible_shares(weights: Weights, keys: Sequence[str]) -> list[float] | None:
    """Renormalise weights over the eligible actions; None where all of them weigh 0.

    Args:
        weights: by action key; an action that is not listed weighs 0.
        keys: of the eligible actions.
    """
    if not weights:
        return None
    found = [weights.get(key, 0.0) for key in keys]
    # fsum is exact, so that the shares don't depend on the order of the actions.
    total = math.fsum(found)
    return None if total == 0.0 else [weight / total for weight in found]


def checked_weights(weights: Mapping[str, Any], field: str) -> dict[str, float]:
    """Return weights as floats, sorted by key.

    Args:
        field: path of the weights in the spec.

    Raises:
        PolicyError: a weight is not a finite number >= 0, or all are 0.
    """
    checked = {
        str(key): _weight(key, value, f"{field}.{key}")
        for key, value in weights.items()
    }
    total = math.fsum(checked.values())
    if not 0.0 < total <= MAX_WEIGHT * len(checked):
        raise PolicyError("every weight is 0; at least one must be above 0", field)
    # Sorted, so that equal weights have one spec and one digest.
    return dict(sorted(checked.items()))


def _weight(key: object, value: object, field: str) -> float:
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and 0.0 <= value <= MAX_WEIGHT
    ):
        return float(value)
    raise PolicyError(
        f"the weight of {key!r} is {value!r}; it must be a number between 0 and "
        f"{MAX_WEIGHT:g}",
        field,
    )


def _checked_variant(value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise PolicyError(
        f"variant is {value!r}; policy fixed needs the key of the variant that it "
        "always chooses",
        "variant",
    )


def _checked_weights(value: object) -> dict[str, float]:
    if isinstance(value, Mapping) and value:
        return checked_weights(value, "weights")
    raise PolicyError(
        f"weights is {value!r}; policy weighted needs an object of variant keys and "
        'weights, like {"summer-dress": 3, "sandals": 1}',
        "weights",
    )


UNIFORM = PolicyKind(
    name="uniform",
    summary="chooses every variant with equal probability; learns nothing",
    build=lambda spec, rewards: WeightedPolicy(spec, rewards, {}),
    examples=({"kind": "uniform"},),
    fixed_weights=lambda _spec: {},
)
FIXED = PolicyKind(
    name="fixed",
    summary="always chooses one variant; learns nothing",
    build=lambda spec, rewards: WeightedPolicy(spec, rewards, {spec["variant"]: 1.0}),
    settings=(
        Structured(
            "variant",
            None,
            "the variant to choose",
            "a variant's key",
            _checked_variant,
        ),
    ),
    examples=({"kind": "fixed", "variant": "boots"},),
    named_variants=lambda spec: [("variant", spec["variant"])],
    fixed_weights=lambda spec: {spec["variant"]: 1.0},
)
WEIGHTED = PolicyKind(
    name="weighted",
    summary="chooses variants in fixed proportions; learns nothing",
    build=lambda spec, rewards: WeightedPolicy(spec, rewards, spec["weights"]),
    settings=(
        Structured(
            "weights",
            None,
            "the weight of each variant; they needn't sum to 1, and a variant that is "
            "not listed weighs 0",
            f"an object of variant keys and numbers between 0 and {MAX_WEIGHT:g}, at "
            "least one of them above 0",
            _checked_weights,
        ),
    ),
    examples=({"kind": "weighted", "weights": {"boots": 3, "sandals": 1}},),
    fixed_weights=lambda spec: spec["weights"],
)

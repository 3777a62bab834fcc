"""An experiment's definition in the forms that policies take.

Owns the conversions from domain values to those of `policies`. Pure.
"""

from collections.abc import Sequence
from typing import Any

from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.variant import Variant
from policies.base import Action, RewardRange


def reward_range(definition: Definition) -> RewardRange:
    """Return the declared bounds, by which policies scale rewards."""
    return RewardRange(definition.reward.minimum, definition.reward.maximum)


def actions_of(variants: Sequence[Variant]) -> tuple[Action, ...]:
    """Return variants as the actions that policies choose from, in order."""
    return tuple(Action(v.key, v.features) for v in variants)


def baseline_spec(definition: Definition) -> dict[str, Any]:
    """Return the reference policy's spec: the first active variant unless named."""
    if definition.baseline is not None:
        return definition.baseline
    return {"kind": "fixed", "variant": definition.active_variants[0].key}

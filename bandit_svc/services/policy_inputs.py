"""An experiment's definition in the forms that policies take.

Owns the conversions from domain values to those of `policies`, and the one way from a
spec and a stored state to a policy. Pure.
"""

from collections.abc import Sequence

from msgspec import UNSET

from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.plain_values import Spec
from bandit_svc.domain.variant import Variant
from policies.base import Action, Policy, RewardRange
from policies.shares.settings import NAME as MAX_SHARES
from policies.spec import build_policy, fixed_weights, named_variants


def reward_range(definition: Definition) -> RewardRange:
    """Return the declared bounds, by which policies scale rewards."""
    return RewardRange(definition.reward.minimum, definition.reward.maximum)


def policy_of(definition: Definition, spec: Spec, state: bytes | None = None) -> Policy:
    """Build a policy for the rewards of an experiment.

    Args:
        spec: of the policy; that of a model version may differ from the definition's.
        state: dumped under this spec; None for an untrained policy.

    Raises:
        PolicyError: the spec is refused, or the state is damaged or another spec's.
    """
    policy = build_policy(spec, reward_range(definition))
    if state is not None:
        policy.load(state)
    return policy


def actions_of(variants: Sequence[Variant]) -> tuple[Action, ...]:
    """Return variants as the actions that policies choose from, in order."""
    return tuple(Action(v.key, v.features) for v in variants)


def with_limits(definition: Definition, spec: Spec) -> Spec:
    """Return a policy's spec with the limits that the variants have on their shares.

    Limits that the spec brings are replaced: `max_share` of the variants counts.
    """
    own = {name: value for name, value in spec.items() if name != MAX_SHARES}
    shares = {
        v.key: v.max_share
        for v in definition.active_variants
        # A share of 1 is no limit.
        if v.max_share is not UNSET and v.max_share < 1.0
    }
    if not shares:
        return own
    return own | {MAX_SHARES: {"floor": definition.exploration_floor, "shares": shares}}


def is_restricted(definition: Definition, eligible: Sequence[str]) -> bool:
    """Return whether a variant that the baseline shows was not eligible."""
    spec = baseline_spec(definition)
    if spec["kind"] == "fixed":
        # Most are; this runs for every decision.
        return spec["variant"] not in eligible
    shown = {key for _, key in named_variants(spec)}
    shown |= {key for key, weight in (fixed_weights(spec) or {}).items() if weight}
    return not shown.issubset(eligible)


def baseline_spec(definition: Definition) -> Spec:
    """Return the reference policy's spec: the first active variant unless named."""
    if definition.baseline is not None:
        return definition.baseline
    return {"kind": "fixed", "variant": definition.active_variants[0].key}

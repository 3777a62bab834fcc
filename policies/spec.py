"""From a policy's settings to a policy.

Owns the registry of kinds and the calls that derive from it. To add a kind, write its
module and list its entry in `KINDS`: the contract suite, the form of new experiments,
the reference page and the search of settings follow.
"""

from collections.abc import Mapping
from typing import Any

from policies.auto import kind as auto
from policies.base import Policy, PolicyError, RewardRange
from policies.change.settings import LATER, rules_of
from policies.context_free import epsilon_greedy, fixed, thompson
from policies.kind import NamedVariant, PolicyKind
from policies.linear import kind as linear
from policies.restarting.policy import RestartingPolicy
from policies.rules import policy as rules
from policies.shares.policy import LimitedPolicy
from policies.shares.settings import NAME as MAX_SHARES
from policies.unbounded import ScaledByLargest
from policies.vw import kind as vw

# The order is that of the form of new experiments, of messages and of the docs.
KINDS: Mapping[str, PolicyKind] = {
    kind.name: kind
    for kind in (
        auto.KIND,
        vw.KIND,
        linear.KIND,
        thompson.KIND,
        epsilon_greedy.KIND,
        fixed.UNIFORM,
        fixed.FIXED,
        fixed.WEIGHTED,
        rules.KIND,
    )
}
DEFAULT_KIND = auto.KIND.name
KIND_OF_SETTINGS = vw.KIND.name
"""The kind of settings that are written without one. It was the default when such
specs were first accepted, and they keep their meaning."""


def normalise_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Check a spec and fill in every default; a result comes back unchanged.

    Args:
        spec: "kind" and the settings of that kind. Without a kind, an empty spec is
            of `auto`, one with settings of `vw`.

    Returns:
        A dict that JSON can hold.

    Raises:
        PolicyError: the kind or a setting is unknown, or a value is refused;
            `field` names it.
    """
    name = spec.get("kind", KIND_OF_SETTINGS if spec else DEFAULT_KIND)
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise PolicyError(
            f"kind is {name!r}; it must be one of {', '.join(KINDS)}", "kind"
        )
    return kind.normalise(spec)


def named_variants(spec: Mapping[str, Any]) -> list[NamedVariant]:
    """Return the variants that a normalised spec must find in its experiment.

    Weights of kind `weighted` are not among them: a variant that is not eligible
    weighs nothing there.
    """
    return list(KINDS[spec["kind"]].named_variants(spec))


def learns(spec: Mapping[str, Any]) -> bool:
    """Return whether policies of a normalised spec learn from rewards."""
    kind = KINDS.get(spec["kind"])
    return kind is not None and kind.learns


def weighs_by_propensity(spec: Mapping[str, Any]) -> bool:
    """Return whether policies of a normalised spec can't learn without propensities.

    The others are regressions, which learn from any choice.
    """
    return spec.get("cb_type") in {"ips", "dr"}


def fixed_weights(spec: Mapping[str, Any]) -> Mapping[str, float] | None:
    """Return the weights of variants of a kind whose pmf follows from its spec alone.

    Args:
        spec: normalised.

    Returns:
        None for a kind that reads the context, learns or is unknown, and where shares
        are limited. Without any weight the distribution is uniform.
    """
    kind = KINDS.get(spec["kind"])
    if kind is None or kind.fixed_weights is None or MAX_SHARES in spec:
        return None
    return kind.fixed_weights(spec)


def build_policy(
    spec: Mapping[str, Any], reward_range: RewardRange | None = None
) -> Policy:
    """Build an untrained policy from a spec, normalised or not.

    Args:
        spec: as for `normalise_spec`.
        reward_range: bounds of the rewards it will learn from, by default 0 to 1.
            Without a maximum, a kind that doesn't scale rewards itself learns shares
            of the largest one so far.

    Raises:
        PolicyError: the spec is refused.
    """
    checked = normalise_spec(spec)
    bounds = reward_range or RewardRange()
    if MAX_SHARES in checked:
        own = {name: value for name, value in checked.items() if name != MAX_SHARES}
        return LimitedPolicy(build_policy(own, bounds), checked, bounds)
    kind = KINDS[checked["kind"]]
    if kind.later and rules_of(checked).acts:
        own = {name: value for name, value in checked.items() if name not in LATER}
        return RestartingPolicy(lambda: build_policy(own, bounds), checked, bounds)
    if bounds.maximum is None and not kind.scales_itself(checked):
        return ScaledByLargest(kind.build(checked, RewardRange()), checked, bounds)
    return kind.build(checked, bounds)

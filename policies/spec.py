"""From a policy's settings to a policy.

Owns the list of kinds and the call that builds one. Each kind's own settings are
validated in its own file.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from policies.base import Policy, PolicyError, RewardRange
from policies.context_free import epsilon_greedy, fixed, thompson
from policies.linear import policy as linear
from policies.rules import policy as rules
from policies.vw import checkpointed
from policies.vw import explorers as vw_explorers

DEFAULT_KIND = "vw"


class Kind(msgspec.Struct, frozen=True):
    """How one kind checks its settings and builds its policy."""

    normalise: Callable[[Mapping[str, Any]], dict[str, Any]]
    build: Callable[[Mapping[str, Any], RewardRange], Policy]


KINDS: Mapping[str, Kind] = {
    "vw": Kind(vw_explorers.normalise, checkpointed.build_vw),
    "linear": Kind(linear.normalise, linear.LinearPolicy),
    "fixed": Kind(fixed.normalise_fixed, fixed.build),
    "uniform": Kind(fixed.normalise_uniform, fixed.build),
    "weighted": Kind(fixed.normalise_weighted, fixed.build),
    "rules": Kind(rules.normalise, rules.RulesPolicy),
    "epsilon_greedy": Kind(
        epsilon_greedy.normalise, epsilon_greedy.EpsilonGreedyPolicy
    ),
    "thompson": Kind(thompson.normalise, thompson.ThompsonPolicy),
}


def normalise_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Check a spec and fill in every default; a result comes back unchanged.

    Args:
        spec: "kind" (default `vw`) and the settings of that kind.

    Returns:
        A dict that JSON can hold.

    Raises:
        PolicyError: the kind or a setting is unknown, or a value is refused;
            `field` names it.
    """
    name = spec.get("kind", DEFAULT_KIND)
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise PolicyError(
            f"kind is {name!r}; it must be one of {', '.join(KINDS)}", "kind"
        )
    return kind.normalise(spec)


def named_variants(spec: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Give the variants that a normalised spec must find in its experiment.

    Returns:
        (field, key), the field as in PolicyError. Weights of kind `weighted` are not
        among them: what isn't eligible weighs nothing there.
    """
    if spec["kind"] == "rules":
        return list(rules.named_variants(spec))
    return [("variant", spec["variant"])] if spec["kind"] == "fixed" else []


def build_policy(
    spec: Mapping[str, Any], reward_range: RewardRange | None = None
) -> Policy:
    """Build an untrained policy from a spec, normalised or not.

    Args:
        spec: as for `normalise_spec`.
        reward_range: bounds of the rewards it will learn from, by default 0 to 1.

    Raises:
        PolicyError: the spec is refused.
    """
    checked = normalise_spec(spec)
    return KINDS[checked["kind"]].build(checked, reward_range or RewardRange())

"""Try a definition with its policy before it is accepted.

Owns the few examples that an experiment must get over: a policy that can't choose
among its variants, learn the ends of its reward or be published would fail in every
tick of the learner, for as long as the experiment exists. Pure.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from bandit_svc.domain.experiment import Definition
from bandit_svc.errors import InvalidInput
from bandit_svc.services.learning.model import fresh_model
from bandit_svc.services.learning.train import PROBE_CONTEXTS, round_trip_fault
from bandit_svc.services.policy_inputs import actions_of
from policies.base import Action, PolicyError
from policies.pmf import validate_pmf

ROUNDS = 6
BEST_EVERY = 3
LEAST_PROPENSITY = 0.001


def check_rehearsal(definition: Definition) -> None:
    """Refuse a definition that its own policy, or its split's other one, can't take.

    Raises:
        InvalidInput: with the pointer to the variant that fails alone, else to the
            policy.
    """
    _check(definition, "/policy")
    split = definition.split
    if split is not None and split.policy is not None:
        _check(replace(definition, policy=split.policy), "/split/policy")


def _check(definition: Definition, pointer: str) -> None:
    actions = actions_of(definition.active_variants)
    fault = _fault(definition, actions)
    if fault is None:
        return
    for index, variant in enumerate(definition.variants):
        if not variant.retired and _fault(definition, actions_of([variant])):
            pointer = f"/variants/{index}/features"
            break
    raise InvalidInput.at(
        pointer,
        f"the policy {definition.policy['kind']!r} fails in a rehearsal of {ROUNDS} "
        f"decisions with these variants and rewards: {fault}. Leave out very large and "
        "very small numbers, or choose another policy",
    )


def _fault(definition: Definition, actions: Sequence[Action]) -> str | None:
    """Return why a policy fails at these actions, None if it doesn't."""
    reward = definition.reward
    best = reward.minimum + 1.0 if reward.maximum is None else reward.maximum
    try:
        model = fresh_model(definition)
        for number in range(ROUNDS):
            context = PROBE_CONTEXTS[number % len(PROBE_CONTEXTS)]
            pmf = model.policy.pmf(context, actions)
            validate_pmf(pmf, len(actions), 0.0)
            chosen = number % len(actions)
            propensity = max(pmf[chosen], LEAST_PROPENSITY)
            value = best if number % BEST_EVERY == 0 else reward.minimum
            model.policy.learn(context, actions, chosen, propensity, value)
        return round_trip_fault(definition, model, model.policy.dump(), actions)
    except PolicyError as error:
        return error.message

"""Tell what is shown of an experiment that makes no decisions any more.

Owns the choice among its variants. Nothing is drawn and nothing is logged.
"""

from bandit_svc.domain.plain_values import Context
from bandit_svc.domain.variant import Variant
from bandit_svc.services.policy_inputs import actions_of
from bandit_svc.services.serving.eligibility import eligible_variants
from bandit_svc.services.serving.served_experiment import ServedExperiment
from policies.base import PolicyError


def stopped_variants(
    served: ServedExperiment, context: Context, now_ms: int
) -> list[Variant]:
    """Return the variant that the baseline is most likely to show, or a page of them.

    Of equally likely ones the first of the definition is shown, so that a visitor sees
    the same at each visit. A page has as many as the experiment declares slots, each
    the likeliest below those above it.

    Raises:
        NothingEligible: no variant may be shown in this context now.
    """
    definition = served.experiment.definition
    left = list(eligible_variants(definition, None, (), context, now_ms))
    shown: list[Variant] = []
    while left and len(shown) < (definition.slots or 1):
        keys = tuple(variant.key for variant in left)
        try:
            pmf = served.sides.reference.of(context, actions_of(left), keys)
        except PolicyError:
            pmf = ()
        shown.append(left.pop(max(range(len(pmf)), key=pmf.__getitem__, default=0)))
    return shown

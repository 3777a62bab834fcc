"""Tell what is shown of an experiment that makes no decisions any more.

Owns the choice among its variants. Nothing is drawn and nothing is logged.
"""

from bandit_svc.domain.plain_values import Context
from bandit_svc.domain.variant import Variant
from bandit_svc.services.policy_inputs import actions_of
from bandit_svc.services.serving.eligibility import eligible_variants
from bandit_svc.services.serving.served_experiment import ServedExperiment
from policies.base import PolicyError


def stopped_variant(served: ServedExperiment, context: Context, now_ms: int) -> Variant:
    """Return the variant that the baseline is most likely to show.

    Of equally likely ones the first of the definition is shown, so that a visitor sees
    the same one at each visit.

    Raises:
        NothingEligible: no variant may be shown in this context now.
    """
    definition = served.experiment.definition
    variants = eligible_variants(definition, None, (), context, now_ms)
    keys = tuple(variant.key for variant in variants)
    try:
        pmf = served.baseline.of(context, actions_of(variants), keys)
    except PolicyError:
        return variants[0]
    return variants[max(range(len(pmf)), key=pmf.__getitem__)]

"""The step from who a decision is for to the context that it is made with.

Owns what of a visit the enrichers read and change.
"""

from bandit_svc.services.serving.callers.visits import Visit
from bandit_svc.services.serving.enriching.enrichers import (
    NO_TRAITS,
    Enrichers,
    Surroundings,
    Visitor,
)
from bandit_svc.services.serving.served_experiment import ServedExperiment


def enriched(
    enrichers: Enrichers,
    served: ServedExperiment,
    asked: Visitor,
    visit: Visit,
    now_ms: int,
    around: Surroundings,
) -> Visit:
    """Return a visit with what the enrichers know; without consent nothing is added."""
    if visit.apart:
        return visit
    traits = NO_TRAITS if visit.state is None else visit.state.traits
    found = enrichers.added_to(
        visit.context, asked, traits, now_ms, around, served.fields
    )
    return visit._replace(
        context=found.context, filled=found.filled, outcomes=found.outcomes
    )

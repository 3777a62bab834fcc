"""Who caps and quiet hours are kept for, as a visit tells it.

Owns the step from a visit to what limits read of it.
"""

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.programmes.caps import NOTHING
from bandit_svc.domain.programmes.quiet import why_quiet
from bandit_svc.services.serving.callers.visits import Visit
from bandit_svc.services.serving.limits.room import Recipient, zones_of
from bandit_svc.services.serving.served_experiment import ServedExperiment


def recipient_of(visit: Visit) -> Recipient:
    """Return who caps and quiet hours are kept for."""
    unit_id = None if visit.apart else visit.unit_id
    return Recipient(unit_id, visit.ids, visit.state, visit.unread, visit.context)


def is_left_alone(
    served: ServedExperiment, visit: Visit, first: Decision, now_ms: int
) -> bool:
    """Return whether it is quiet, so that a choice that is kept is not given again."""
    limits = served.limits
    if limits is None or first.variant == NOTHING:
        return False
    where = zones_of(recipient_of(visit))
    return why_quiet(limits.quiet, limits.channel, where, now_ms) is not None

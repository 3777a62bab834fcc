"""Keep the places of a deferred decision that is shown after all.

Owns when the places under strict caps are looked at: only of experiments that have one.
"""

from bandit_svc.domain.experiment import Experiment
from bandit_svc.services.serving.ports import ServingPorts


def confirm_places(
    ports: ServingPorts, experiment: Experiment, decision_id: str, shown_ms: int
) -> bool:
    """Keep the places of a decision for good, if it has taken any.

    Returns:
        False if it had places, and its time to be shown has run out.

    Raises:
        Unavailable: they can't be kept.
    """
    limits = ports.catalog.prepared(experiment.key).limits
    if limits is None or not limits.are_strict:
        return True
    return ports.limits.reservations.confirm(decision_id, shown_ms)

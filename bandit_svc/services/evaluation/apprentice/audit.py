"""Audit the chances that the caller gave for what its own system showed.

Owns the answer of the check `propensity_audit` for an apprentice. A model of the
caller's choices, which has not seen them, bets half of its wealth on each against the
given chance. Where the given chances are true its wealth is a martingale: it ever
reaches 20 in at most 5 % of logs, and 100 in at most 1 %.
"""

from bandit_svc.domain.apprentice.mode import APPRENTICE
from bandit_svc.domain.experiment import Experiment
from bandit_svc.services.checks.check import Check
from bandit_svc.services.evaluation.apprentice.findings import (
    AUDITED_FROM,
    FAILED,
    WARNED,
)
from bandit_svc.services.evaluation.apprentice.kept import kept_findings
from bandit_svc.services.evaluation.checks import PROPENSITY_AUDIT
from bandit_svc.storage.interface import Storage


def audited_shown(storage: Storage, experiment: Experiment) -> Check | None:
    """Return the check of an apprentice; None of a live experiment."""
    if experiment.definition.mode != APPRENTICE:
        return None
    found = kept_findings(storage.evaluations, experiment.number)
    if found is None or not found.audited:
        given = 0 if found is None else found.n - found.unknown
        return PROPENSITY_AUDIT.early(
            f"not tested: {given:,} decisions have a given shown_propensity, and more "
            f"than {AUDITED_FROM} are needed"
        )
    sentence = (
        f"a model of your system's choices was compared with the given "
        f"shown_propensity of {found.audited:,} decisions"
    )
    if found.evidence >= FAILED:
        return PROPENSITY_AUDIT.fail(
            f"{sentence}, and predicts them better: the given ones are not the chances "
            "that your system chooses with, so estimates of the policy are biased"
        )
    if found.evidence >= WARNED:
        return PROPENSITY_AUDIT.warn(f"{sentence}, and begins to predict them better")
    return PROPENSITY_AUDIT.ok(f"{sentence}, and does not predict them better")

"""Read what the learner has found of an apprentice, for its report.

Owns the sentences that say how it was found.
"""

from bandit_svc.domain.apprentice.mode import APPRENTICE, LIVE
from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.times import timestamp
from bandit_svc.ope.interval import Interval
from bandit_svc.services.evaluation.apprentice.findings import Bound, Found
from bandit_svc.services.evaluation.apprentice.kept import kept_findings
from bandit_svc.services.policy_inputs import reward_range
from bandit_svc.services.report.apprentice.rows import (
    AgreementPoint,
    Apprentice,
    Switched,
)
from bandit_svc.services.values import Estimated, Possible, estimated, period
from bandit_svc.storage.interface import Storage

FEW = "too few decisions have matured for an interval"
GIVEN = (
    "Doubly robust: a reward model that has not seen the decision, corrected by the "
    "reward over the given shown_propensity."
)
ESTIMATED = (
    "Doubly robust: a reward model that has not seen the decision, corrected by the "
    "reward over an estimated chance. The chances are those of a logistic regression "
    "on the context and its pairs, each from earlier decisions alone, at least 0.01."
)


def apprentice_of(storage: Storage, experiment: Experiment) -> Apprentice | None:
    """Return that part of a report; None of an experiment that never was one."""
    found = kept_findings(storage.evaluations, experiment.number)
    definition = experiment.definition
    if found is None and definition.mode == LIVE:
        return None
    found = found or Found(refused="No decision has matured yet.")
    scale = reward_range(definition)
    width, low = scale.width, scale.minimum
    possible = None if scale.maximum is None else Possible(low, scale.maximum)
    both = None if possible is None else Possible(-width, width)
    reason = found.refused or FEW
    ends = found.first_ms, found.last_ms
    return Apprentice(
        mode=definition.mode,
        decisions=found.n,
        unknown_propensities=found.unknown,
        recent=found.recent,
        period=period(*ends),
        agreement=_told(found.agreement, 1.0, 0.0, Possible(0.0, 1.0), FEW),
        policy=_told(found.value, width, low, possible, reason),
        shown=_told(found.reward, width, low, possible, FEW),
        difference=_told(found.difference, width, 0.0, both, reason),
        propensities="estimated" if found.estimated else "given",
        refused=found.refused,
        detail=ESTIMATED if found.estimated else GIVEN,
        history=tuple(
            AgreementPoint(timestamp(at_ms), n, agrees / n)
            for at_ms, n, agrees in found.history
        ),
        switch_at=definition.switch_at,
        switched=_switched(storage, experiment),
    )


def _told(
    bound: Bound, width: float, low: float, possible: Possible | None, reason: str
) -> Estimated:
    """Return a mean in units of the reward, its interval within what is possible."""
    estimate, *ends = bound
    if estimate is None:
        return estimated(None, reason=reason)
    scaled = [None if end is None else low + width * end for end in ends]
    if possible is not None:
        scaled = [
            None if end is None else min(max(end, possible.lowest), possible.highest)
            for end in scaled
        ]
    value = low + width * estimate
    return estimated(value, Interval(*scaled), possible, reason)


def _switched(storage: Storage, experiment: Experiment) -> Switched | None:
    """Return the newest revision that has made it live."""
    if experiment.definition.mode == APPRENTICE:
        return None
    revisions = storage.experiments.revisions(experiment.number)
    found = None
    before = LIVE
    for one in sorted(revisions, key=lambda one: one.revision):
        mode = one.definition.get("mode", LIVE)
        if (before, mode) == (APPRENTICE, LIVE):
            found = Switched(one.revision, timestamp(one.revised_at_ms), one.note)
        before = mode
    return found

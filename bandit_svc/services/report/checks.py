"""The checks of a report, in the report's order.

Owns the registry. To add a check, write its kind and its function in one module of
services.checks or services.evaluation, and add one entry here: report, pages, gauges
and the reference page read this order, its titles and its advice.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from bandit_svc.domain.experiment import Experiment
from bandit_svc.ope.uplift.moments import Moments
from bandit_svc.ope.uplift.totals import Totals as Sums
from bandit_svc.services.checks import by_unit, drift, loop, reported, stored_log
from bandit_svc.services.checks.check import Check, CheckKind
from bandit_svc.services.checks.degraded import Reason
from bandit_svc.services.checks.personal_fields import (
    PERSONAL_FIELDS,
    personal_fields,
)
from bandit_svc.services.checks.propensities import CALIBRATION
from bandit_svc.services.checks.sticky_window import STICKY_WINDOW, sticky_window
from bandit_svc.services.evaluation import checks as evaluated
from bandit_svc.services.evaluation.apprentice.audit import audited_shown
from bandit_svc.services.evaluation.history_watch import HISTORY, history
from bandit_svc.services.evaluation.rows import CandidateProgress
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import Totals


class Facts(NamedTuple):
    """The inputs of all checks.

    Attributes:
        lag_s: how long the oldest matured decision has waited to be learned.
        advised_windows_s: reward windows for 95 % and 99 % of the reported rewards.
        holdout: sums of the baseline's rewards.
        sums: those of the uplift by unit.
        silence: that no learner runs; None while one does.
    """

    storage: Storage
    experiment: Experiment
    totals: Totals
    lag_s: float
    advised_windows_s: tuple[float | None, float | None]
    evaluations: Mapping[str, CandidateProgress]
    holdout: Moments
    sums: Sums
    silence: Reason | None


class ReportCheck(NamedTuple):
    """One entry of the registry: a question, and how it is answered."""

    kind: CheckKind
    answer: Callable[[Facts], Check]


REPORT_CHECKS = (
    ReportCheck(
        stored_log.SAMPLE_RATIO,
        lambda f: stored_log.sample_ratio(f.storage, f.experiment),
    ),
    ReportCheck(
        by_unit.REPEAT_VISITS,
        lambda f: by_unit.repeat_visits(f.storage, f.experiment, f.totals, f.sums),
    ),
    ReportCheck(by_unit.CARRY_OVER, lambda f: by_unit.carry_over(f.experiment, f.sums)),
    ReportCheck(by_unit.EXCLUSION, lambda f: by_unit.exclusion(f.experiment, f.sums)),
    ReportCheck(
        loop.LATE_REWARDS,
        lambda f: loop.late_rewards(
            f.totals,
            f.experiment.definition.reward.window_seconds,
            f.advised_windows_s,
        ),
    ),
    ReportCheck(reported.REWARDS_RANGE, lambda f: reported.rewards_range(f.totals)),
    ReportCheck(loop.ORPHAN_REWARDS, lambda f: loop.orphan_rewards(f.totals)),
    ReportCheck(loop.AMBIGUOUS_DECISIONS, lambda f: loop.ambiguous_decisions(f.totals)),
    ReportCheck(loop.FALLBACK_DECISIONS, lambda f: loop.fallback_decisions(f.totals)),
    ReportCheck(loop.LEARNER, lambda f: loop.learner(f.totals, f.lag_s, f.silence)),
    ReportCheck(loop.LEARN_ON, lambda f: loop.learn_on(f.experiment)),
    ReportCheck(STICKY_WINDOW, lambda f: sticky_window(f.experiment, f.totals)),
    ReportCheck(PERSONAL_FIELDS, lambda f: personal_fields(f.storage, f.experiment)),
    ReportCheck(
        stored_log.MISSING_REWARDS,
        lambda f: stored_log.missing_rewards(f.storage, f.experiment),
    ),
    ReportCheck(
        drift.CONTEXT_DRIFT, lambda f: drift.context_drift(f.storage, f.experiment)
    ),
    ReportCheck(CALIBRATION, lambda f: stored_log.calibration(f.storage, f.experiment)),
    ReportCheck(
        evaluated.PROPENSITY_AUDIT,
        lambda f: (
            audited_shown(f.storage, f.experiment)
            or evaluated.propensity_audit(f.experiment, f.evaluations)
        ),
    ),
    ReportCheck(
        evaluated.SCORECARD,
        lambda f: evaluated.scorecard(
            f.storage, f.experiment, f.evaluations, f.holdout
        ),
    ),
    ReportCheck(HISTORY, lambda f: history(f.storage, f.experiment.number)),
)


def report_checks(facts: Facts) -> list[Check]:
    """Return every check, whatever its outcome, in the order of the registry."""
    return [one.answer(facts) for one in REPORT_CHECKS]

"""Check that the log which an experiment keeps can be trusted.

Owns four checks of the report: who is in which group, how often units come back,
whether rewards still come, and whether logged chances come true. Each reads sums, and
those that test may be read at every look: the chance that it ever fails a sound
experiment is at most 0.1 % for the sample ratio (anew after each change of the
holdout), 1 % for missing rewards (warnings included) and 1 % for calibration.
"""

from itertools import groupby

import numpy as np
from msgspec.structs import replace

from bandit_svc.domain.experiment import BASELINE, TREATMENT, Experiment
from bandit_svc.domain.numbers import counted, percent
from bandit_svc.domain.times import moment
from bandit_svc.ope.audit.calibration import CalibrationSums
from bandit_svc.ope.audit.propensity_audit import BINS
from bandit_svc.ope.audit.sample_ratio import smallest_p_value
from bandit_svc.ope.audit.stability import Drop, share_drop
from bandit_svc.services.checks.check import Check, CheckKind, Status
from bandit_svc.services.checks.propensities import CALIBRATION, calibration_check
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import CalibrationRow, Totals

MISMATCH_WARN = 0.01
MISMATCH_FAIL = 0.001
COME_BACK_WARN = 3.0
"""Decisions a unit from which the uplift's interval may be too narrow:
ope/uplift/uplift.py tells how often it was wrong."""
DROP_WARN = 0.5
DROP_FAIL = 0.25
"""A share of rewarded decisions below this part of what it was before."""
LEAST_STRETCHES = 2
DROP_RISK = 0.005
"""The chance of ever warning, and again of ever failing, without such a fall."""
CALIBRATION_BLOCKS = 16
_NO_UNIT = "not tested: no unit has been counted yet"
SUCCESSES_FIRST = (
    "not tested: with learn_on first_reward successes are joined first, so what was "
    "joined is a biased sample of what was chosen"
)

SAMPLE_RATIO = CheckKind(
    "sample_ratio",
    "Units are split between the groups as configured",
    "Look whether one group's decisions or visitors get lost between the service "
    "and the page, and whether robots have unit_ids of their own.",
)
REPEAT_VISITS = CheckKind(
    "repeat_visits",
    "Decisions are nearly independent",
    "Read the uplift with care: one visitor counts many times. Decide once per "
    "visit rather than per page view, or wait for an effect that is clearly larger "
    "than the interval.",
)
MISSING_REWARDS = CheckKind(
    "missing_rewards",
    "Rewards arrive as often as before",
    "Look whether what reports rewards still runs and still has its key. Until it "
    "does, the bandit learns that nothing works: pause it, and restore an earlier "
    "model if it has learned that.",
)


def sample_ratio(storage: Storage, experiment: Experiment) -> Check:
    """Compare the share of units in the holdout with the one that was asked for.

    Each unit counts once, in the group in which it was first seen. After a change of
    the holdout those count that were first seen in a decision of a later revision.
    """
    holdout = experiment.definition.holdout
    since = _holdout_since(storage, experiment)
    rows = [r for r in storage.breakdowns.units(experiment.number) if r.since == since]
    if not rows:
        return SAMPLE_RATIO.early(_NO_UNIT)
    looks = [(r.baseline, r.treatment) for r in rows if r.looked]
    p_value = smallest_p_value(looks, holdout)
    baseline, n = rows[-1].baseline, rows[-1].baseline + rows[-1].treatment
    those = f" first seen since revision {since}, which" if since > 1 else ""
    changed = " changed the holdout," if since > 1 else ""
    sentence = (
        f"{percent(baseline / n)} of {counted(n, 'unit')}{those}{changed} are in the "
        f"baseline group; the holdout is {percent(holdout)}"
    )
    status: Status = "ok"
    if p_value < MISMATCH_WARN:
        status = "fail" if p_value < MISMATCH_FAIL else "warn"
        sentence += ": assignment, logging or ingest loses more of one group"
    return SAMPLE_RATIO.answer(status, sentence, p_value=p_value)


def repeat_visits(storage: Storage, experiment: Experiment, totals: Totals) -> Check:
    """Warn if units have many decisions each.

    The uplift's interval takes decisions as independent, which those of one unit are
    not if its rewards are alike. A decision without a unit counts as one of its own.
    """
    last = {r.since: r for r in storage.breakdowns.units(experiment.number)}
    units = sum(r.baseline + r.treatment for r in last.values())
    # Both count exposed decisions alone, as the units do.
    made = (totals.counts.get(f"decisions_{g}", 0) for g in (TREATMENT, BASELINE))
    decisions = sum(made)
    if not units:
        return REPEAT_VISITS.early(_NO_UNIT)
    mean = decisions / units
    sentence = f"a unit has {mean:.1f} decisions on average"
    if mean <= COME_BACK_WARN:
        return REPEAT_VISITS.ok(sentence)
    return REPEAT_VISITS.warn(
        f"{sentence}; the uplift's intervals assume independent decisions, and are too "
        "narrow where the rewards of one unit are alike"
    )


def missing_rewards(storage: Storage, experiment: Experiment) -> Check:
    """Warn and fail if far fewer decisions get a reward than before."""
    if experiment.definition.reward.closes_at_first_reward:
        return MISSING_REWARDS.early(SUCCESSES_FIRST)
    rows = storage.breakdowns.history(experiment.number)
    begins: list[int] = []
    n: list[int] = []
    rewarded: list[int] = []
    for begins_at_ms, group in groupby(rows, key=lambda row: row.begins_at_ms):
        stretch = list(group)
        begins.append(begins_at_ms)
        n.append(sum(row.n for row in stretch))
        rewarded.append(sum(row.rewarded for row in stretch))
    counts = np.array(n, dtype=np.float64), np.array(rewarded, dtype=np.float64)
    grades: tuple[tuple[Status, float], ...] = (
        ("fail", DROP_FAIL),
        ("warn", DROP_WARN),
    )
    for status, factor in grades:
        drop = share_drop(*counts, factor, DROP_RISK)
        if drop is not None:
            return _dropped(status, drop, begins[drop.border])
    if len(n) < LEAST_STRETCHES:
        return MISSING_REWARDS.early(
            "not tested: decisions of at least two stretches of time must have matured"
        )
    share = percent(sum(rewarded) / sum(n))
    return MISSING_REWARDS.ok(
        f"{share} of the matured decisions got a reward, without a significant fall"
    )


def _dropped(status: Status, drop: Drop, begins_at_ms: int) -> Check:
    return MISSING_REWARDS.answer(
        status,
        f"since {moment(begins_at_ms)} {percent(drop.after)} of the decisions got a "
        f"reward, before {percent(drop.before)}: is the reward sender down?",
        before=drop.before,
        after=drop.after,
    )


def calibration(storage: Storage, experiment: Experiment) -> Check:
    """Compare logged chances with how often they came true, by model version."""
    if experiment.definition.reward.closes_at_first_reward:
        return CALIBRATION.early(SUCCESSES_FIRST)
    rows = storage.breakdowns.calibration(experiment.number)
    if not rows:
        return CALIBRATION.early("not tested: no decision has matured yet")
    doublings = rows[0].width.bit_length() - 1
    check = calibration_check(_sums(rows), CALIBRATION_BLOCKS, doublings)
    # The report writes details without the capital and the full stop of a sentence.
    detail = check.detail[0].lower() + check.detail[1:].rstrip(".")
    return replace(check, detail=detail)


def _sums(rows: list[CalibrationRow]) -> CalibrationSums:
    sums = np.zeros((4, rows[-1].block + 1, BINS.size))
    for row in rows:
        sums[:, row.block, row.bin] = row[3:]
    return CalibrationSums(*sums)


def _holdout_since(storage: Storage, experiment: Experiment) -> int:
    """Return the revision in which the holdout last changed."""
    if experiment.revision == 1:
        return 1
    since, last = 1, None
    for revision in storage.experiments.revisions(experiment.number):
        holdout = revision.definition.get("holdout")
        if holdout != last:
            since, last = revision.revision, holdout
    return since

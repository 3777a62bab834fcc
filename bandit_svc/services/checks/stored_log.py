"""Check that the log which an experiment keeps can be trusted.

Owns three checks of the report: who is in which group, whether rewards still come, and
whether logged chances come true. Each reads sums, and
those that test may be read at every look: the chance that it ever fails a sound
experiment is at most 0.1 % for the sample ratio (anew after each change of the
holdout), 1 % for missing rewards (warnings included) and 1 % for calibration.
"""

from itertools import groupby

import numpy as np
from msgspec.structs import replace

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.numbers import counted, percent
from bandit_svc.domain.times import moment
from bandit_svc.ope.audit.calibration import CalibrationSums
from bandit_svc.ope.audit.propensity_audit import BINS
from bandit_svc.ope.audit.sample_ratio import smallest_p_value
from bandit_svc.ope.audit.stability import Drop, share_drop
from bandit_svc.services.checks.by_unit import NO_UNIT
from bandit_svc.services.checks.check import Check, CheckKind, Status
from bandit_svc.services.checks.propensities import CALIBRATION, calibration_check
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import CalibrationRow

MISMATCH_WARN = 0.01
MISMATCH_FAIL = 0.001
DROP_WARN = 0.5
DROP_FAIL = 0.25
"""A share of rewarded decisions below this part of what it was before."""
LEAST_STRETCHES = 2
DROP_RISK = 0.005
"""The chance of ever warning, and again of ever failing, without such a fall."""
CALIBRATION_BLOCKS = 16
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
MISSING_REWARDS = CheckKind(
    "missing_rewards",
    "Rewards arrive as often as before",
    "Look whether what reports rewards still runs and still has its key. Until it "
    "does, the bandit learns that nothing works: pause it, and restore an earlier "
    "model if it has learned that.",
)

IN_A_PROGRAMME = (
    "not tested here: the groups are those of the programme, whose report compares "
    "their sizes"
)


def sample_ratio(storage: Storage, experiment: Experiment) -> Check:
    """Compare the share of units in the holdout with the one that was asked for.

    Each unit counts once, in the group in which it was first seen. After a change of
    the holdout those count that were first seen in a decision of a later revision.
    """
    if experiment.definition.programme is not None:
        return SAMPLE_RATIO.early(IN_A_PROGRAMME)
    holdout = experiment.definition.holdout
    since = _holdout_since(storage, experiment)
    rows = [r for r in storage.breakdowns.units(experiment.number) if r.since == since]
    if not rows:
        return SAMPLE_RATIO.early(NO_UNIT)
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

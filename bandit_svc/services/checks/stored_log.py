"""Tell whether the log that an experiment keeps can be trusted.

Owns four checks of the report: who is in which group, how often units come back,
whether rewards still come, and whether logged chances come true. Each reads sums, and
those that test may be read at every look: the chance that it ever fails a sound
experiment is at most 0.1 % for the sample ratio (anew after each change of the
holdout), 1 % for missing rewards (warnings included) and 1 % for calibration.
"""

from itertools import groupby
from typing import Any, Literal

import numpy as np

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.numbers import percent
from bandit_svc.domain.times import moment
from bandit_svc.ope.audit.calibration import CalibrationSums
from bandit_svc.ope.audit.propensity_audit import BINS
from bandit_svc.ope.audit.sample_ratio import smallest_p_value
from bandit_svc.ope.audit.stability import Drop, share_drop
from bandit_svc.services.checks.propensities import calibration_check
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import CalibrationRow, Totals

Json = dict[str, Any]
Status = Literal["ok", "warn", "fail"]

MISMATCH_WARN = 0.01
MISMATCH_FAIL = 0.001
COME_BACK_WARN = 3.0
"""Decisions a unit from which the uplift's interval may be too narrow:
ope/uplift/uplift.py tells how often it was wrong."""
DROP_WARN = 0.5
DROP_FAIL = 0.25
"""A share of rewarded decisions below this part of what it was before."""
DROP_RISK = 0.005
"""The chance of ever warning, and again of ever failing, without such a fall."""
CALIBRATION_BLOCKS = 16


def sample_ratio(storage: Storage, experiment: Experiment) -> Json:
    """Compare the share of units in the holdout with the one that was asked for.

    Each unit counts once, in the group in which it was first seen. After a change of
    the holdout those count that were first seen in a decision of a later revision.
    """
    holdout = experiment.definition.holdout
    since = _holdout_since(storage, experiment)
    rows = [r for r in storage.breakdowns.units(experiment.number) if r.since == since]
    if not rows:
        return _check("sample_ratio", "ok", "not tested: no unit has been counted yet")
    looks = [(r.baseline, r.treatment) for r in rows if r.looked]
    p_value = smallest_p_value(looks, holdout)
    baseline, n = rows[-1].baseline, rows[-1].baseline + rows[-1].treatment
    those = f" first seen since revision {since}, which" if since > 1 else ""
    changed = " changed the holdout," if since > 1 else ""
    sentence = (
        f"{percent(baseline / n)} of {n:,} units{those}{changed} are in the baseline "
        f"group; {percent(holdout)} were asked for"
    )
    status: Status = "ok"
    if p_value < MISMATCH_WARN:
        status = "fail" if p_value < MISMATCH_FAIL else "warn"
        sentence += ": assignment, logging or ingest loses one group more"
    return _check("sample_ratio", status, sentence, p_value=p_value)


def repeat_visits(storage: Storage, experiment: Experiment, totals: Totals) -> Json:
    """Notice units with many decisions each.

    The uplift's interval takes decisions as independent, which those of one unit are
    not if its rewards are alike. A decision without a unit counts as one of its own.
    """
    last = {r.since: r for r in storage.breakdowns.units(experiment.number)}
    units = sum(r.baseline + r.treatment for r in last.values())
    counts = totals.counts
    decisions = counts.get("decisions_treatment", 0) - totals.unexposed
    decisions += counts.get("decisions_baseline", 0)
    if not units:
        return _check("repeat_visits", "ok", "not tested: no unit has been counted yet")
    mean = decisions / units
    sentence = f"a unit has {mean:.1f} decisions on average"
    if mean <= COME_BACK_WARN:
        return _check("repeat_visits", "ok", sentence)
    return _check(
        "repeat_visits",
        "warn",
        f"{sentence}; the uplift's intervals take them as independent, and are too "
        "narrow where the rewards of one unit are alike",
    )


def missing_rewards(storage: Storage, experiment: Experiment) -> Json:
    """Notice that far fewer decisions get a reward than before."""
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
    total = sum(n)
    share = percent(sum(rewarded) / total) if total else percent(None)
    return _check(
        "missing_rewards",
        "ok",
        f"{share} of the matured decisions got a reward, and no fall stands out",
    )


def _dropped(status: Status, drop: Drop, begins_at_ms: int) -> Json:
    sentence = (
        f"since {moment(begins_at_ms)} {percent(drop.after)} of the decisions got a "
        f"reward, before {percent(drop.before)}: is the reward sender down?"
    )
    return _check("missing_rewards", status, sentence) | {
        "before": drop.before,
        "after": drop.after,
    }


def calibration(storage: Storage, experiment: Experiment) -> Json:
    """Compare logged chances with how often they came true, by model version."""
    if experiment.definition.reward.closes_at_first_reward:
        return _check(
            "calibration",
            "ok",
            "not tested: with learn_on first_reward successes are joined first, and "
            "what was chosen well would seem to be chosen too often",
        )
    rows = storage.breakdowns.calibration(experiment.number)
    if not rows:
        return _check("calibration", "ok", "not tested: nothing has matured yet")
    doublings = rows[0].width.bit_length() - 1
    check = calibration_check(_sums(rows), CALIBRATION_BLOCKS, doublings)
    detail = check.detail[0].lower() + check.detail[1:].rstrip(".")
    return _check("calibration", check.status, detail, **check.numbers)


def _sums(rows: list[CalibrationRow]) -> CalibrationSums:
    sums = np.zeros((4, rows[-1].block + 1, BINS.size))
    for row in rows:
        sums[:, row.block, row.bin] = row[3:]
    return CalibrationSums(*sums)


def _holdout_since(storage: Storage, experiment: Experiment) -> int:
    """Give the revision in which the holdout last changed."""
    if experiment.revision == 1:
        return 1
    since, last = 1, None
    for revision in storage.experiments.revisions(experiment.number):
        holdout = revision.definition.get("holdout")
        if holdout != last:
            since, last = revision.revision, holdout
    return since


def _check(name: str, status: Status, detail: str, **more: float) -> Json:
    return {"check": name, "status": status, "detail": detail, **more}

"""Check that logged propensities are the chances that actions were chosen with.

Owns the checks of a log's propensities; the bets behind them are those of ope. At every
look together, a true log fails in at most 1 % of cases by the bets against its
propensities, in at most 1 % by the mean weights of single actions, and in at most 1 %
by their calibration.
"""

import re
from dataclasses import replace

import numpy as np

from bandit_svc.domain.numbers import counted, percent
from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.audit.calibration import CalibrationSums
from bandit_svc.ope.audit.diagnostics import (
    MEAN_ERRORS,
    MEAN_WEIGHT,
    propensity_check,
)
from bandit_svc.ope.audit.propensity_audit import BINS, Choices, PropensityAudit
from bandit_svc.ope.decision_log import MAX_CELLS, DecisionLog
from bandit_svc.ope.sequences.bounded_mean import MeanSequence
from bandit_svc.services.checks.check import Check, CheckKind

BATCH_ROWS = 20_000
ACTION_RISK = 0.01
"""The chance of ever failing a true log by the mean weight of any one action."""
CALIBRATION_RISK = 0.01
"""The chance of ever failing a true log because chances seem not to come true."""
MAX_VERSION_BLOCKS = 8
MOST_UNLIKELY = 0.001
MIN_DUE = 50
MISSING_SLACK = 1e-6

_ESTIMATES = "Don't use off-policy estimates from this log until the cause is found."
PROPENSITIES = CheckKind(
    "propensities", "Choices agree with their logged chances", _ESTIMATES
)
MEAN_WEIGHTS = CheckKind(
    "mean_weights", "The mean weight of each fixed action is 1", _ESTIMATES
)
SUPPORT = CheckKind(
    "support",
    "Unlikely actions are chosen too",
    "Look whether the log was written by a policy that draws from the chances that it "
    "logs; an argmax of them can't be used for estimates.",
)
CALIBRATION = CheckKind(
    "calibration",
    "Variants are chosen as often as their logged chance says",
    "Something changes the choice between the draw and the page: a cache, a fallback, "
    "a retry without request_id. Don't use off-policy estimates until it is found.",
)


def propensities_check(log: DecisionLog, most: int | None = None) -> Check:
    """Bet against the logged propensities; see ope.audit.propensity_audit.

    Args:
        log: the log.
        most: how many decisions to look at, from the first one; all if None.
    """
    audit = PropensityAudit()
    stop = log.n if most is None else min(most, log.n)
    for start in range(0, stop, BATCH_ROWS):
        audit = audit.add(_choices(log, start, min(start + BATCH_ROWS, stop)))
    found = propensity_check(audit)
    return PROPENSITIES.answer(
        found.status, _in_names(log, found.detail), **found.numbers
    )


NO_PROPENSITIES = "not tested: the log has no propensities"
SUB_SAMPLED = (
    "not tested: rows stand for different numbers of decisions, and which were kept "
    "may depend on the choice"
)
CONTEXTS = CheckKind(
    "contexts",
    "Propensities hold in each group of contexts",
    "Name a column of the context with 2 to 8 values: --context-columns device.",
)


def untestable(log: DecisionLog) -> str | None:
    """Return why the choices of a log can't be held against its propensities."""
    if not log.propensities_known:
        return NO_PROPENSITIES
    return None if log.multiplicity is None else SUB_SAMPLED


def log_propensities(log: DecisionLog, most: int | None = None) -> Check:
    """Bet against the propensities of any log, or say why not."""
    reason = untestable(log)
    return PROPENSITIES.early(reason) if reason else propensities_check(log, most)


def contexts_check(log: DecisionLog) -> Check:
    """Return whether propensities were tested in groups of contexts.

    A policy whose choices follow the context, logged with propensities that don't, is
    right on average over all contexts.
    """
    if log.cell is not None:
        return CONTEXTS.ok(
            f"Propensities were tested in {log.n_cells} groups of {log.cell_name}."
        )
    why = (
        f"no column of the context has 2 to {MAX_CELLS} values"
        if log.features is not None and log.features.shape[1]
        else "the audit was not told any context"
    )
    return CONTEXTS.early(
        f"not tested: {why}. Propensities that ignore what the choice depends on can't "
        "be told from true ones"
    )


def mean_weights_check(log: DecisionLog) -> Check:
    """Check that the mean weight of every fixed action is 1, at every look.

    Where all chances were logged, decisions in which an action had none count as 1.
    Where they were not, and no floor is known, an action may have had no chance at
    times, so that only a mean above 1 is a fault.
    """
    count = len(log.actions)
    two_sided = log.pmf is not None or log.least_propensity is not None
    least = log.least_propensity
    if least is None:
        possible = log.propensity if log.pmf is None else log.pmf[log.pmf > 0]
        least = float(possible.min())
    confidence = 1 - ACTION_RISK / count
    worst = (0.0, 1.0, 1.0, 1.0, 0)
    for index in range(count):
        weight = np.where(log.action == index, 1 / log.propensity, 0.0)
        if log.pmf is not None:
            weight = weight + (log.pmf[:, index] <= 0)
        top = max(1 / least, float(weight.max()), 1 + 1e-9)
        interval = _sequence(weight, top).interval(confidence)
        lower, upper = float(interval.lower or 0), float(interval.upper or top)
        above, below = lower - 1, (1 - upper) if two_sided else -1.0
        gap = max(above, below)
        if gap > worst[0] or index == 0:
            worst = (gap, float(weight.mean()), lower, upper, index)
    gap, mean, lower, upper, index = worst
    failed = gap > 0
    detail = (
        f"The mean weight of always choosing {log.actions[index]!r} is {mean:.3f} "
        f"({lower:.3f} to {upper:.3f} at every look) and should be 1: it is chosen "
        f"{'more' if lower > 1 else 'less'} often than logged."
        if failed
        else f"The mean weight of each of {counted(count, 'fixed action')} agrees with "
        "1, its expected value."
    )
    return MEAN_WEIGHTS.answer(
        "fail" if failed else "ok", detail, mean_weight=mean, lower=lower, upper=upper
    )


def _sequence(weight: FloatArray, top: float) -> MeanSequence:
    """Return the sequence of all weights; most are 0, and their sums are known."""
    empty = MeanSequence(0.0, top, top)
    sequence, counted = empty, weight[weight > 0]
    for start in range(0, counted.size, BATCH_ROWS):
        sequence = sequence.add(counted[start : start + BATCH_ROWS])
    zeros = weight.size - counted.size
    return replace(
        sequence,
        n=sequence.n + zeros,
        from_above=sequence.from_above + zeros * empty.add(0.0).from_above,
    )


def log_calibration(log: DecisionLog) -> Check:
    """Compare logged chances with how often they came true, by size and version."""
    if log.pmf is None:
        return CALIBRATION.early(
            "Not tested: only the chance of the chosen action was logged "
            "(--propensity-columns names the columns of all)."
        )
    blocks = _version_blocks(log).astype(np.int64)
    sums = CalibrationSums.of(log.pmf, log.action, blocks, MAX_VERSION_BLOCKS)
    return calibration_check(sums, MAX_VERSION_BLOCKS)


def calibration_check(
    sums: CalibrationSums, most_blocks: int, doublings: int = 0
) -> Check:
    """Judge sums of a log that was read once, or of a live one at every look.

    See ope.audit.calibration for the arguments and for why looks may be repeated: a
    true log ever fails in at most CALIBRATION_RISK of cases.
    """
    worst = sums.worst
    p_value = sums.p_value(most_blocks, doublings)
    failed = p_value <= CALIBRATION_RISK
    n = max(worst.n, 1)
    several = (sums.n.max(axis=1) > 0).sum() > 1
    where = "model version and size of the chance" if several else "size of the chance"
    return CALIBRATION.answer(
        "fail" if failed else "ok",
        f"By {where}, the largest deviation is at chances of {_bin(worst.low)}: "
        f"{percent(worst.happened / n)} of {counted(worst.n, 'decision')} chose "
        f"a variant of such a chance, where the logged chances add up to "
        f"{percent(worst.expected / n)}. It is {worst.standard_errors:.1f} standard "
        "errors, "
        + (
            f"too much for chance (p = {p_value:.2g}, valid at every look)."
            if failed
            else "within chance."
        ),
        standard_errors=worst.standard_errors,
        p_value=p_value,
    )


def _bin(low: float) -> str:
    """Write the bin of chances that begins at `low`: 2.0 % to 5.0 %."""
    high = float(min(BINS[low < BINS], default=1.0))
    return f"{percent(low)} to {percent(high)}"


def support_check(log: DecisionLog) -> Check:
    """Fail a log whose policy acts greedily whatever chances it logs.

    The mean of 1 / propensity is the mean number of possible actions. It fails if that
    is far below K although the log itself says that other actions are due, and yet
    next to none of the choices was an unlikely one: in a round the largest chance is
    1 / K or more, and the smallest is 1 / K or less. A true log that gives all other
    actions no chance at all looks the same, and is as little use.
    """
    count = log.eligible_count
    weight = 1 / (log.propensity * count)
    mean, error = float(weight.mean()), float(weight.std()) / log.n**0.5
    unlikely = float((weight > 1 + MISSING_SLACK).mean())
    # A round with a chance p above 1/2 says that (1 - p) / p others are due for each
    # such choice; one with less says that something else might as well be chosen.
    odds = np.minimum(1 / log.propensity - 1, 1.0)
    greedy = (
        mean < MEAN_WEIGHT[0]
        and 1 - mean > MEAN_ERRORS * error
        and unlikely <= MOST_UNLIKELY
        and float(odds.sum()) >= MIN_DUE
    )
    inverse, possible = mean * float(count.mean()), float(count.mean())
    detail = (
        f"The mean of 1 / propensity is {inverse:.2f}, and {percent(unlikely)} of the "
        f"choices had a chance under 1 / K; with {possible:.3g} possible actions both "
        "should be much larger. Either the likeliest action was always taken whatever "
        "was logged, or the others never had a chance."
        if greedy
        else "Nothing says that the likeliest action was always taken, whatever was "
        f"logged (the mean of 1 / propensity is {inverse:.2f})."
    )
    return SUPPORT.answer(
        "fail" if greedy else "ok",
        detail,
        mean_inverse_propensity=inverse,
        unlikely=unlikely,
    )


def _choices(log: DecisionLog, start: int, stop: int) -> Choices:
    rows = slice(start, stop)
    return Choices(
        action=log.action[rows],
        n_actions=len(log.actions),
        propensity=log.propensity[rows],
        pmf=None if log.pmf is None else log.pmf[rows],
        eligible_count=(
            None if log.eligible is None else log.eligible[rows].sum(axis=1)
        ),
        min_propensity=log.least_propensity,
        cell=None if log.cell is None else log.cell[rows],
        n_cells=log.n_cells,
    )


def _in_names(log: DecisionLog, detail: str) -> str:
    """Write actions by their names, and cells with the name of what they are."""
    named = re.sub(r"action (\d+)", lambda m: f"{log.actions[int(m[1])]!r}", detail)
    return re.sub(r"cell (\d+)", rf"one group of {log.cell_name} (number \1)", named)


def _version_blocks(log: DecisionLog) -> FloatArray:
    """Number decisions by about equally long runs of model versions."""
    if log.version is None:
        return np.zeros(log.n)
    order = np.argsort(np.argsort(log.version, kind="stable"), kind="stable")
    first = np.minimum.reduceat(
        np.sort(order), np.unique(np.sort(log.version), return_index=True)[1]
    )
    _, place = np.unique(log.version, return_inverse=True)
    blocks: FloatArray = np.floor(first[place] * MAX_VERSION_BLOCKS / log.n)
    return blocks

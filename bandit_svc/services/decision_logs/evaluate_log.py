"""Evaluate target policies on a log of another system.

Owns the rows of `policies` in the contract for a log that is read once: estimates,
their fixed-sample intervals, and the refusal. The arrays come from `readers`.
"""

from collections.abc import Callable, Collection, Sequence

import msgspec
import numpy as np
from msgspec import UNSET

from bandit_svc.domain.numbers import counted
from bandit_svc.errors import InvalidInput
from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.audit.diagnostics import MINIMAL_EFFECTIVE
from bandit_svc.ope.decision_log import DecisionLog
from bandit_svc.ope.estimators.intervals import sums_by_unit
from bandit_svc.ope.estimators.policy_value import PolicyValue
from bandit_svc.ope.estimators.registry import ESTIMATORS
from bandit_svc.ope.estimators.weights import WeightedSums
from bandit_svc.ope.logged import LoggedData
from bandit_svc.ope.row_table import RowTable
from bandit_svc.ope.trajectory.value import MINIMAL_UNITS
from bandit_svc.services.checks.check import Check, CheckKind
from bandit_svc.services.checks.propensities import log_propensities
from bandit_svc.services.decision_logs.cross_fitted import has_room, predicted_rewards
from bandit_svc.services.decision_logs.estimates import estimates_of, no_estimates
from bandit_svc.services.decision_logs.repeated_rows import repeated_rows_check
from bandit_svc.services.decision_logs.target_policy import Target, targets_of
from bandit_svc.services.decision_logs.weight_checks import (
    rows_check,
    target_checks,
)
from bandit_svc.services.values import PolicyRow, estimated

LEAST_REWARDED = 5
"""Decisions with a weight and a reward; fewer tell nothing of the size of a mean."""
REWARD_MODEL = CheckKind("reward_model", "Rewards were predicted by a model")
NO_PROPENSITIES = (
    "The log has no propensities, so that nothing tells how far this prediction of a "
    "reward model is off; it has no interval."
)
AUDITED_ROWS = 100_000
"""Decisions whose propensities are audited here; `audit` looks at all."""


class LogEvaluation(msgspec.Struct, frozen=True):
    """Estimates of target policies on a log, and checks of the log."""

    policies: tuple[PolicyRow, ...]
    health: tuple[Check, ...]


def evaluate_log(
    log: DecisionLog,
    specs: Sequence[str],
    action_features: FloatArray | None = None,
    on_progress: Callable[[str], None] = lambda _what: None,
    estimators: Collection[str] = tuple(ESTIMATORS),
) -> LogEvaluation:
    """Evaluate each target policy on a log.

    Args:
        log: the log.
        specs: policies in addition to those that are columns of the file.
        action_features: (K, f) for the reward model.
        on_progress: called with what is done next.
        estimators: names of those to compute.

    Raises:
        InvalidInput: there is no policy, or a spec can't be understood.
    """
    if not (specs or log.targets or log.pmf_targets):
        raise InvalidInput(
            "no target policy is named; pass --policy uniform, --policy fixed:ACTION, "
            "--target-propensity-column or --target-columns"
        )
    room = has_room(log)
    on_progress("propensities")
    health = [
        rows_check(log),
        repeated_rows_check(log),
        log_propensities(log, AUDITED_ROWS),
    ]
    rows: list[PolicyRow] = []
    unmodelled: list[str] = []
    q_hat: FloatArray | RowTable | None = None
    for target in targets_of(log, specs, with_pmf=room):
        on_progress(target.name)
        if target.pmf is None:
            unmodelled.append(target.name)
        elif q_hat is None:
            q_hat = predicted_rewards(log, action_features)
        if not log.propensities_known:
            rows.append(_predicted_row(log, target, q_hat))
            continue
        rows.append(_row(log, target, q_hat, estimators))
        health += target_checks(log, target, lenient=False)
    health.append(_model_check(unmodelled, room=room))
    return LogEvaluation(tuple(rows), tuple(health))


def _row(
    log: DecisionLog,
    target: Target,
    q_hat: FloatArray | RowTable | None,
    estimators: Collection[str],
) -> PolicyRow:
    """Return one row of the contract's `policies`."""
    logged = LoggedData(
        reward=log.reward,
        propensity=log.propensity,
        target_probability=target.probability,
        action=log.action,
        pmf_target=target.pmf,
        q_hat=None if target.pmf is None else q_hat,
        unit=log.unit,
        multiplicity=log.multiplicity,
        reward_minimum=min(0.0, float(log.reward.min())),
        reward_maximum=max(1.0, float(log.reward.max())),
    )
    sums = WeightedSums.of(logged.evidence, logged.reward)
    refused = _refusal(sums, logged) or _too_few_units(log, logged.evidence)
    return PolicyRow(
        policy=target.name,
        n=log.n,
        effective_sample_size=sums.effective_sample_size,
        mean_weight=sums.mean_weight,
        max_weight=sums.max_weight,
        refused=refused,
        units=UNSET if log.unit is None else log.units,
        estimates=(
            no_estimates(estimators) if refused else estimates_of(logged, estimators)
        ),
    )


def _predicted_row(
    log: DecisionLog, target: Target, q_hat: FloatArray | RowTable | None
) -> PolicyRow:
    """Return the row of a log without propensities: a model's prediction, or nothing.

    Without propensities nothing tells how far the model is off.
    """
    value: float | None = None
    if target.pmf is not None and q_hat is not None:
        if isinstance(q_hat, RowTable):
            terms = q_hat.averaged(target.pmf)
        else:
            terms = np.einsum("nk,nk->n", target.pmf, q_hat)
        value = PolicyValue.averaged(terms, log.multiplicity).value
    return PolicyRow(
        policy=target.name,
        n=log.n,
        effective_sample_size=None,
        mean_weight=None,
        max_weight=None,
        refused=None,
        note=NO_PROPENSITIES,
        units=UNSET if log.unit is None else log.units,
        estimates={"dm": estimated(value, reason=NO_PROPENSITIES)},
    )


def _refusal(sums: WeightedSums, logged: LoggedData) -> str | None:
    """Return why no interval can be right, however wide, or None."""
    n = counted(sums.n, "logged decision")
    if sums.weight <= 0:
        return f"None of the {n} is one that this policy would have made."
    effective = sums.effective_sample_size
    if effective < MINIMAL_EFFECTIVE:
        return (
            f"The effective sample size of {n} is {effective:.1f} for this policy; at "
            f"least {MINIMAL_EFFECTIVE} are needed."
        )
    rewarded = int(((logged.weight > 0) & (logged.reward != 0)).sum())
    if rewarded < LEAST_REWARDED:
        return (
            f"Of the decisions that this policy would have made, {rewarded} have a "
            f"reward other than 0; at least {LEAST_REWARDED} are needed."
        )
    return None


def _too_few_units(log: DecisionLog, weight: FloatArray) -> str | None:
    """Return why an interval by unit can't be trusted, or None."""
    if log.unit is None:
        return None
    of_unit = sums_by_unit(log.unit, weight)
    effective = float(of_unit.sum() ** 2 / (of_unit**2).sum())
    if effective >= MINIMAL_UNITS:
        return None
    return (
        f"The weights of {of_unit.size:,} units are worth {effective:.1f} units of "
        f"equal weight for this policy; at least {MINIMAL_UNITS} are needed."
    )


def _model_check(unmodelled: Sequence[str], *, room: bool) -> Check:
    if not unmodelled:
        return REWARD_MODEL.ok(
            "Rewards were predicted by a model that was cross-fitted in three folds, "
            "for dm and dr."
        )
    reason = (
        "every action's target probability must be known; name the columns with "
        "--target-columns, or the page's places with --position-column"
        if room
        else "the log has more decisions times actions than fit into memory"
    )
    return REWARD_MODEL.early(f"No dm and dr for {', '.join(unmodelled)}: {reason}.")

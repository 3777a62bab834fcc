"""What a reward of a unit, or an event, is worth to experiments.

Owns the choice of experiments and the checks on the value. Which decisions get it is
found when it is in the store (domain.people.credit).
"""

import math
from collections.abc import Iterable

from bandit_svc.domain.events.reward import MAIN_METRIC
from bandit_svc.domain.experiment import MAX_REWARD, Experiment
from bandit_svc.domain.people.credit import value_in
from bandit_svc.domain.people.unit_fact import UnitValue
from bandit_svc.domain.plain_values import Context
from bandit_svc.errors import InvalidInput


def credits_of_reward(
    experiments: Iterable[Experiment],
    event: str | None,
    metric: str,
    value: float,
) -> dict[int, UnitValue]:
    """Return the value of a reward by the number of each experiment.

    Args:
        experiments: that may get it.
        event: only those that are rewarded by this event; None for all that credit
            rewards of units.
        metric: of the reward.
        value: as it was reported.

    Raises:
        InvalidInput: no experiment takes it, or the value is no number that could
            count.
    """
    taking = [
        experiment
        for experiment in experiments
        if experiment.definition.reward.credit_rule is not None
        and event in {None, experiment.definition.reward.event}
    ]
    if not taking:
        pointer = "/unit_id" if event is None else "/event"
        what = "rewards of units" if event is None else f"the event {event[:128]!r}"
        raise InvalidInput.at(
            pointer,
            f"no experiment takes {what}; declare reward.event or reward.credit in its "
            "definition, or send the decision_id",
        )
    named = [e for e in taking if metric == MAIN_METRIC or _declares(e, metric)]
    if not named:
        raise InvalidInput.at(
            "/metric",
            f"metric {metric[:128]!r} is not declared by an experiment that takes "
            f"this reward; send {MAIN_METRIC!r}, or declare it by a PATCH of the "
            "experiment's `metrics`",
        )
    return {e.number: _worth(e, metric, value) for e in named}


def credits_of_event(
    experiments: Iterable[Experiment],
    event: str,
    value: float | None,
    properties: Context,
) -> dict[int, UnitValue]:
    """Return what an event is worth by the number of each experiment that names it."""
    found: dict[int, UnitValue] = {}
    for experiment in experiments:
        reward = experiment.definition.reward
        if reward.event != event:
            continue
        number = value_in(reward.value, value, properties)
        if number is not None and math.isfinite(number):
            found[experiment.number] = _worth(experiment, MAIN_METRIC, number)
    return found


def _declares(experiment: Experiment, metric: str) -> bool:
    return any(one.name == metric for one in experiment.definition.metrics)


def _worth(experiment: Experiment, metric: str, value: float) -> UnitValue:
    counted = experiment.definition.clip(metric, value)
    if not (math.isfinite(value) and abs(counted) <= MAX_REWARD):
        raise InvalidInput.at(
            "/value",
            f"value is {value:g}; a metric without a declared range takes numbers "
            f"between {-MAX_REWARD:g} and {MAX_REWARD:g}",
        )
    return UnitValue(value, counted != value)

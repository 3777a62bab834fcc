"""Rewards that name a unit and no decision, and what became of any reward.

Owns the HTTP shape of both; the rules are in services.people.
"""

from contextlib import suppress

import msgspec
from flask import Blueprint, Flask, Response

from bandit_svc.domain.people.credit import value_in
from bandit_svc.domain.people.unit_fact import UnitValue
from bandit_svc.errors import InvalidInput, NotFound
from bandit_svc.http.answers import RewardAnswer, json_reply
from bandit_svc.http.auth import check_experiment, check_secret
from bandit_svc.http.decisions import check_decision
from bandit_svc.http.incoming.caller import Caller
from bandit_svc.http.parsing import UnitRewardBody
from bandit_svc.http.people.unit_names import kept_name
from bandit_svc.http.request_context import RequestContext
from bandit_svc.services.people.credit_values import credits_of_event
from bandit_svc.services.people.record_event import EventReport
from bandit_svc.services.people.record_unit_reward import (
    correct_unit_reward,
    record_unit_reward,
)
from bandit_svc.services.serving.outcomes.look_up_reward import look_up_reward
from bandit_svc.services.serving.record_reward import RewardReport, record_reward


class RewardOutcome(msgspec.Struct):
    """What became of a reward in one decision.

    Attributes:
        decision_id: null while it has none.
        value: the newest; a share of it where decisions share a reward.
        source: what the report named: a decision, a unit, or a unit by an event.
    """

    decision_id: str | None
    experiment: str
    metric: str
    value: float
    status: str
    source: str


class RewardRecords(msgspec.Struct):
    """What became of the rewards of one reward_id."""

    reward_id: str
    rewards: list[RewardOutcome]


def register(app: Flask, request_context: RequestContext) -> None:
    """Add the routes to the application of one worker."""
    routes = Blueprint("unit_rewards", __name__)
    worker = request_context.worker

    @routes.get("/v1/rewards/<reward_id>")
    def show(reward_id: str) -> Response:
        found = look_up_reward(worker.storage, worker.reader, worker.decoder, reward_id)
        outcomes = [
            RewardOutcome(
                decision_id=one.decision_id,
                experiment=worker.catalog.by_number(one.number).key,
                metric=one.metric,
                value=one.value,
                status=one.status,
                source=one.source,
            )
            for one in found
        ]
        return json_reply(RewardRecords(reward_id, outcomes)).to_flask()

    app.register_blueprint(routes)


def reward_of_unit(
    request_context: RequestContext, body: UnitRewardBody, caller: Caller
) -> RewardAnswer:
    """Answer a reward of a unit, which needs a secret key."""
    check_secret(caller.key, "/unit_id", "to report a reward of a unit")
    worker = request_context.worker
    experiments = worker.catalog.crediting()
    if body.experiment is not None:
        check_experiment(caller.key, body.experiment, "/experiment")
        asked = worker.catalog.experiment(body.experiment)
        experiments = [asked]
    elif caller.key is not None and caller.key.experiments:
        allowed = caller.key.experiments
        experiments = [one for one in experiments if one.key in allowed]
    name = kept_name(request_context, caller, body.report.unit_id)
    report = msgspec.structs.replace(body.report, unit_id=name)
    now_ms = request_context.now_ms()
    if report.correction:
        recorded = correct_unit_reward(
            worker.people,
            report,
            experiments,
            lambda reward_id: _known(request_context, reward_id, report.metric),
            now_ms,
        )
    else:
        recorded = record_unit_reward(
            worker.people, report, experiments, worker.all_is_stored, now_ms
        )
    return RewardAnswer(
        decision_id=recorded.decision_id,
        metric=recorded.reward.metric,
        reward_id=recorded.reward.reward_id,
        status=recorded.status,
        clipped=True if recorded.clipped else msgspec.UNSET,
    )


def _known(
    request_context: RequestContext, reward_id: str, metric: str
) -> dict[int, float]:
    """Return the value of a reward of a unit by experiment; shares are added up."""
    worker = request_context.worker
    ports = worker.storage, worker.reader, worker.decoder
    found: dict[int, float] = {}
    with suppress(NotFound):
        for one in look_up_reward(*ports, reward_id, of_units=True):
            if one.metric == metric:
                found[one.number] = found.get(one.number, 0.0) + one.value
    return found


def reward_of_event(
    request_context: RequestContext, report: EventReport, caller: Caller, new_id: str
) -> int | None:
    """Append the reward of the decision that an event names.

    Args:
        request_context: of the worker.
        report: the event.
        caller: with any key, since nobody can guess a decision_id.
        new_id: names the event where the caller did not.

    Returns:
        The number of the decision's experiment; None where it names none.

    Raises:
        InvalidInput: the experiment of the decision is not rewarded by the event.
    """
    if report.decision_id is None:
        return None
    worker = request_context.worker
    number = worker.ids.read(report.decision_id).experiment_number
    check_decision(request_context, caller.key, report.decision_id)
    rule = worker.catalog.by_number(number).definition.reward
    if rule.event != report.event:
        raise InvalidInput.at(
            "/decision_id",
            f"the event {report.event[:128]!r} is no reward of the experiment of this "
            "decision; declare it as reward.event, or leave out the decision_id",
        )
    value = value_in(rule.value, report.value, report.properties)
    if value is not None:
        reward = RewardReport(
            decision_id=report.decision_id,
            value=value,
            reward_id=report.event_id or new_id,
            occurred_at_ms=report.occurred_at_ms,
        )
        record_reward(worker.serving, reward, request_context.now_ms())
    return number


def values_of_event(
    request_context: RequestContext,
    report: EventReport,
    caller: Caller,
    rewarded: int | None,
) -> dict[int, UnitValue]:
    """Return what an event is worth to each experiment that it rewards.

    Anybody may send events with a publishable key, so that those reward nothing.

    Args:
        request_context: of the worker.
        report: the event.
        caller: who sent it.
        rewarded: the number of an experiment of which a decision has got it already.
    """
    if caller.key is not None and caller.key.scope != "secret":
        return {}
    experiments = request_context.worker.catalog.crediting()
    if caller.key is not None and caller.key.experiments:
        allowed = caller.key.experiments
        experiments = [one for one in experiments if one.key in allowed]
    found = credits_of_event(experiments, report.event, report.value, report.properties)
    return {number: worth for number, worth in found.items() if number != rewarded}

"""Routes of rewards.

Owns the HTTP shape of reporting a reward; the rules are in
services.serving.record_reward.
"""

from contextlib import suppress

import msgspec
from flask import Blueprint, Flask, Response, request

from bandit_svc import metrics
from bandit_svc.errors import BanditError, InvalidInput, NotFound
from bandit_svc.http import parsing
from bandit_svc.http.answers import (
    Reply,
    RewardAnswer,
    Steps,
    json_reply,
    made_at_once,
    reward_answer,
)
from bandit_svc.http.auth import check_secret
from bandit_svc.http.decisions import check_decision
from bandit_svc.http.incoming.caller import Caller, caller_of_request
from bandit_svc.http.people.unit_rewards import reward_of_unit
from bandit_svc.http.problems import Problem, problem_of, retry_headers
from bandit_svc.http.records import RewardBatchAnswer
from bandit_svc.http.request_context import RequestContext
from bandit_svc.services.serving.outcomes.reward_status import reward_status
from bandit_svc.services.serving.record_reward import correct_reward, record_reward
from bandit_svc.services.serving.refuse_reward import refuse_reward


def register(app: Flask, request_context: RequestContext) -> None:
    """Add the routes to the application of one worker."""
    routes = Blueprint("rewards", __name__)

    @routes.post("/v1/rewards")
    def create() -> Response:
        body = parsing.read_body(request)
        return reward_one(request_context, body, caller_of_request()).to_flask()

    @routes.post("/v1/rewards/batch")
    def create_batch() -> Response:
        body = parsing.read_batch(request)
        steps = reward_many(request_context, body, caller_of_request())
        return made_at_once(steps).to_flask()

    app.register_blueprint(routes)


def reward_one(request_context: RequestContext, body: bytes, caller: Caller) -> Reply:
    """Answer POST /v1/rewards."""
    return json_reply(_record(request_context, body, caller), 202)


def reward_many(request_context: RequestContext, body: bytes, caller: Caller) -> Steps:
    """Answer POST /v1/rewards/batch, item by item."""
    answers: list[RewardAnswer | Problem] = []
    for index, item in enumerate(parsing.parse_reward_batch(body)):
        place = f"/rewards/{index}"
        answers.append(reward_one_of_many(request_context, item, caller, place))
        yield
    return json_reply(RewardBatchAnswer(answers), 202, retry_headers(answers))


def _record(
    request_context: RequestContext, body: bytes, caller: Caller
) -> RewardAnswer:
    ports, now_ms = request_context.worker.serving, request_context.now_ms()
    try:
        report = parsing.parse_reward(body)
        if isinstance(report, parsing.UnitRewardBody):
            return reward_of_unit(request_context, report, caller)
        check_decision(request_context, caller.key, report.decision_id)
        if report.correction:
            check_secret(caller.key, "/correction", "to correct a reward")
            return reward_answer(*correct_reward(ports, report, now_ms))
        reward = record_reward(ports, report, now_ms)
        return reward_answer(reward, reward_status(ports, reward))
    except InvalidInput as error:
        decision_id = parsing.decision_id_in(body)
        # A key that is not for the experiment leaves nothing behind in it either.
        if decision_id is not None:
            with suppress(InvalidInput, NotFound):
                check_decision(request_context, caller.key, decision_id)
        # The learner counts what is refused by experiment, as it reads the log.
        if not refuse_reward(ports, decision_id, error, now_ms):
            metrics.REWARDS.labels("", "invalid").inc()
        raise


def reward_one_of_many(
    request_context: RequestContext,
    item: msgspec.Raw,
    caller: Caller,
    prefix: str,
) -> RewardAnswer | Problem:
    """Answer for one reward of a batch; `prefix` is the pointer to it."""
    try:
        return _record(request_context, parsing.item_body(item), caller)
    except BanditError as error:
        # One bad reward of a batch does not fail the others.
        return problem_of(error, prefix)

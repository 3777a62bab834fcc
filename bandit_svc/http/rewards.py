"""Routes of rewards.

Owns the HTTP shape of reporting a reward; the rules are in
services.serving.record_reward.
"""

import msgspec
from flask import Blueprint, Response, request

from bandit_svc import metrics
from bandit_svc.errors import BanditError, InvalidInput
from bandit_svc.http import parsing
from bandit_svc.http.answers import (
    Reply,
    RewardAnswer,
    json_reply,
    response_of,
    reward_answer,
)
from bandit_svc.http.problems import Problem, problem_of, retry_headers
from bandit_svc.http.request_context import Edge
from bandit_svc.services.serving.record_reward import record_reward


def blueprint(edge: Edge) -> Blueprint:
    """Make the routes of one worker."""
    routes = Blueprint("rewards", __name__)

    @routes.post("/v1/rewards")
    def create() -> Response:
        return response_of(reward_one(edge, parsing.read_body(request)))

    @routes.post("/v1/rewards/batch")
    def create_batch() -> Response:
        return response_of(reward_many(edge, parsing.read_batch(request)))

    return routes


def reward_one(edge: Edge, body: bytes) -> Reply:
    """Answer POST /v1/rewards."""
    return json_reply(_record(edge, body), 202)


def reward_many(edge: Edge, body: bytes) -> Reply:
    """Answer POST /v1/rewards/batch."""
    items = parsing.parse_reward_batch(body)
    answers = [
        _record_one_of_many(edge, item, f"/rewards/{index}")
        for index, item in enumerate(items)
    ]
    return json_reply({"rewards": answers}, 202, retry_headers(answers))


def _record(edge: Edge, body: bytes) -> RewardAnswer:
    worker = edge.worker
    try:
        report = parsing.parse_reward(body)
        reward = record_reward(
            worker.catalog, worker.log, worker.ids, report, edge.now_ms()
        )
    except InvalidInput:
        # Which experiment it was for can't be trusted, so the label stays empty.
        metrics.REWARDS.labels("", "invalid").inc()
        raise
    return reward_answer(reward)


def _record_one_of_many(
    edge: Edge, item: msgspec.Raw, prefix: str
) -> RewardAnswer | Problem:
    try:
        return _record(edge, parsing.item_body(item))
    except BanditError as error:
        # One bad reward of a batch does not fail the others.
        return problem_of(error, prefix)

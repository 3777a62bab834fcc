"""Routes of evaluations on demand.

Owns the HTTP shape of a job that evaluates policies. Which policies a job takes is
services.managing.jobs's; a child process of the learner runs it.
"""

from typing import Any

import msgspec
from flask import Blueprint, Flask, Response, request

from bandit_svc.domain.limits import MAX_BATCH_BODY_BYTES
from bandit_svc.domain.times import timestamp, timestamp_or_none
from bandit_svc.errors import NotFound
from bandit_svc.http.answers import json_reply
from bandit_svc.http.parsing import decoded, parse_object, read_body
from bandit_svc.http.request_context import RequestContext
from bandit_svc.services.managing.jobs import (
    ID_BYTES,
    estimand_of,
    labels,
    queue_evaluation,
)
from bandit_svc.services.values import ONE_STEP, Estimand
from bandit_svc.storage.jobs import EVALUATION, JobRow, JobStatus


class EvaluationBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /v1/experiments/{key}/evaluations.

    Each policy is `uniform`, `baseline`, `fixed:KEY`, `model:VERSION`, the name of a
    candidate, or a spec; an empty list means all candidates. `estimand` is `one_step`
    (a single decision changed), `trajectory` (the policy deployed for each unit) or
    `slate` (all slots of a page chosen by the policy).
    """

    policies: list[str | dict[str, Any]] = []
    estimand: Estimand = ONE_STEP


class Progress(msgspec.Struct):
    """Joined decisions that are evaluated, of how many; 0 of 0 before it starts."""

    done: int
    total: int


class EvaluationAnswer(msgspec.Struct):
    """An evaluation; `result` has the report's `policies` and `health`."""

    id: str
    experiment: str
    policies: list[str]
    estimand: Estimand
    status: JobStatus
    progress: Progress
    created_at: str
    started_at: str | None
    finished_at: str | None
    error: str | None
    result: dict[str, Any] | msgspec.UnsetType | None = None


class EvaluationList(msgspec.Struct):
    """The evaluations of an experiment, newest first, without results."""

    experiment: str
    evaluations: list[EvaluationAnswer]


_body = msgspec.json.Decoder(EvaluationBody).decode


def register(app: Flask, request_context: RequestContext) -> None:
    """Add the routes to the application of one worker."""
    routes = Blueprint("evaluations", __name__)
    storage = request_context.worker.storage

    @routes.post("/v1/experiments/<key>/evaluations")
    def create(key: str) -> Response:
        body = read_body(request, MAX_BATCH_BODY_BYTES)
        # msgspec does not check how deeply a spec nests.
        parse_object(body)
        asked = decoded(_body, body)
        experiment = storage.experiments.get(key)
        entropy = request_context.entropy(ID_BYTES)
        row = queue_evaluation(
            storage,
            experiment,
            asked.policies,
            entropy,
            request_context.now_ms(),
            asked.estimand,
        )
        location = f"/v1/experiments/{key}/evaluations/{row.id}"
        return json_reply(
            evaluation_answer(row, key), 202, {"Location": location}
        ).to_flask()

    @routes.get("/v1/experiments/<key>/evaluations")
    def list_all(key: str) -> Response:
        number = storage.experiments.get(key).number
        found = [
            msgspec.structs.replace(evaluation_answer(row, key), result=msgspec.UNSET)
            for row in storage.jobs.all(number, EVALUATION)
        ]
        return json_reply(EvaluationList(key, found)).to_flask()

    @routes.get("/v1/experiments/<key>/evaluations/<id>")
    def show(key: str, id: str) -> Response:  # noqa: A002 - as in the path
        number = storage.experiments.get(key).number
        row = storage.jobs.get(number, id)
        if row is None or row.kind != EVALUATION:
            raise NotFound(
                f"experiment {key!r} has no evaluation {id[:64]!r}; GET "
                f"/v1/experiments/{key}/evaluations lists those that are kept"
            )
        return json_reply(evaluation_answer(row, key)).to_flask()

    app.register_blueprint(routes)


def evaluation_answer(row: JobRow, key: str) -> EvaluationAnswer:
    """Return an evaluation of an experiment as its caller gets it."""
    return EvaluationAnswer(
        id=row.id,
        experiment=key,
        policies=labels(row),
        estimand=estimand_of(row.request),
        status=row.status,
        progress=Progress(row.done, row.total),
        created_at=timestamp(row.created_at_ms),
        started_at=timestamp_or_none(row.started_at_ms),
        finished_at=timestamp_or_none(row.finished_at_ms),
        error=row.error,
        result=row.result,
    )

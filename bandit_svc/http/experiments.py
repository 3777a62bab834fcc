"""Routes of experiments, their revisions and their models.

Owns the HTTP shape of definitions; the rules are in services.managing.lifecycle.
"""

import secrets

from flask import Blueprint, Flask, Response, request

from bandit_svc.domain.limits import MAX_BATCH_BODY_BYTES
from bandit_svc.domain.times import timestamp
from bandit_svc.http import parsing
from bandit_svc.http.answers import json_reply
from bandit_svc.http.records import (
    ExperimentList,
    ModelList,
    RevisionList,
    RevisionRecord,
    experiment_record,
    model_record,
)
from bandit_svc.http.request_context import RequestContext
from bandit_svc.http.splits.splits import who_of_request
from bandit_svc.services.managing import lifecycle

MAX_VERSION = 2**31 - 1
"""The largest integer that every store can hold."""


def register(app: Flask, request_context: RequestContext) -> None:
    """Add the routes to the application of one worker."""
    routes = Blueprint("experiments", __name__)
    storage = request_context.worker.storage

    @routes.post("/v1/experiments")
    def create() -> Response:
        raw = parsing.parse_object(parsing.read_body(request, MAX_BATCH_BODY_BYTES))
        definition = lifecycle.convert_definition(raw)
        salt = secrets.token_hex(lifecycle.SALT_BYTES)
        experiment = lifecycle.create(
            storage, definition, salt, request_context.now_ms(), who_of_request()
        )
        location = {"Location": f"/v1/experiments/{experiment.key}"}
        return json_reply(experiment_record(experiment), 201, location).to_flask()

    @routes.get("/v1/experiments")
    def list_all() -> Response:
        found = [experiment_record(e) for e in storage.experiments.all()]
        return json_reply(ExperimentList(found)).to_flask()

    @routes.get("/v1/experiments/<key>")
    def show(key: str) -> Response:
        return json_reply(experiment_record(storage.experiments.get(key))).to_flask()

    @routes.patch("/v1/experiments/<key>")
    def change(key: str) -> Response:
        patch = parsing.parse_object(parsing.read_body(request, MAX_BATCH_BODY_BYTES))
        now_ms, who = request_context.now_ms(), who_of_request()
        changed = lifecycle.change(storage, key, patch, now_ms, who=who)
        return json_reply(experiment_record(changed)).to_flask()

    @routes.get("/v1/experiments/<key>/revisions")
    def revisions(key: str) -> Response:
        number = storage.experiments.get(key).number
        found = [
            RevisionRecord(
                revision=r.revision,
                revised_at=timestamp(r.revised_at_ms),
                note=r.note,
                definition=r.definition,
            )
            for r in storage.experiments.revisions(number)
        ]
        return json_reply(RevisionList(key, found)).to_flask()

    @routes.get("/v1/experiments/<key>/models")
    def models(key: str) -> Response:
        metas = storage.model_versions.metas(storage.experiments.get(key).number)
        found = [
            model_record(meta, serving=index == 0) for index, meta in enumerate(metas)
        ]
        return json_reply(ModelList(key, found)).to_flask()

    @routes.post(
        f"/v1/experiments/<key>/models/<int(max={MAX_VERSION}):version>/restore"
    )
    def restore(key: str, version: int) -> Response:
        meta = lifecycle.restore(storage, key, version, request_context.now_ms())
        return json_reply(model_record(meta, serving=True)).to_flask()

    app.register_blueprint(routes)

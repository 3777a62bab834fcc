"""Routes of programmes.

Owns their HTTP shape; the rules are in services.managing.programmes.
"""

import secrets

import msgspec
from flask import Blueprint, Flask, Response, request

from bandit_svc.domain.programmes.programme import Programme, ProgrammeDefinition
from bandit_svc.domain.times import timestamp
from bandit_svc.http import parsing
from bandit_svc.http.answers import json_reply
from bandit_svc.http.request_context import RequestContext
from bandit_svc.services.managing.lifecycle import SALT_BYTES
from bandit_svc.services.managing.programmes.manage import (
    change_programme,
    convert_programme,
    create_programme,
)


class ProgrammeRecord(ProgrammeDefinition, frozen=True, kw_only=True):
    """A programme: its definition, its revision and its times.

    Attributes:
        experiments: keys of the experiments that are in it.
    """

    revision: int
    created_at: str
    revised_at: str
    experiments: list[str]


class ProgrammeList(msgspec.Struct):
    """Every programme, oldest first."""

    programmes: list[ProgrammeRecord]


def register(app: Flask, request_context: RequestContext) -> None:
    """Add the routes to the application of one worker."""
    routes = Blueprint("programmes", __name__)
    storage = request_context.worker.storage

    def record(programme: Programme) -> ProgrammeRecord:
        return ProgrammeRecord(
            **msgspec.structs.asdict(programme.definition),
            revision=programme.revision,
            created_at=timestamp(programme.created_at_ms),
            revised_at=timestamp(programme.revised_at_ms),
            experiments=[
                one.key
                for one in storage.experiments.all()
                if one.definition.programme == programme.key
            ],
        )

    @routes.post("/v1/programmes")
    def create() -> Response:
        raw = parsing.parse_object(parsing.read_body(request))
        made = create_programme(
            storage,
            convert_programme(raw),
            secrets.token_hex(SALT_BYTES),
            request_context.now_ms(),
        )
        location = {"Location": f"/v1/programmes/{made.key}"}
        return json_reply(record(made), 201, location).to_flask()

    @routes.get("/v1/programmes")
    def list_all() -> Response:
        found = [record(one) for one in storage.programmes.all()]
        return json_reply(ProgrammeList(found)).to_flask()

    @routes.get("/v1/programmes/<key>")
    def show(key: str) -> Response:
        return json_reply(record(storage.programmes.get(key))).to_flask()

    @routes.patch("/v1/programmes/<key>")
    def change(key: str) -> Response:
        patch = parsing.parse_object(parsing.read_body(request))
        changed = change_programme(storage, key, patch, request_context.now_ms())
        return json_reply(record(changed)).to_flask()

    app.register_blueprint(routes)

"""Routes of erasures.

Owns the HTTP shape of asking for the erasure of a unit and of how far it is; the
learner does the work (services.managing.privacy).
"""

from collections.abc import Mapping
from typing import Literal

import msgspec
from flask import Blueprint, Flask, Response

from bandit_svc.domain.times import timestamp, timestamp_or_none
from bandit_svc.errors import FieldError, NotFound
from bandit_svc.http.answers import json_reply
from bandit_svc.http.incoming.caller import caller_of_request
from bandit_svc.http.people.unit_names import kept_name_in_path
from bandit_svc.http.request_context import RequestContext
from bandit_svc.services.managing.privacy.ask_erasure import ID_BYTES, ask_erasure
from bandit_svc.storage.privacy import Erasure, ErasureStep

ErasureStatus = Literal["queued", "running", "done"]
_STATUS: Mapping[ErasureStep, ErasureStatus] = {
    "asked": "queued",
    "blanked": "running",
    "forgotten": "running",
    "done": "done",
}


class ErasureAnswer(msgspec.Struct):
    """An erasure.

    Attributes:
        erased: rows and records that went, by what they were; empty before any went.
        deleted_files: exports in the data folder that went.
    """

    id: str
    status: ErasureStatus
    asked_at: str
    finished_at: str | None
    erased: dict[str, int]
    deleted_files: list[str]


def register(app: Flask, request_context: RequestContext) -> None:
    """Add the routes to the application of one worker."""
    routes = Blueprint("erasures", __name__)
    worker = request_context.worker

    @routes.delete("/v1/units/<unit_id>")
    def ask(unit_id: str) -> Response:
        erasure = ask_erasure(
            worker.storage,
            kept_name_in_path(request_context, caller_of_request(), unit_id),
            request_context.entropy(ID_BYTES),
            request_context.now_ms(),
        )
        place = {"Location": f"/v1/erasures/{erasure.id}"}
        return json_reply(_answer(erasure), 202, place).to_flask()

    @routes.get("/v1/erasures/<id>", endpoint="show")
    def show(id: str) -> Response:  # noqa: A002 - the name in the path
        erasure = worker.storage.privacy.get(id)
        if erasure is None:
            detail = (
                "there is no erasure of this id; DELETE /v1/units/{unit_id} asks for "
                "one and names it in Location"
            )
            raise NotFound(detail, FieldError("/id", detail))
        return json_reply(_answer(erasure)).to_flask()

    app.register_blueprint(routes)


def _answer(erasure: Erasure) -> ErasureAnswer:
    return ErasureAnswer(
        id=erasure.id,
        status=_STATUS[erasure.step],
        asked_at=timestamp(erasure.asked_at_ms),
        finished_at=timestamp_or_none(erasure.finished_at_ms),
        erased=dict(erasure.counts),
        deleted_files=list(erasure.deleted),
    )

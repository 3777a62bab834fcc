"""Routes of policy splits.

Owns the HTTP shape of reading the splits of an experiment and of steering one by hand.
A split begins and ends with the definition (experiments.py).
"""

import msgspec
from flask import Blueprint, Flask, Response, request

from bandit_svc.http import parsing
from bandit_svc.http.answers import json_reply
from bandit_svc.http.incoming.caller import caller_of_request
from bandit_svc.http.request_context import RequestContext
from bandit_svc.services.managing.splits.command_split import (
    Command,
    command_split,
)
from bandit_svc.services.managing.splits.listed import splits_of


class SplitCommand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to do with the split that an experiment has now.

    Attributes:
        reason: kept with the step.
    """

    action: Command
    reason: str = ""


_command = msgspec.json.Decoder(SplitCommand).decode


def register(app: Flask, request_context: RequestContext) -> None:
    """Add the routes to the application of one worker."""
    routes = Blueprint("splits", __name__)
    storage = request_context.worker.storage

    @routes.get("/v1/experiments/<key>/splits")
    def show(key: str) -> Response:
        return json_reply(splits_of(storage, storage.experiments.get(key))).to_flask()

    @routes.patch("/v1/experiments/<key>/splits")
    def steer(key: str) -> Response:
        command = parsing.decoded(_command, parsing.read_body(request))
        command_split(
            storage,
            key,
            command.action,
            command.reason,
            who_of_request(),
            request_context.now_ms(),
        )
        return json_reply(splits_of(storage, storage.experiments.get(key))).to_flask()

    app.register_blueprint(routes)


def who_of_request() -> str:
    """Return the sender of the present request as a step names it."""
    key = caller_of_request().key
    return "dev" if key is None else f"key {key.id}"

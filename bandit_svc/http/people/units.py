"""Routes of units.

Owns the HTTP shape of what is said and known about a unit; the rules are in
services.people.
"""

import msgspec
from flask import Blueprint, Flask, Response, request

from bandit_svc.http import parsing
from bandit_svc.http.answers import json_reply
from bandit_svc.http.incoming.caller import caller_of_request
from bandit_svc.http.people.bodies import UnitChangeAnswer, parse_unit, unit_record
from bandit_svc.http.people.unit_names import kept_links, kept_name_in_path
from bandit_svc.http.request_context import RequestContext
from bandit_svc.services.people.change_unit import change_unit
from bandit_svc.services.people.look_up_unit import look_up_unit

_ID_BYTES = 12


def register(app: Flask, request_context: RequestContext) -> None:
    """Add the routes to the application of one worker."""
    routes = Blueprint("units", __name__)
    worker = request_context.worker

    @routes.put("/v1/units/<unit_id>")
    def change(unit_id: str) -> Response:
        patch = parse_unit(parsing.read_body(request))
        caller = caller_of_request()
        links = kept_links(request_context, caller, patch.links)
        change_unit(
            worker.people,
            kept_name_in_path(request_context, caller, unit_id),
            msgspec.structs.replace(patch, links=links),
            request_context.now_ms(),
            request_context.entropy(_ID_BYTES).hex(),
        )
        return json_reply(UnitChangeAnswer(unit_id), 202).to_flask()

    @routes.get("/v1/units/<unit_id>")
    def show(unit_id: str) -> Response:
        known = look_up_unit(
            worker.storage,
            worker.catalog.all(),
            kept_name_in_path(request_context, caller_of_request(), unit_id),
            request_context.now_ms(),
        )
        return json_reply(unit_record(known, unit_id)).to_flask()

    app.register_blueprint(routes)

"""The route that tells a person why a variant was shown.

Owns its HTTP shape. Who has the signed id of a decision may ask; the answer holds
declared words alone, and nothing of the context.
"""

import msgspec
from flask import Blueprint, Flask, Response

from bandit_svc.errors import FieldError, InvalidInput, NotFound
from bandit_svc.http.answers import json_reply
from bandit_svc.http.decisions import check_decision
from bandit_svc.http.incoming.caller import caller_of_request
from bandit_svc.http.request_context import RequestContext
from bandit_svc.services.serving.look_up import look_up
from bandit_svc.services.serving.outcomes.why import why
from bandit_svc.services.serving.receipt import receipt


class WhyAnswer(msgspec.Struct):
    """Why a variant was shown.

    Attributes:
        because: labels of what made it likelier, the strongest first; of sensitive keys
            and of those without a label none is named.
        personalised: whether the context changed how likely it was.
        opt_out: a sentence or an address; null if the experiment has none.
    """

    because: tuple[str, ...]
    personalised: bool
    opt_out: str | None


def register(app: Flask, request_context: RequestContext) -> None:
    """Add the route to the application of one worker."""
    routes = Blueprint("why", __name__)
    worker = request_context.worker

    @routes.get("/v1/why/<decision_id>")
    def show(decision_id: str) -> Response:
        try:
            worker.ids.read(decision_id)
        except InvalidInput as error:
            fault = FieldError("/decision_id", error.message)
            raise NotFound(error.message, fault) from error
        check_decision(request_context, caller_of_request().key, decision_id)
        facts, reader = worker.storage.facts, worker.reader
        view = look_up(facts, reader, worker.decoder, decision_id)
        experiment = worker.storage.experiments.get(view.decision.experiment)
        found = receipt(worker.storage, experiment, view)
        told = why(experiment.definition, view.decision, found.model)
        return json_reply(WhyAnswer(*told)).to_flask()

    app.register_blueprint(routes)

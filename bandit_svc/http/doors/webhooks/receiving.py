"""The route that deliveries of sources come to.

Owns its answers and their counts. What is believed is up to the reader of the source's
kind, and what becomes of it to recording.py.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from flask import Blueprint, Flask, Response, request

from bandit_svc import metrics
from bandit_svc.domain.doors.mapped import Incoming
from bandit_svc.errors import (
    BanditError,
    InvalidInput,
    NotFound,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from bandit_svc.http.answers import json_reply
from bandit_svc.http.doors.segment.forwarded import take_forwarded
from bandit_svc.http.doors.webhooks.cloud_events import read_cloud_events
from bandit_svc.http.doors.webhooks.delivery import Delivery, read_delivery
from bandit_svc.http.doors.webhooks.recording import (
    Mappings,
    WebhookOutcome,
    label_of,
    take,
)
from bandit_svc.http.doors.webhooks.standard import read_standard
from bandit_svc.http.doors.webhooks.stripe import read_stripe
from bandit_svc.http.problems import Problem, problem_of
from bandit_svc.http.request_context import RequestContext
from bandit_svc.metric_counts import count
from bandit_svc.storage.doors.sources import SourceKind, SourceRow

Reader = Callable[[SourceRow, Delivery, int], list[Incoming]]
_READERS: Final[Mapping[SourceKind, Reader]] = {
    "standard-webhooks": read_standard,
    "cloudevents": read_cloud_events,
    "stripe": read_stripe,
}
_MOST_NAMED: Final = 100
"""Fields of refused events in one answer."""


class WebhookBody(msgspec.Struct):
    """POST /v1/webhooks/{source} of a Standard Webhook; other kinds have their own.

    Attributes:
        type: `reward` and `event` need no mapping.
        timestamp: when it happened.
        data: of a reward the body of /v1/rewards, of an event that of /v1/events; of
            other types what the mapping of the source reads.
    """

    type: str
    timestamp: str | None = None
    data: dict[str, Any] = {}


class WebhookAnswer(msgspec.Struct):
    """The answer to a delivery: it need not be sent again.

    Attributes:
        outcomes: of each part of it a WebhookOutcome, or a Problem where others of the
            delivery were taken.
    """

    outcomes: list[Any]


def register(app: Flask, request_context: RequestContext) -> None:
    """Add the route to the application of one worker."""
    routes = Blueprint("webhooks", __name__)
    mappings = Mappings()

    @routes.post("/v1/webhooks/<source>")
    def receive(source: str) -> Response:
        row = request_context.worker.catalog.sources().named(source)
        if row is None:
            count(metrics.WEBHOOKS.labels(metrics.OTHER, "unknown"))
            raise NotFound(
                "there is no source of webhooks of this name; `bandit-svc webhook add` "
                "makes one"
            )
        label = label_of(request_context, row)
        try:
            outcomes = _received(request_context, mappings, row)
        except BanditError as error:
            count(metrics.WEBHOOKS.labels(label, _outcome_of(error)))
            raise
        for one in outcomes:
            status = one.status if isinstance(one, WebhookOutcome) else "invalid"
            count(metrics.WEBHOOKS.labels(label, status))
        return json_reply(WebhookAnswer(outcomes)).to_flask()

    app.register_blueprint(routes)


def _received(
    request_context: RequestContext, mappings: Mappings, source: SourceRow
) -> list[WebhookOutcome | Problem]:
    delivery = read_delivery(request)
    if source.kind == "segment":
        return [take_forwarded(request_context, mappings.of(source), source, delivery)]
    events = _READERS[source.kind](source, delivery, request_context.now_ms())
    mapping = mappings.of(source)
    if len(events) == 1:
        return [*take(request_context, source, mapping, events[0])]
    outcomes: list[WebhookOutcome | Problem] = []
    refused: list[InvalidInput] = []
    for event in events:
        try:
            outcomes += take(request_context, source, mapping, event)
        except InvalidInput as error:
            # One bad event of a batch does not fail the others.
            outcomes.append(problem_of(error))
            refused.append(error)
    if refused and len(refused) == len(outcomes):
        raise InvalidInput(
            f"none of the {len(refused)} events is valid; the first: "
            f"{refused[0].message}",
            *(field for error in refused[:_MOST_NAMED] for field in error.fields),
        )
    return outcomes


def _outcome_of(error: BanditError) -> str:
    match error:
        case Unauthenticated():
            return "signature"
        case TooLarge():
            return "too_large"
        case Unavailable() | TooManyRequests():
            return "unavailable"
        case _:
            return "invalid"

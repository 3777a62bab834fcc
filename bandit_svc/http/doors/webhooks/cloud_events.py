"""Deliveries of CloudEvents 1.0: structured, binary and batched.

Owns how one is believed, and what events it has. A signature is that of Standard
Webhooks; a sender that can't sign sends the secret as a bearer token.
"""

import base64
import hashlib
from typing import Any, Final
from urllib.parse import unquote

from werkzeug.datastructures import Headers

from bandit_svc.domain.doors.mapped import Incoming
from bandit_svc.domain.doors.paths import time_of
from bandit_svc.domain.doors.signatures import check_bearer
from bandit_svc.domain.json_shape import escape_pointer
from bandit_svc.domain.limits import MAX_STRING_LENGTH
from bandit_svc.domain.plain_values import Payload
from bandit_svc.errors import InvalidInput, Unauthenticated
from bandit_svc.http import parsing
from bandit_svc.http.auth import key_in
from bandit_svc.http.doors.webhooks.delivery import Delivery
from bandit_svc.http.doors.webhooks.standard import check_signature
from bandit_svc.storage.doors.sources import SourceRow

_STRUCTURED: Final = "application/cloudevents+json"
_BATCHED: Final = "application/cloudevents-batch+json"
_PREFIX: Final = "ce-"
_REQUIRED: Final = ("specversion", "id", "source", "type")
_DIGEST_BYTES: Final = 16


def read_cloud_events(
    source: SourceRow, delivery: Delivery, now_ms: int
) -> list[Incoming]:
    """Return the events of a delivery.

    Raises:
        Unauthenticated: it is neither signed now, nor has it the secret.
        InvalidInput: it is no CloudEvent 1.0.
    """
    headers = delivery.headers
    token = key_in(headers.get("Authorization", ""))
    signed_id = None
    if token is not None:
        check_bearer(source.valid_secrets(now_ms), token)
    else:
        signed_id = check_signature(source, delivery, now_ms)
    media = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media == _BATCHED:
        events = delivery.document()
        if not isinstance(events, list):
            raise InvalidInput.at("", "a batch of CloudEvents is a list of them")
        parsing.within_limit("", events)
        return [_event(one, f"/{index}") for index, one in enumerate(events)]
    if media == _STRUCTURED:
        return [_event(delivery.document(), "")]
    return [_event(_binary(delivery, signed_id), "")]


def _binary(delivery: Delivery, signed_id: str | None) -> Payload:
    """Return an event whose attributes are headers.

    Raises:
        Unauthenticated: its id is not the one that was signed, so that a delivery could
            be sent again under another one.
    """
    found: dict[str, Any] = {
        name.lower().removeprefix(_PREFIX): unquote(value)
        for name, value in delivery.headers.items()
        if name.lower().startswith(_PREFIX)
    }
    if not found:
        raise InvalidInput.at(
            "",
            f"the delivery is no CloudEvent: send it as {_STRUCTURED}, as {_BATCHED}, "
            "or with its attributes in headers, as ce-id",
        )
    if signed_id is not None and signed_id != found.get("id"):
        raise Unauthenticated(
            "webhook-id is not the ce-id: a signature covers webhook-id and the body "
            "alone, so sign a binary CloudEvent with its own id"
        )
    if delivery.body:
        found["data"] = delivery.document()
    return found


def _event(document: object, place: str) -> Incoming:
    if not isinstance(document, dict):
        raise InvalidInput.at(place, "a CloudEvent is an object")
    for name in _REQUIRED:
        if not isinstance(document.get(name), str) or not document[name]:
            raise InvalidInput.at(
                f"{place}/{escape_pointer(name)}",
                f"a CloudEvent has a text as its {name}; send one",
            )
    if not document["specversion"].startswith("1."):
        raise InvalidInput.at(
            f"{place}/specversion",
            f"specversion is {document['specversion'][:16]!r}; send CloudEvents 1.0",
        )
    at_ms = time_of(document.get("time"))
    if at_ms is None and document.get("time") is not None:
        raise InvalidInput.at(
            f"{place}/time",
            "the time of a CloudEvent is of RFC 3339, as 2026-11-28T10:00:00Z",
        )
    return Incoming(
        id=_id(document["source"], document["id"]),
        type=document["type"],
        document=_with_data(document, place),
        occurred_at_ms=at_ms,
        test=document.get("test") is True,
        place=place,
    )


def _id(source: str, own: str) -> str:
    """Return what names an event: its own id does so within its source alone."""
    name = f"{source}/{own}"
    if len(name) <= MAX_STRING_LENGTH:
        return name
    return hashlib.blake2b(name.encode(), digest_size=_DIGEST_BYTES).hexdigest()


def _with_data(document: Payload, place: str) -> Payload:
    """Return an event with its data as JSON, where it came as base64."""
    based = document.get("data_base64")
    if based is None:
        return document
    try:
        plain = base64.b64decode(str(based), validate=True)
    except ValueError as error:
        raise InvalidInput.at(f"{place}/data_base64", "this is no base64") from error
    return document | {"data": Delivery(Headers(), plain, None).document()}

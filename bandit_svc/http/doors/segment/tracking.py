"""Routes of Segment's HTTP Tracking API.

Owns who may send to them, and the answers. What a message says is messages.py's, what
becomes of it taking.py's.
"""

from functools import partial

import msgspec
from flask import Blueprint, Flask, Response, request

from bandit_svc.errors import (
    BanditError,
    FieldError,
    InvalidInput,
    TooManyRequests,
    Unavailable,
)
from bandit_svc.http import parsing
from bandit_svc.http.answers import json_reply
from bandit_svc.http.doors.segment import failures
from bandit_svc.http.doors.segment.counts import (
    UNKNOWN,
    count_message,
    count_taken,
)
from bandit_svc.http.doors.segment.messages import (
    KINDS,
    MAX_MESSAGE_BYTES,
    MAX_SEGMENT_BATCH_BYTES,
    Kind,
    Message,
    decode_batch,
    decode_message,
    parse_message,
    write_key_in,
)
from bandit_svc.http.doors.segment.taking import Sender, Taken, take
from bandit_svc.http.doors.segment.write_keys import sender_of_write_key
from bandit_svc.http.doors.webhooks.recording import Mappings
from bandit_svc.http.problems import problem_of
from bandit_svc.http.request_context import RequestContext

MOST_ERRORS = 20


class SegmentAnswer(msgspec.Struct):
    """What became of the messages of a request; SDKs read its status alone.

    Attributes:
        success: true: none of them has to be sent again.
        accepted: kept.
        duplicate: known already, by their messageId.
        dropped: not kept, since the unit or its browser denied consent.
        ignored: of a type of which nothing is kept (group).
        refused: not valid.
        links_refused: how many were kept without linking their two ids, since the
            person would have had too many.
        errors: of up to 20 that were refused: a pointer to the field, and a sentence.
    """

    success: bool = True
    accepted: int = 0
    duplicate: int = 0
    dropped: int = 0
    ignored: int = 0
    refused: int = 0
    links_refused: int = 0
    errors: list[dict[str, str]] = []


def register(app: Flask, request_context: RequestContext) -> None:
    """Add the routes to the application of one worker."""
    routes = Blueprint("segment", __name__)
    failures.register(routes)
    mappings = Mappings()
    for kind in KINDS:
        view = partial(_one, request_context, mappings, kind)
        for path in (kind, kind[0]):
            # SDKs for pages have short addresses, so that no filter knows them.
            routes.add_url_rule(f"/v1/{path}", path, view, methods=["POST"])
    for name in ("batch", "b", "import"):
        many = partial(_many, request_context, mappings)
        routes.add_url_rule(f"/v1/{name}", name, many, methods=["POST"])
    app.register_blueprint(routes)


def _one(request_context: RequestContext, mappings: Mappings, kind: Kind) -> Response:
    body, sender = _read(request_context, mappings, MAX_MESSAGE_BYTES)
    sent = decode_message(body)
    answer = SegmentAnswer()
    try:
        message = parse_message(sent, request_context.now_ms(), kind)
        _count(answer, kind, take(request_context, message, sender, body))
    except InvalidInput:
        count_message(kind, "refused")
        raise
    return json_reply(answer).to_flask()


def _many(request_context: RequestContext, mappings: Mappings) -> Response:
    body, sender = _read(request_context, mappings, MAX_SEGMENT_BATCH_BYTES)
    sent = decode_batch(body)
    answer = SegmentAnswer()
    for index, item in enumerate(sent.batch):
        message = _parsed(request_context, answer, item, sent.sentAt, index)
        if message is not None:
            _take_one_of_many(request_context, answer, message, sender, item, index)
    if sent.batch and answer.refused == len(sent.batch):
        raise _all_refused(answer)
    return json_reply(answer).to_flask()


def _parsed(
    request_context: RequestContext,
    answer: SegmentAnswer,
    item: msgspec.Raw,
    sent_at: str | None,
    index: int,
) -> Message | None:
    """Return a message of a batch; None where it is not valid, which is noted."""
    kind = UNKNOWN
    try:
        sent = decode_message(bytes(item))
        kind = next((known for known in KINDS if known == sent.type), UNKNOWN)
        return parse_message(sent, request_context.now_ms(), sent_at=sent_at)
    except InvalidInput as error:
        _refuse(answer, kind, error, index)
        return None


def _take_one_of_many(
    request_context: RequestContext,
    answer: SegmentAnswer,
    message: Message,
    sender: Sender,
    item: msgspec.Raw,
    index: int,
) -> None:
    try:
        taken = take(request_context, message, sender, bytes(item))
    except (Unavailable, TooManyRequests):
        # The whole batch comes again; what was kept of it counts once.
        raise
    except BanditError as error:
        _refuse(answer, message.kind, error, index)
    else:
        _count(answer, message.kind, taken)


def _count(answer: SegmentAnswer, kind: Kind, taken: Taken) -> None:
    setattr(answer, taken.status, getattr(answer, taken.status) + 1)
    answer.links_refused += taken.link_refused
    count_taken(kind, taken.status, link_refused=taken.link_refused)


def _refuse(answer: SegmentAnswer, kind: str, error: BanditError, index: int) -> None:
    """Note a refused message; one bad message of a batch does not fail the others."""
    answer.refused += 1
    room = MOST_ERRORS - len(answer.errors)
    answer.errors += problem_of(error, f"/batch/{index}").errors[:room]
    count_message(kind, "refused")


def _all_refused(answer: SegmentAnswer) -> InvalidInput:
    fields = [FieldError(one["pointer"], one["detail"]) for one in answer.errors]
    return InvalidInput(
        f"none of the {answer.refused} messages is valid; the first: "
        f"{fields[0].detail}",
        *fields,
    )


def _read(
    request_context: RequestContext, mappings: Mappings, limit: int
) -> tuple[bytes, Sender]:
    """Return the body of a request and who sends it.

    The body is read first only where no header has a write key.

    Raises:
        Unauthenticated: there is no valid write key.
        TooLarge: the body has more bytes, as it is or decompressed.
    """
    sent = request.authorization
    if sent is not None and sent.type == "basic":
        write_key = None if sent.password else sent.username
        sender = sender_of_write_key(request_context, mappings, write_key)
        return parsing.read_body(request, limit), sender
    body = parsing.read_body(request, limit)
    return body, sender_of_write_key(request_context, mappings, write_key_in(body))

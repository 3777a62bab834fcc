"""Routes of the sources of webhooks, for those who may add them.

Owns their HTTP shape; the rules are in services.managing. A secret is in the answer to
its making, and in no other.
"""

from typing import Any, Final

import msgspec
from flask import Blueprint, Flask, Response, request

from bandit_svc.domain.times import timestamp, timestamp_or_none
from bandit_svc.errors import InvalidInput
from bandit_svc.http import parsing
from bandit_svc.http.answers import json_reply
from bandit_svc.http.request_context import RequestContext
from bandit_svc.services.managing.webhook_mappings import checked_mapping
from bandit_svc.services.managing.webhook_sources import (
    ENTROPY_BYTES,
    SourceOptions,
    add_source,
    rotate_secret,
)
from bandit_svc.storage.doors.sources import SourceKind, SourceRow

_DAY_S: Final = 86_400
_MOST_KEPT_S: Final = 365 * _DAY_S


class SourceBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /v1/webhooks.

    Attributes:
        name: the last part of the address of deliveries, /v1/webhooks/{source}.
        mapping: what becomes of the source's events; see docs/webhooks.md.
        secret: that the sender has made; without it one is made.
        browser: the write key is public, and may report no rewards.
        test_mode: events of the sender's test mode count.
    """

    name: str
    kind: SourceKind
    mapping: dict[str, Any] | None = None
    secret: str | None = None
    browser: bool = False
    test_mode: bool = False


class SecretBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /v1/webhooks/{source}/secrets.

    Attributes:
        keep_seconds: for how long the former secrets stay good, at most a year.
        secret: that the sender has made; without it one is made.
    """

    keep_seconds: int = _DAY_S
    secret: str | None = None


class SecretRecord(msgspec.Struct):
    """A secret of a source, which is not shown."""

    id: str
    created_at: str
    expires_at: str | None


class SourceRecord(msgspec.Struct):
    """A source of webhooks."""

    name: str
    kind: SourceKind
    created_at: str
    secrets: list[SecretRecord]
    mapping: dict[str, Any] | None
    browser: bool
    test_mode: bool


class IssuedSource(SourceRecord):
    """A source with its new secret, which is shown once."""

    secret: str


class SourceList(msgspec.Struct):
    """The sources by name."""

    webhooks: list[SourceRecord]


_source = msgspec.json.Decoder(SourceBody).decode
_secret = msgspec.json.Decoder(SecretBody).decode


def register(app: Flask, request_context: RequestContext) -> None:
    """Add the routes to the application of one worker."""
    routes = Blueprint("webhook_sources", __name__)
    storage = request_context.worker.storage
    sources = storage.sources

    @routes.get("/v1/webhooks")
    def list_all() -> Response:
        found = [source_record(row) for row in sources.all()]
        return json_reply(SourceList(found)).to_flask()

    @routes.post("/v1/webhooks")
    def add() -> Response:
        body = parsing.decoded(_source, parsing.read_body(request))
        mapping = body.mapping
        if mapping is not None:
            mapping = checked_mapping(mapping, storage.experiments.all())
        issued = add_source(
            sources,
            body.name,
            body.kind,
            request_context.entropy(ENTROPY_BYTES),
            request_context.now_ms(),
            SourceOptions(mapping, body.secret, body.browser, body.test_mode),
        )
        location = {"Location": f"/v1/webhooks/{issued.row.name}"}
        told = _issued(issued.row, issued.text)
        return json_reply(told, 201, location).to_flask()

    @routes.post("/v1/webhooks/<source>/secrets")
    def rotate(source: str) -> Response:
        body = parsing.decoded(_secret, parsing.read_body(request))
        issued = rotate_secret(
            sources,
            source,
            request_context.entropy(ENTROPY_BYTES),
            request_context.now_ms(),
            _kept_ms(body.keep_seconds),
            body.secret,
        )
        return json_reply(_issued(issued.row, issued.text), 201).to_flask()

    @routes.delete("/v1/webhooks/<source>")
    def remove(source: str) -> Response:
        row = sources.get(source)
        sources.remove(source)
        return json_reply(source_record(row)).to_flask()

    app.register_blueprint(routes)


def source_record(row: SourceRow) -> SourceRecord:
    """Return a source as its owner gets it, without its secrets."""
    return SourceRecord(
        name=row.name,
        kind=row.kind,
        created_at=timestamp(row.created_at_ms),
        secrets=[
            SecretRecord(
                one.id,
                timestamp(one.created_at_ms),
                timestamp_or_none(one.expires_at_ms),
            )
            for one in row.secrets
        ],
        mapping=row.mapping,
        browser=row.browser,
        test_mode=row.test_mode,
    )


def _issued(row: SourceRow, secret: str) -> IssuedSource:
    known = source_record(row)
    fields = {name: getattr(known, name) for name in known.__struct_fields__}
    return IssuedSource(**fields, secret=secret)


def _kept_ms(keep_s: int) -> int:
    if not 0 <= keep_s <= _MOST_KEPT_S:
        raise InvalidInput.at(
            "/keep_seconds",
            f"keep_seconds is {keep_s}; it must be between 0 and {_MOST_KEPT_S:,} (a "
            "year)",
        )
    return keep_s * 1_000

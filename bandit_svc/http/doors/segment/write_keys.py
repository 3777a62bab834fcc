"""Who sends messages of Segment's protocol.

Owns the check of a write key. A key never reaches a log line or a message.
"""

from flask import g

from bandit_svc import metrics
from bandit_svc.errors import Unauthenticated
from bandit_svc.http.doors.segment.taking import Sender
from bandit_svc.http.doors.webhooks.recording import Mappings
from bandit_svc.http.incoming.caller import Caller, caller_of_request
from bandit_svc.http.request_context import RequestContext
from bandit_svc.metric_counts import count
from bandit_svc.storage.doors.sources import SecretRow, SourceRow
from bandit_svc.storage.keys import KeyRow


def sender_of_write_key(
    request_context: RequestContext, mappings: Mappings, write_key: str | None
) -> Sender:
    """Return the sender that a write key belongs to, with what it may do.

    The key of a browser's source is public: it may do what a publishable key may.

    Raises:
        Unauthenticated: there is none, or it is of no source.
        TooManyRequests: a setting allows it fewer.
    """
    found = None
    if write_key:
        sources = request_context.worker.catalog.sources()
        found = sources.with_write_key(write_key, request_context.now_ms())
    if found is None:
        count(metrics.REFUSED_KEYS.labels("unknown" if write_key else "missing"))
        raise Unauthenticated(
            "this route needs the write key of a source: send it as the user name of "
            "`Authorization: Basic`, without a password, as the SDKs do, or as "
            "`writeKey` in the body; `bandit-svc webhook add NAME --kind segment` "
            "makes one"
        )
    source, secret = found
    if request_context.limits.is_on:
        request_context.limits.take_for_key(secret.id)
    caller = caller_of_secret(source, secret)
    return Sender(caller, source, mappings.of(source))


def caller_of_secret(source: SourceRow, secret: SecretRow) -> Caller:
    """Return who sends with a secret of a source; the access log names its id."""
    g.key = KeyRow(
        id=secret.id,
        scope="publishable" if source.browser else "secret",
        sha256="",
        created_at_ms=secret.created_at_ms,
    )
    return caller_of_request()

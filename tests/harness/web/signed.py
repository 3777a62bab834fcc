"""Sources of webhooks as their own packages sign, each attempt at the time it is made.

Owns the headers of a delivery. The packages are those that senders use.
"""

import os
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
from standardwebhooks.webhooks import Webhook
from stripe import WebhookSignature

from bandit_svc.services.managing.webhook_mappings import checked_mapping
from bandit_svc.services.managing.webhook_sources import (
    ENTROPY_BYTES,
    SourceOptions,
    add_source,
    rotate_secret,
)
from bandit_svc.storage.doors.sources import SourceKind
from tests.harness.worker_in_process import Answer, WorkerInProcess

Body = dict[str, object] | list[dict[str, object]]


class Signed(NamedTuple):
    """A delivery: its body and the headers in which it is signed."""

    body: bytes
    headers: dict[str, str]


class Source:
    """A source of one service; it signs with the newest secret that it was given."""

    def __init__(
        self,
        service: WorkerInProcess,
        kind: SourceKind,
        mapping: dict[str, object] | None = None,
        *,
        name: str = "orders",
        test_mode: bool = False,
    ) -> None:
        storage = service.worker.storage
        if mapping is not None:
            mapping = checked_mapping(mapping, storage.experiments.all())
        options = SourceOptions(mapping=mapping, test_mode=test_mode)
        entropy = os.urandom(ENTROPY_BYTES)
        self.service, self.kind, self.name = service, kind, name
        self.secret = add_source(
            storage.sources, name, kind, entropy, service.now_ms, options
        ).text

    def rotate(self, keep_ms: int) -> str:
        """Make another secret; return it."""
        return rotate_secret(
            self.service.worker.storage.sources,
            self.name,
            os.urandom(ENTROPY_BYTES),
            self.service.now_ms,
            keep_ms,
        ).text

    def send(
        self, body: Body | bytes, message_id: str = "msg-1", **headers: str
    ) -> Answer:
        """Sign a body and deliver it, as of now."""
        signed = self.sign(body, message_id)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.deliver(Signed(signed.body, signed.headers | named))

    def sign(self, body: Body | bytes, message_id: str = "msg-1") -> Signed:
        """Return a delivery of a body, as of now."""
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        now_ms = self.service.now_ms
        signed = headers_of(self.kind, self.secret, raw.decode(), message_id, now_ms)
        return Signed(raw, signed)

    def deliver(self, signed: Signed) -> Answer:
        """Deliver what was signed, now or before."""
        return self.service.call(
            "POST",
            f"/v1/webhooks/{self.name}",
            signed.body,
            {"Authorization": "", "Content-Type": "application/json"}
            | {name.title(): value for name, value in signed.headers.items()},
        )


def headers_of(
    kind: SourceKind, secret: str, body: str, message_id: str, now_ms: int
) -> dict[str, str]:
    """Return the headers in which a kind of source signs a body."""
    if kind == "stripe":
        header = WebhookSignature.generate_signature_header(
            body, secret, now_ms // 1_000
        )
        return {"Stripe-Signature": header}
    at = datetime.fromtimestamp(now_ms // 1_000, UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(now_ms // 1_000),
        "webhook-signature": Webhook(secret).sign(message_id, at, body),
    }

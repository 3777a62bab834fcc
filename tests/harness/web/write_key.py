"""The header in which SDKs of event pipelines send their write key."""

import base64
import os

from bandit_svc.services.managing.webhook_sources import (
    ENTROPY_BYTES,
    SourceOptions,
    add_source,
)
from tests.harness.worker_in_process import WorkerInProcess


def new_write_key(
    service: WorkerInProcess,
    name: str = "shop",
    *,
    browser: bool = False,
    mapping: dict[str, object] | None = None,
) -> str:
    """Add a source of messages of Segment's protocol; return its write key."""
    sources, entropy = service.worker.storage.sources, os.urandom(ENTROPY_BYTES)
    options = SourceOptions(mapping=mapping, browser=browser)
    issued = add_source(sources, name, "segment", entropy, service.now_ms, options)
    return issued.text


def basic(write_key: str, password: str = "") -> dict[str, str]:
    """Return the header of a write key: the name of a user without a password."""
    sent = base64.b64encode(f"{write_key}:{password}".encode()).decode()
    return {"Authorization": f"Basic {sent}"}

"""Decisions on their way to the service's log.

Owns the bounded buffer, the batches, and what becomes of each record. `add` is called
by any thread, `flush` by one at a time.
"""

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from ..guarding.minute_log import MinuteLog
from .made import Past
from .model import Choice, LocalModel
from .record import record_of
from .service import Reply, Service

MOST_IN_BATCH: Final = 1_000
MOST_BATCH_BYTES: Final = 4_000_000
RETRY_FOR_S: Final = 3_600.0
_TAKEN, _UNAVAILABLE = 202, 503


class Waiting(NamedTuple):
    """One decision that the log does not have yet."""

    model: LocalModel
    decision_id: str
    unit_id: str | None
    choice: Choice
    context: bytes
    client: str
    sequence: int
    ended: tuple[Past, ...]
    made_at_s: float


class Outbox:
    """The buffer of one process.

    Attributes:
        counts: `logged`, `refused`, `dropped`, of records.
    """

    def __init__(self, most: int, warnings: MinuteLog) -> None:
        self._most = most
        self._warnings = warnings
        self._waiting: deque[Waiting] = deque()
        self._sending: list[Waiting] = []
        self._not_before_s = 0.0
        self._wait_s = 1.0
        self.counts: Counter[str] = Counter()
        self.lock = threading.Lock()
        """Of `flush`."""

    def __len__(self) -> int:
        return len(self._waiting) + len(self._sending)

    def add(self, one: Waiting) -> None:
        """Keep a decision until it is sent; one beyond the bound is dropped."""
        if len(self._waiting) >= self._most:
            self.counts["dropped"] += 1
            return
        self._waiting.append(one)

    def flush(self, service: Service, *, at_once: bool = False) -> bool:
        """Send what waits; return whether nothing is left.

        Args:
            at_once: also where the service asked to wait.
        """
        with self.lock:
            while self._sending or self._waiting:
                if time.monotonic() < self._not_before_s and not at_once:
                    return False
                if not self._send_batch(service):
                    return False
            return True

    def _send_batch(self, service: Service) -> bool:
        """Send one batch; return whether the service took it."""
        body = self._next_body()
        batch = self._sending
        reply = service.post("/v1/decisions/log", body)
        if reply.status != _TAKEN:
            self._postpone(reply)
            return False
        self._wait_s = 1.0
        again: list[Waiting] = []
        for one, answer in zip(batch, json.loads(reply.body)["decisions"], strict=True):
            self._answered(one, answer, again)
        self._sending = again
        if again:
            self._postpone(reply)
        return not again

    def _next_body(self) -> bytes:
        """Return the batch that is being sent, filled up from the buffer."""
        records: list[bytes] = [encoded(one) for one in self._sending]
        size = sum(map(len, records))
        while (
            self._waiting and len(records) < MOST_IN_BATCH and size < MOST_BATCH_BYTES
        ):
            one = self._waiting.popleft()
            self._sending.append(one)
            records.append(encoded(one))
            size += len(records[-1])
        return b'{"decisions":[' + b",".join(records) + b"]}"

    def _answered(
        self, one: Waiting, answer: Mapping[str, Any], again: list[Waiting]
    ) -> None:
        status = answer.get("status")
        if status in ("accepted", "duplicate"):
            self.counts["logged"] += 1
            for past in one.ended:
                Path(past.file).unlink(missing_ok=True)
        elif status == _UNAVAILABLE:
            again.append(one)
        else:
            self.counts["refused"] += 1
            reason = str(answer.get("detail"))
            self._warnings.note(
                reason, lambda count: f"{count} local decisions were refused: {reason}"
            )

    def _postpone(self, reply: Reply) -> None:
        """Wait before the next batch; drop what has waited for an hour."""
        wait_s = self._wait_s if reply.retry_after_s is None else reply.retry_after_s
        self._not_before_s = time.monotonic() + wait_s
        self._wait_s = min(2 * self._wait_s, 60.0)
        since_s = time.monotonic() - RETRY_FOR_S
        kept = [one for one in self._sending if one.made_at_s >= since_s]
        self.counts["dropped"] += len(self._sending) - len(kept)
        self._sending = kept
        reason = reply.reason
        self._warnings.note(
            "not logged",
            lambda count: f"{count} batches of local decisions wait: {reason}",
        )


def encoded(one: Waiting) -> bytes:
    """Return the record of a decision as JSON."""
    record = record_of(one.model, one.decision_id, one.unit_id, one.choice)
    record["context"] = msgspec.Raw(one.context)
    record["client"], record["sequence"] = one.client, one.sequence
    if one.ended:
        record["ended"] = [[past.client, past.made] for past in one.ended]
    return msgspec.json.encode(record)

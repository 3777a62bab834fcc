"""Decisions that a test makes in its own process, by a download of a worker.

Owns the way from a download to the record that a client sends.
"""

import os
from typing import Any

from bandit_svc.client.local.model import LocalModel
from bandit_svc.client.local.record import record_of
from tests.harness.worker_in_process import WorkerInProcess

CLIENT = "00000000000000ab"


def downloaded(
    service: WorkerInProcess, experiment: str, version: str = "latest"
) -> LocalModel:
    """Return a published model, as a client gets it."""
    answer = service.get(f"/v1/experiments/{experiment}/models/{version}/download")
    assert answer.status_code == 200, answer.text
    return LocalModel(answer.data)


def local_record(
    service: WorkerInProcess,
    experiment: str,
    *,
    unit_id: str | None = None,
    context: dict[str, Any] | None = None,
    sequence: int = 1,
    model: LocalModel | None = None,
) -> dict[str, Any]:
    """Return the record of one decision, made now."""
    model = model or downloaded(service, experiment)
    decision_id = model.new_id(service.now_ms, os.urandom(5))
    choice = model.choose(decision_id, unit_id, context or {}, service.now_ms)
    found = record_of(model, decision_id, unit_id, choice)
    more = {"context": context or {}, "client": CLIENT, "sequence": sequence}
    return found | more

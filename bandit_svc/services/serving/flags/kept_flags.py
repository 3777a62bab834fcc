"""How long an evaluation of all flags stays the same.

Owns the ids of its requests, by which every worker gives the first answer again, and
the tag by which a caller knows that nothing has changed. Both are made of the model,
the revision, the unit and the context, never of a decision's own id.
"""

import hashlib
import json
from collections.abc import Iterable

from bandit_svc.domain.plain_values import Context
from bandit_svc.services.serving.ports import ServingPorts
from bandit_svc.services.serving.served_experiment import ServedExperiment

_DIGEST_BYTES = 16


def request_id_of(
    ports: ServingPorts,
    served: ServedExperiment,
    asker: bytes,
    now_ms: int,
    keep_ms: int,
) -> str | None:
    """Return the request_id of a deferred decision that is kept for `keep_ms`.

    Time is cut into periods of that length. A decision of the period before is given
    again as long as it is young enough, so that none is dropped early at their border.

    Args:
        ports: of the worker.
        served: the experiment.
        asker: what `asker_of` returned.
        now_ms: the time.
        keep_ms: 0 for a new decision each time.
    """
    if keep_ms == 0:
        return None
    period = now_ms // keep_ms
    before = _request_id(served, asker, keep_ms, period - 1)
    number = served.experiment.number
    decision_id = ports.ids.issue_for_request(number, before, deferred=True)
    with ports.recent.lock:
        first = ports.recent.find(decision_id)
    if first is not None and now_ms - first.decided_at_ms < keep_ms:
        return before
    return _request_id(served, asker, keep_ms, period)


def asker_of(unit_id: str, context: Context) -> bytes:
    """Return what stands for a unit and a context.

    Args:
        unit_id: the name under which the unit is kept.
        context: of the request.
    """
    text = json.dumps([unit_id, context], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest()


def entity_tag(
    experiments: Iterable[ServedExperiment], asker: bytes, now_ms: int
) -> str:
    """Return the tag of an evaluation of all flags.

    It changes before a decision that was kept under it can no longer be activated.
    """
    hashing = hashlib.blake2b(asker, digest_size=_DIGEST_BYTES)
    for served in experiments:
        definition = served.experiment.definition
        of = f"{served.experiment.number} {served.experiment.revision}"
        if definition.status == "running":
            within_ms = definition.expose_within_ms
            # Each asker's periods begin at another time, so that they do not all ask
            # anew at once.
            shifted_ms = now_ms + int.from_bytes(asker[:6], "big") % within_ms
            of += f" {served.policy.version} {shifted_ms // within_ms}"
        hashing.update(f"{of};".encode())
    return hashing.hexdigest()


def _request_id(
    served: ServedExperiment, asker: bytes, keep_ms: int, period: int
) -> str:
    of = f"{served.experiment.revision} {served.policy.version} {keep_ms} {period}"
    hashing = hashlib.blake2b(asker, digest_size=_DIGEST_BYTES)
    hashing.update(of.encode())
    return f"ofrep-{hashing.hexdigest()}"

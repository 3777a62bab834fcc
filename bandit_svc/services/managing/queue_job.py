"""Put work to the queue that would keep a request waiting.

Owns what an evaluation as a job is: its check, its request, its limits. The learner's
child does it (learner.jobs); another kind of job gets another function here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.limits import MAX_JOBS_QUEUED, MAX_POLICIES_ASKED
from bandit_svc.errors import InvalidInput
from bandit_svc.services.evaluation.labels import asked_specs
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.jobs import JobRow

EVALUATION = "evaluation"
ID_BYTES = 9


def queue_evaluation(
    storage: Storage,
    experiment: Experiment,
    asked: Sequence[str | Mapping[str, Any]],
    entropy: bytes,
    now_ms: int,
) -> JobRow:
    """Check which policies are asked about, and queue their evaluation.

    Args:
        asked: as for candidate_specs.asked_specs; nothing asks about all candidates.
        entropy: ID_BYTES random bytes.

    Raises:
        InvalidInput: a policy is unknown or refused; `/policies/2/ridge` names it.
        Conflict: too many of this experiment are queued already.
    """
    if len(asked) > MAX_POLICIES_ASKED:
        raise InvalidInput.at(
            "/policies",
            f"there are {len(asked)} policies; at most {MAX_POLICIES_ASKED} are "
            "evaluated at once. Ask about the others in another evaluation",
        )
    models = storage.snapshots.metas(experiment.number)
    specs = asked_specs(experiment.definition, asked, models, "/policies/{}")
    row = JobRow(
        id=entropy.hex(),
        number=experiment.number,
        kind=EVALUATION,
        # As they are now: a candidate that is dropped meanwhile is evaluated still.
        request={"policies": [{"label": k, "spec": v} for k, v in specs.items()]},
        created_at_ms=now_ms,
    )
    storage.jobs.add(row, MAX_JOBS_QUEUED)
    return row


def labels(row: JobRow) -> list[str]:
    """Give the policies that an evaluation is about, as they are called in it."""
    return [one["label"] for one in row.request["policies"]]

"""Queue work that would keep a request waiting, and do it.

Owns the life of a job from its claim to its end, whatever its kind: progress, result,
failure, being stopped. What a kind does is passed in.
"""

import logging
from collections.abc import Callable, Mapping, Sequence

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.limits import MAX_JOBS_QUEUED, MAX_POLICIES_ASKED
from bandit_svc.domain.plain_values import Payload, Spec
from bandit_svc.domain.times import has_passed
from bandit_svc.errors import (
    BanditError,
    InvalidInput,
    NotFound,
    Unavailable,
    places_of,
)
from bandit_svc.services.evaluation.labels import asked_specs
from bandit_svc.services.evaluation.trajectories import is_kept, kept_request
from bandit_svc.services.values import ONE_STEP, SLATE, TRAJECTORY, Estimand
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.jobs import EVALUATION, JobRow
from policies.base import PolicyError

ID_BYTES = 9
GROWTH = 1.25


def queue_evaluation(
    storage: Storage,
    experiment: Experiment,
    asked: Sequence[str | Spec],
    entropy: bytes,
    now_ms: int,
    estimand: Estimand = ONE_STEP,
) -> JobRow:
    """Check which policies are asked about, and queue their evaluation.

    Args:
        asked: as for labels.asked_specs; nothing asks about all candidates.
        entropy: ID_BYTES random bytes.
        estimand: what the estimates are to be of.

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
    models = storage.model_versions.metas(experiment.number)
    specs = asked_specs(experiment.definition, asked, models, "/policies/{}")
    row = JobRow(
        id=entropy.hex(),
        number=experiment.number,
        kind=EVALUATION,
        # As they are now: a candidate that is dropped meanwhile is evaluated still.
        request={
            "policies": [{"label": k, "spec": v} for k, v in specs.items()],
            "estimand": estimand,
        },
        created_at_ms=now_ms,
    )
    storage.jobs.add(row, MAX_JOBS_QUEUED)
    return row


def queue_trajectories(
    storage: Storage, experiment: Experiment, entropy: bytes, now_ms: int
) -> JobRow | None:
    """Queue an evaluation of all candidates along histories, for the report.

    Returns:
        None if one waits, or if the log has not grown to GROWTH times that of the last
        one: so the work stays in proportion to the log. Rewards that were corrected
        since are another log.
    """
    joined = storage.joins.last_position(experiment.number)
    corrected_ms = storage.corrections.state(experiment.number).learned_at_ms or 0
    for row in storage.jobs.all(experiment.number, EVALUATION):
        if is_kept(row.request):
            waits = row.status in {"queued", "running"}
            same = row.created_at_ms >= corrected_ms
            if waits or (same and joined < GROWTH * row.request["joined"]):
                return None
            break
    specs = asked_specs(experiment.definition, ())
    request = kept_request(specs, joined)
    row = JobRow(entropy.hex(), experiment.number, EVALUATION, request, now_ms)
    storage.jobs.add(row, MAX_JOBS_QUEUED)
    return row


def labels(row: JobRow) -> list[str]:
    """Return the labels of the policies of an evaluation."""
    return [one["label"] for one in row.request["policies"]]


def estimand_of(request: Payload) -> Estimand:
    """Return what an evaluation's estimates are of; earlier versions kept none."""
    known: dict[object, Estimand] = {TRAJECTORY: TRAJECTORY, SLATE: SLATE}
    return known.get(request.get("estimand"), ONE_STEP)


MAX_ATTEMPTS = 3
KEEP_FINISHED = 100
PROGRESS_EVERY_MS = 1_000
DIED = (
    f"the process that did it died {MAX_ATTEMPTS} times; the service's log says of "
    "what, and asking for less at once may help"
)

OnProgress = Callable[[int, int], None]
JobKind = Callable[[Storage, Experiment, Payload, OnProgress], Payload]
"""Does a request; tells its progress as (done, total) and gives the result as JSON."""

_log = logging.getLogger(__name__)


class Stopped(BaseException):
    """The process was told to stop; no error, so that nothing on the way catches it."""


def recover_jobs(storage: Storage, now_ms: int) -> None:
    """Queue again what dead processes have left; see Jobs.recover."""
    storage.jobs.recover(MAX_ATTEMPTS, DIED, now_ms)


def run_job(
    storage: Storage,
    kinds: Mapping[str, JobKind],
    now_ms: Callable[[], int],
    check: Callable[[], None] = lambda: None,
) -> bool:
    """Do the oldest queued job; say whether there was one.

    Args:
        kinds: what does each kind of job.
        now_ms: the clock.
        check: raises Stopped where it is time to end; called at every progress.

    Raises:
        Stopped: told so on the way; the job is queued as if it had not been begun.
        Unavailable: the store can't be used; the job is queued again when it can.
    """
    row = storage.jobs.claim(now_ms())
    if row is None:
        return False
    with storage.jobs.holding(row.id):
        _run(storage, kinds, row, _Progress(storage, row.id, now_ms, check))
    return True


def _run(
    storage: Storage,
    kinds: Mapping[str, JobKind],
    row: JobRow,
    progress: "_Progress",
) -> None:
    """Do a claimed job, and keep what came of it."""
    now_ms = progress.now_ms
    try:
        result = _done(storage, kinds, row, progress)
    except Stopped:
        storage.jobs.release(row.id)
        raise
    except Unavailable:
        raise
    except (BanditError, PolicyError) as error:
        _fail(storage, row, error.message, now_ms)
    except Exception as error:  # noqa: BLE001 - logged, and the next one is done
        # As at the edge: the message may hold a context value, so it stays out.
        name = type(error).__name__
        _log.error("job %s failed: %s at %s", row.id, name, places_of(error))
        sentence = f"a fault of the service ({name}); its log has the place"
        _fail(storage, row, sentence, now_ms)
    else:
        storage.jobs.complete(row.id, result, now_ms(), KEEP_FINISHED)
        _log.info("job %s (%s) is done", row.id, row.kind)


def _done(
    storage: Storage,
    kinds: Mapping[str, JobKind],
    row: JobRow,
    progress: "_Progress",
) -> Payload:
    experiments = (e for e in storage.experiments.all() if e.number == row.number)
    experiment = next(experiments, None)
    kind = kinds.get(row.kind)
    if experiment is None or kind is None:
        raise NotFound(f"this version of the service knows no job {row.kind!r}")
    try:
        return kind(storage, experiment, row.request, progress.told)
    except Exception:
        # SQLite turns a Stopped that a signal raised in one of our SQL functions into
        # an error of its own.
        progress.check()
        raise


def _fail(
    storage: Storage, row: JobRow, reason: str, now_ms: Callable[[], int]
) -> None:
    storage.jobs.fail(row.id, reason, now_ms(), KEEP_FINISHED)
    _log.warning("job %s (%s) failed: %s", row.id, row.kind, reason)


class _Progress:
    """Writes down how far a job is, about once a second."""

    def __init__(
        self,
        storage: Storage,
        job_id: str,
        now_ms: Callable[[], int],
        check: Callable[[], None],
    ) -> None:
        self._storage = storage
        self._job_id = job_id
        self.now_ms = now_ms
        self.check = check
        self._written_at_ms: int | None = None

    def told(self, done: int, total: int) -> None:
        self.check()
        now_ms = self.now_ms()
        if has_passed(PROGRESS_EVERY_MS, self._written_at_ms, now_ms):
            self._storage.jobs.progress(self._job_id, done, total)
            self._written_at_ms = now_ms

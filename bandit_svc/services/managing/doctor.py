"""Look for faults in a data folder.

Owns what counts as a fault and its sentence. Changes nothing. What only the
machine can tell (room on the disk, permissions) is passed in, as sentences.
"""

import hashlib
from collections.abc import Iterator, Sequence

from bandit_svc.domain.events.cursor import START, Cursor
from bandit_svc.domain.events.decision_id import DecisionIds
from bandit_svc.domain.experiment import Experiment
from bandit_svc.errors import BanditError, LogUnreadable
from bandit_svc.eventlog.interface import EventLogReader
from bandit_svc.services.checks.degraded import UNLEARNED_MS, silence
from bandit_svc.services.checks.nodes import node_faults
from bandit_svc.services.learning.adjusted_uplift import adjusted
from bandit_svc.services.managing.log_damage import log_damage
from bandit_svc.services.serving.served_experiment import load_policy
from bandit_svc.storage.interface import Storage
from policies.base import PolicyError

CLOCK_MARGIN_MS = 60_000


def examine(
    storage: Storage,
    reader: EventLogReader,
    now_ms: int,
    around: Sequence[str] = (),
) -> list[str]:
    """Return one sentence for each fault of the store, log, models and clock.

    Args:
        around: the faults of the machine and the disk, which come first.
    """
    faults = [*around]
    found = _guarded("the store", _usable(storage))
    if found:
        # Without a store of this version there is nothing else to look at.
        return [*faults, *found]
    faults += _guarded("the store", _facts(storage))
    if not reader.is_stream:
        faults += _guarded("the standbys", iter(storage.standbys.faults()))
    faults += _guarded("the clock", _doubted(storage))
    faults += _guarded("the event log", _cursors(storage, reader))
    faults += _guarded("the event log", log_damage(storage, reader))
    faults += _guarded("the nodes", node_faults(storage.facts.marks(), now_ms))
    faults += _guarded("the experiments", _experiments(storage, now_ms))
    return faults


def _guarded(subject: str, faults: Iterator[str]) -> list[str]:
    """Run one check; what it stumbles over is a fault too."""
    found: list[str] = []
    try:
        found.extend(faults)
    except BanditError as error:
        found.append(error.message_on("command"))
    except Exception as error:  # noqa: BLE001 - damage shows as any exception
        found.append(f"{subject} can't be read: {type(error).__name__}: {error}")
    return found


def _usable(storage: Storage) -> Iterator[str]:
    DecisionIds(storage.secret())
    storage.check_schema()
    yield from ()


def _facts(storage: Storage) -> Iterator[str]:
    yield from storage.facts.check()


def _doubted(storage: Storage) -> Iterator[str]:
    kept = storage.clock.kept()
    if kept is not None and kept.doubt is not None:
        yield f"when the learner looked last, {kept.doubt.sentence}"


def _cursors(storage: Storage, reader: EventLogReader) -> Iterator[str]:
    """Compare what the store has read with what the log holds.

    The cursors are read first, so that a running learner can't overtake us.
    """
    for partition, cursor in storage.facts.cursors().items():
        try:
            end = reader.end(partition)
        except LogUnreadable:
            # log_damage names it.
            continue
        # The learner deletes what it has read; then the partition ends at START.
        # The sequence number is no place: without a live counter it is not known.
        if end > START and end[:2] < cursor[:2]:
            yield (
                f"partition {partition} of the event log ends at {_place(end)}, before "
                f"what was read from it, {_place(cursor)}: it was cut short, or the "
                "folder was put together from two copies"
            )


def _experiments(storage: Storage, now_ms: int) -> Iterator[str]:
    for experiment in storage.experiments.all():
        name = f"experiment {experiment.key!r}"
        yield from _guarded(f"the model of {name}", _model(storage, experiment))
        yield from _guarded(
            f"the candidates of {name}", _candidates(storage, experiment, now_ms)
        )
        yield from _guarded(
            f"the newest decision of {name}", _clock(storage, experiment, now_ms)
        )
        yield from _guarded(
            f"the adjusted uplift of {name}", _adjusted(storage, experiment)
        )


def _model(storage: Storage, experiment: Experiment) -> Iterator[str]:
    published = storage.model_versions.latest(experiment.number)
    if published is None:
        return
    meta = published.meta
    name = f"model version {meta.version} of experiment {experiment.key!r}"
    way_out = (
        "an older one can be restored with POST /v1/experiments/"
        f"{experiment.key}/models/VERSION/restore"
    )
    digest = hashlib.sha256(published.state).hexdigest()
    if digest != meta.sha256:
        yield (
            f"{name} is damaged: its SHA-256 begins with {digest[:12]}, and "
            f"{meta.sha256[:12]} was published; {way_out}"
        )
        return
    try:
        load_policy(experiment.definition, published)
    except PolicyError as error:
        yield f"{name} can't be loaded: {error.message}; {way_out}"
    last = storage.joins.last_position(experiment.number)
    if meta.cursor > last:
        yield (
            f"{name} has learned up to position {meta.cursor}, and the store holds "
            f"{last} joined decisions: the store is older than its models"
        )


def _candidates(storage: Storage, experiment: Experiment, now_ms: int) -> Iterator[str]:
    """Compare the most advanced candidate with a model that is some minutes old."""
    if silence(storage.clock.kept(), now_ms) is not None:
        # Without a learner nothing is scored.
        return
    number = experiment.number
    rows = storage.evaluations.scores(number)
    reached = max((row.cursor for row in rows), default=0)
    for meta in storage.model_versions.metas(number):
        age_ms = now_ms - meta.created_at_ms
        if meta.cursor > reached and age_ms > UNLEARNED_MS:
            yield (
                f"the candidates of experiment {experiment.key!r} are scored up to "
                f"position {reached}, and model version {meta.version}, "
                f"{age_ms // 1000} s old, has learned up to {meta.cursor}: they can't "
                "keep up, or the processes that score them fail; look at the learner's "
                "log, and see BANDIT_SCORERS and evaluate_share"
            )
            return


def _adjusted(storage: Storage, experiment: Experiment) -> Iterator[str]:
    uplift = adjusted(storage.joins, experiment)
    counted = 0 if uplift is None else uplift.n
    last = storage.joins.last_position(experiment.number)
    if counted > last:
        yield (
            f"the adjusted uplift of experiment {experiment.key!r} counts {counted} "
            f"decisions, and the store holds {last} joined ones: the store is older "
            "than its sums"
        )


def _clock(storage: Storage, experiment: Experiment, now_ms: int) -> Iterator[str]:
    """Compare the clock with the newest things that it has stamped."""
    number = experiment.number
    last = storage.joins.last_position(number)
    stamps = [
        ("revision", experiment.revised_at_ms),
        *(("model", m.created_at_ms) for m in storage.model_versions.metas(number)[:1]),
        *(
            ("joined decision", row.decision.decided_at_ms)
            for row in storage.joins.after(number, last - 1, 1)
        ),
    ]
    for what, at_ms in stamps:
        if at_ms - now_ms > CLOCK_MARGIN_MS:
            yield (
                f"the clock is {(at_ms - now_ms) / 1000:.0f} s before the newest {what}"
                f" of experiment {experiment.key!r}: set the machine's clock, or "
                "rewards are judged by a wrong time"
            )


def _place(cursor: Cursor) -> str:
    return f"segment {cursor.segment} byte {cursor.offset}"

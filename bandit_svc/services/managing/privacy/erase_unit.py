"""Take a unit out of the store, the log, the models and exports.

Owns the order of the steps. Each is done whole or begun again, so that a process that
is killed leaves an erasure that the next one ends.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import assert_never

import msgspec

from bandit_svc.domain.doors.total_names import owner_of
from bandit_svc.domain.events.decision import LoggedDecision
from bandit_svc.domain.events.event import UnreadableEvent
from bandit_svc.domain.events.record import DECISION, UNIT, Record
from bandit_svc.domain.model_version import ModelVersion
from bandit_svc.domain.people.erasing import (
    blanked_record,
    erased_fact_record,
)
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.services.managing.corrections.anew import name_of
from bandit_svc.services.managing.privacy.exports import delete_exports
from bandit_svc.services.managing.privacy.ports import Blank, PrivacyPorts
from bandit_svc.services.people.following import follow
from bandit_svc.storage.control.model_versions import ModelVersions
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.privacy import Erasure

ENTROPY_BYTES = 32


def erase_unit(
    ports: PrivacyPorts,
    now_ms: Callable[[], int],
    entropy: Callable[[int], bytes],
    on_batch: Callable[[], None] = lambda: None,
) -> Erasure | None:
    """Do the oldest erasure that waits; return it as it is now.

    The caller holds the leases of learner and jobs, has nothing of the store in
    memory, and has ingested what was acknowledged before the erasure was asked for.

    Args:
        ports: of this process.
        now_ms: the clock.
        entropy: returns so many random bytes.
        on_batch: called after each piece of work.

    Raises:
        Unprocessable: the archive can't be reached, or Conflict: another process writes
            to it. Call again.

    Returns:
        None if none waits. At the step `forgotten`, readers still hold old bytes of
        the store's files: call again.
    """
    erasure = ports.storage.privacy.waiting()
    before = None
    while erasure is not None and erasure is not before:
        before = erasure
        erasure = _next(ports, erasure, now_ms, entropy, on_batch)
    return erasure


def _next(
    ports: PrivacyPorts,
    erasure: Erasure,
    now_ms: Callable[[], int],
    entropy: Callable[[int], bytes],
    on_batch: Callable[[], None],
) -> Erasure:
    """Return an erasure after its next step; itself where that can't be done now."""
    match erasure.step:
        case "asked":
            return _blanked(ports.storage, erasure, entropy(ENTROPY_BYTES), on_batch)
        case "blanked":
            return _forgotten(ports, erasure, now_ms, on_batch)
        case "forgotten":
            return _scrubbed(ports.storage, erasure, now_ms, on_batch)
        case "done":
            return erasure
        case _:
            assert_never(erasure.step)


def _blanked(
    storage: Storage, erasure: Erasure, entropy: bytes, on_batch: Callable[[], None]
) -> Erasure:
    """Blank the tables of the store."""
    follow(storage.unit_facts, storage.units)
    state = storage.units.state(erasure.unit_id)
    ids = (erasure.unit_id,) if state is None else state.ids
    after = storage.privacy.blank(erasure, ids, entropy, on_batch)
    on_batch()
    return after


def _scrubbed(
    storage: Storage,
    erasure: Erasure,
    now_ms: Callable[[], int],
    on_batch: Callable[[], None],
) -> Erasure:
    """Write the files of the store anew."""
    files = storage.privacy, storage.units, storage.reservations
    if not all(file.scrub(on_batch) for file in files):
        return erasure
    done = msgspec.structs.replace(erasure, step="done", finished_at_ms=now_ms())
    storage.privacy.keep(done)
    return done


def _forgotten(
    ports: PrivacyPorts,
    erasure: Erasure,
    now_ms: Callable[[], int],
    on_batch: Callable[[], None],
) -> Erasure:
    """Take the ids out of everything that the store's tables don't hold."""
    storage = ports.storage
    # Known before a file is written again, in which nothing is found then.
    erasure = storage.privacy.keep_below(erasure)
    on_batch()
    counts = dict(erasure.counts)
    # First, since the archive may be out of reach; then all of this is begun again.
    if written := ports.follow_archive(erasure, on_batch):
        counts["archived_files"] = written
    counts["unit_states"] = storage.units.forget(erasure.ids)
    counts["cap_places"] = storage.reservations.forget(erasure.ids)
    counts["models"] = 0
    for number in erasure.numbers:
        # What was made anew of corrected rewards has the values too.
        storage.forget_beside(name_of(number))
        for versions in (storage.model_versions, storage.branch_versions):
            counts["models"] += learn_again(
                storage, versions, number, now_ms(), on_batch
            )
        ports.sum_up(number, _never(on_batch))
    needles = [id_.encode("utf-8", "surrogatepass") for id_ in erasure.ids]
    needles += [_json_text(id_) for id_ in erasure.ids if not id_.isascii()]
    counts["log_records"] = ports.erase_from_log(
        storage.facts.cursors(), needles, _blank(ports, erasure)
    )
    on_batch()
    # An export may have the unit's decisions without its id.
    mine = storage.privacy.kept_of([*erasure.tokens.values()]).decision_ids
    for id_ in (*erasure.ids, *mine):
        storage.corrected.forget(owner_of(id_))
    deleted = delete_exports(ports.folder, [*needles, *(i.encode() for i in mine)])
    after = msgspec.structs.replace(
        erasure,
        unit_id="",
        ids=(),
        tokens={},
        step="forgotten",
        counts=counts,
        deleted=tuple(deleted),
    )
    storage.privacy.keep(after)
    return after


def learn_again(
    storage: Storage,
    versions: ModelVersions,
    number: int,
    now_ms: int,
    on_batch: Callable[[], None],
) -> int:
    """Publish the model that the log gives now, and delete the earlier versions.

    Args:
        storage: the service's.
        versions: of the experiment's own policy, or of the other one of its splits.
        number: of the experiment.
        now_ms: the time.
        on_batch: called after each piece of work.

    Returns:
        How many models were learned again: 0 where none was published.
    """
    published = versions.latest(number)
    experiment = next(
        (e for e in storage.experiments.all() if e.number == number), None
    )
    if published is None or experiment is None:
        return 0
    meta = published.meta
    examples = JoinedExamples(storage.joins, Definitions(storage.experiments), number)
    policy = examples.replay(
        meta.policy, experiment.definition, meta.spans, lambda _done: on_batch()
    )
    state = policy.dump()
    newest = msgspec.structs.replace(
        meta,
        version=meta.version + 1,
        sha256=hashlib.sha256(state).hexdigest(),
        created_at_ms=now_ms,
        restored_from=None,
    )
    drop = {one.version for one in versions.ages(number)}
    versions.publish(ModelVersion(newest, state), meta.version, drop)
    # What is made anew for a correction has read the log as it was.
    storage.forget_beside(name_of(number))
    return 1


def _blank(ports: PrivacyPorts, erasure: Erasure) -> Blank:
    """Return what makes the blanked payload of a record of the log."""
    ids = frozenset(erasure.ids)

    def blank(record: Record, parts: Mapping[bytes, bytes]) -> bytes | None:
        try:
            fact = ports.decoder.decode_unparsed(record, parts)
        except UnreadableEvent:
            return None
        if record.kind == UNIT:
            return erased_fact_record(len(record.payload))
        if record.kind != DECISION or not isinstance(fact, LoggedDecision):
            return None
        if not ids & {fact.unit_id, fact.asked_unit_id}:
            return None
        kept = ports.storage.facts.decision(fact.id)
        return blanked_record(
            record.payload,
            fact,
            erasure.tokens.get(fact.unit_id or "", "e_"),
            {} if kept is None else kept.decision.context,
        )

    return blank


def _json_text(text: str) -> bytes:
    return msgspec.json.encode(text)[1:-1]


def _never(on_batch: Callable[[], None]) -> Callable[[], bool]:
    """Return the end of a turn that never comes."""

    def asked() -> bool:
        on_batch()
        return False

    return asked

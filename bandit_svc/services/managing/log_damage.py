"""Name the damages of the event log: those that were found, and those still unread.

Owns their sentences with the way out. Reads the log without the learner and changes
nothing, so that it may run beside a running service.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from bandit_svc.domain.events.cursor import START, Cursor
from bandit_svc.domain.events.damage import Damage, DamageKind
from bandit_svc.domain.times import moment
from bandit_svc.errors import BanditError
from bandit_svc.eventlog.interface import EventLogReader
from bandit_svc.services.learning.log_age import ages_of
from bandit_svc.storage.interface import Storage

_RESTORE: Final = "restore the data folder from a copy, or accept the loss"
_WAYS_OUT: Final[Mapping[DamageKind, str]] = {
    "waiting": "make it readable, or let joining go on without it",
    "replaced": "restore the file from a copy, delete what lies there, or accept",
    "lost": "restore the stream, or accept the loss so that reading goes on",
}


def log_damage(storage: Storage, reader: EventLogReader) -> Iterator[str]:
    """Yield a sentence for each damage that is unread or not acknowledged.

    The unread ones come first: what the learner finds meanwhile is kept by then.
    """
    age = None if reader.is_stream else ages_of(storage.facts, reader).damage
    if age is not None:
        yield (
            f"{age}; restore store and log from copies of one moment before the "
            "learner runs, or else acknowledge the loss once it has given it an id"
        )
    for partition in reader.partitions():
        yield from _unread(storage, reader, partition)
    for kept in storage.damages.unacknowledged():
        way_out = _WAYS_OUT.get(kept.damage.what, _RESTORE)
        yield (
            f"damage {kept.id}, found {moment(kept.found_at_ms)}: {kept.damage} "
            f"({kept.damage.file}); {way_out} with `bandit-svc doctor --acknowledge "
            f"{kept.id}`"
        )


def _unread(storage: Storage, reader: EventLogReader, partition: str) -> Iterator[str]:
    """Read what the learner has not read yet, as it will."""
    after = storage.facts.cursors().get(partition, START)
    fault = ""
    found: list[Damage] = []
    try:
        found = _ahead(reader, partition, after)
    except BanditError as error:
        reason = error.message_on("command")
        fault = f"partition {partition} of the event log waits: {reason}"
    # The learner may have read, and deleted, the same segments meanwhile. What it
    # has found there it keeps itself.
    now = storage.facts.cursors().get(partition, START)
    if partition not in reader.partitions():
        return
    if fault and now == after:
        yield fault
    for damage in found:
        if now == after or (damage.segment, damage.offset) >= now[:2]:
            yield (
                f"not read yet: {damage} ({damage.file}); restore the file from a copy "
                "before the learner reads it, or else acknowledge the loss once the "
                "learner has given it an id"
            )


def _ahead(reader: EventLogReader, partition: str, after: Cursor) -> list[Damage]:
    """Return the damages between a cursor and the end of its partition."""
    end = reader.end(partition)
    found: list[Damage] = []
    while after < end:
        batch = reader.read(partition, after)
        found += batch.damages
        if batch.cursor == after:
            break
        after = batch.cursor
    return found

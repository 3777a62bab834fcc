"""Move facts from the event log into the store.

Owns step 1 of the learner's tick. Each batch, its cursors and its damages are one
transaction; a segment is deleted only after that.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec

from bandit_svc.domain.events.codec import FactDecoder
from bandit_svc.domain.events.cursor import START, Cursor
from bandit_svc.domain.events.damage import Damage, DamageKind
from bandit_svc.errors import BanditError, LogLost, LogUnreadable
from bandit_svc.eventlog.interface import MARGIN_MS, EventLogReader
from bandit_svc.services.learning.arrivals import Arrivals, Rules
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.log_age import cut_back, keep_one_age
from bandit_svc.services.learning.stream.losses import Accepts, Losses
from bandit_svc.services.learning.stream.standing import Standing
from bandit_svc.storage.joined.facts import Facts
from bandit_svc.storage.rows import Cursors, FoundDamages, IngestOutcome

_SEGMENT = re.compile(r"([0-9]{8,})\.(seg|jsonl)$")


class Wait(NamedTuple):
    """A partition that could not be read, as damage and as a sentence with the file."""

    damage: Damage
    sentence: str


class Ingested(msgspec.Struct):
    """The work of one call; counts by (experiment number, name).

    `records` counts the facts that were stored. `damages` names those that are lost or
    were set aside. `waits` has the partitions that could not be read, and
    `partitions` all. `watermarks` has for each partition the time in milliseconds
    before which no fact of it is missing, and `watermark_ms` the least of them.
    """

    watermark_ms: int
    watermarks: dict[str, int] = {}
    counts: dict[tuple[int, str], int] = {}
    records: int = 0
    torn: int = 0
    damages: list[Damage] = []
    waits: list[Wait] = []
    partitions: list[str] = []
    is_whole: bool = True
    """False where only some partitions of a stream were to be read."""
    gaps: int = 0
    """Runs of a stream that wait for the messages before them."""


class Ingesting(NamedTuple):
    """What an ingest is done with.

    Attributes:
        on_batch: called after each transaction.
        accepts: told of each loss of a stream.
        partitions: of a stream, those to read; None for all.
        covered: returns the cursors behind which the log is needed no more.
    """

    on_batch: Callable[[], None] = lambda: None
    accepts: Accepts = lambda _: None
    partitions: Sequence[str] | None = None
    covered: Callable[[Cursors], Cursors] = lambda cursors: cursors


ALL_OF_IT: Final = Ingesting()


def ingest(
    facts: Facts,
    reader: EventLogReader,
    decoder: FactDecoder,
    definitions: Definitions,
    now_ms: int,
    how: Ingesting = ALL_OF_IT,
) -> Ingested:
    """Read all that was acknowledged before the call, and keep it.

    What is appended meanwhile may be left for the next call; what was there at
    the start is in the store when this returns, so that a decision which closed
    before the call can be joined with all of its rewards. Damages are kept with the
    time `now_ms`.

    Raises:
        Unavailable: another process has read a partition of a stream meanwhile.
    """
    rules = Rules(definitions)
    partitions = reader.partitions() if how.partitions is None else [*how.partitions]
    done = Ingested(now_ms - MARGIN_MS, partitions=partitions)
    done.is_whole = how.partitions is None
    kept = facts.cursors()
    if not reader.is_stream:
        done.damages += keep_one_age(facts, reader, kept, partitions, now_ms)
    cursors = {p: c for p, c in kept.items() if p in partitions}
    ends = _ends(reader, partitions, done)
    standing = Standing(facts, reader, partitions, now_ms)
    losses = Losses(standing, how.accepts)
    while True:
        arrivals = Arrivals(reader, decoder, rules, standing)
        moved = _next_batches(reader, arrivals, cursors, ends, done, losses)
        if not moved:
            break
        found = FoundDamages(arrivals.damages, now_ms, arrivals.remains)
        progress = standing.progress(moved, cursors)
        outcome = facts.ingest(arrivals.kept, moved, found, progress)
        cursors.update(moved)
        done.records += len(arrivals.kept)
        done.torn += arrivals.torn
        done.damages += arrivals.damages
        _add(outcome, done)
        how.on_batch()
    _add(facts.count_orphans(now_ms), done)
    at_end = [p for p, end in ends.items() if cursors.get(p, START) >= end]
    done.watermarks = standing.watermarks(at_end)
    done.watermark_ms = min(done.watermarks.values(), default=done.watermark_ms)
    done.gaps = standing.gaps
    done.damages += losses.found
    if standing.has_news or losses.found:
        found = FoundDamages(losses.found, now_ms)
        facts.ingest((), {}, found, standing.progress({}, {}))
    covered = how.covered(cursors)
    for partition in ends:
        if reader.committed(partition, covered.get(partition, START)):
            facts.forget_partition(partition)
    return done


def _add(outcome: IngestOutcome, done: Ingested) -> None:
    for key, count in outcome.counts.items():
        done.counts[key] = done.counts.get(key, 0) + count


def _ends(
    reader: EventLogReader, partitions: list[str], done: Ingested
) -> dict[str, Cursor]:
    """Return where each partition ends that can be read."""
    found: dict[str, Cursor] = {}
    for partition in partitions:
        try:
            found[partition] = reader.end(partition)
        except BanditError as error:
            done.waits.append(_wait(partition, error))
    return found


def _next_batches(
    reader: EventLogReader,
    arrivals: Arrivals,
    cursors: Cursors,
    ends: dict[str, Cursor],
    done: Ingested,
    losses: Losses,
) -> Cursors:
    """Read one batch of each partition that has not reached its end.

    A partition that can't be read is taken out of `ends`, and stops only itself.
    """
    moved: Cursors = {}
    for partition, end in list(ends.items()):
        cursor = cursors.get(partition, START)
        # A stream that was made anew may end before what was read of it.
        if cursor == end or (cursor > end and not reader.is_stream):
            if not cut_back(partition, cursor, end):
                continue
            # Its writer may have begun a segment since, or ended.
            now = _ends(reader, [partition], done)
            if now and (damage := cut_back(partition, cursor, now[partition])):
                arrivals.damages.append(damage)
                moved[partition] = ends[partition] = now[partition]
            continue
        try:
            after = arrivals.read(partition, cursor)
        except LogLost as error:
            after = losses.behind(error, cursor)
            if after == cursor:
                del ends[partition]
        except BanditError as error:
            done.waits.append(_wait(partition, error))
            del ends[partition]
            continue
        if after != cursor:
            moved[partition] = after
    return moved


def _wait(partition: str, error: BanditError) -> Wait:
    what: DamageKind = "waiting"
    file = None
    if isinstance(error, LogUnreadable):
        what = "waiting" if error.may_pass else "replaced"
        file = _SEGMENT.search(error.file)
    damage = Damage(
        partition,
        segment=int(file[1]) if file else 0,
        offset=0,
        facts=0,
        bytes=0,
        what=what,
        format=1 if file and file[2] == "jsonl" else 2,
    )
    reason = error.message_on("command")
    return Wait(damage, f"partition {partition} of the event log waits: {reason}")

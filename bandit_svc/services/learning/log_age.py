"""Compare the ages of store and event log.

Owns what follows from how many facts each of them says were read from partitions that
are gone. They differ where one of the two was restored from an earlier copy, or where
the log was deleted. A folder that was restored whole is of one age, and not noticed.
"""

from collections.abc import Collection
from typing import NamedTuple

from bandit_svc.domain.events.cursor import Cursor
from bandit_svc.domain.events.damage import Damage
from bandit_svc.eventlog.interface import EventLogReader
from bandit_svc.storage.joined.facts import Facts
from bandit_svc.storage.rows import Cursors, FoundDamages, ReleasedCount

_MOST_LOOKS = 5


class Ages(NamedTuple):
    """How the two counts differ.

    Attributes:
        kept: the store's count.
        difference: how many facts the store has more than the log; None where it has
            not counted yet.
        gone: facts of the partitions that are missing, and that the store has read of.
    """

    kept: ReleasedCount
    difference: int | None
    gone: dict[str, int]

    @property
    def damage(self) -> Damage | None:
        """The loss that is new because one of the two is older; None without one.

        A log that is there again, such as that of a disk that was not mounted, brings
        the difference back to 0.
        """
        if self.difference is None or self.difference in {0, self.kept.accepted}:
            return None
        more = self.difference - self.kept.accepted
        place = "", 0, abs(self.difference)
        if more < 0:
            return Damage(*place, -more, 0, "older store")
        return Damage(*place, 0, 0, "older log", at_least=True)


def ages_of(facts: Facts, reader: EventLogReader) -> Ages:
    """Compare a store with its log, which a running learner may change meanwhile."""
    for _ in range(_MOST_LOOKS):
        before = facts.cursors(), facts.released()
        partitions = reader.partitions()
        in_log = reader.released_facts(partitions)
        after = facts.cursors(), facts.released()
        if before == after:
            break
    return _ages(*after, partitions, in_log)


def keep_one_age(
    facts: Facts,
    reader: EventLogReader,
    cursors: Cursors,
    partitions: Collection[str],
    now_ms: int,
) -> list[Damage]:
    """Keep what is lost because store or log is older, once.

    Args:
        cursors: all that the store has.
        partitions: all that the log has.
    """
    in_log = reader.released_facts(partitions)
    ages = _ages(cursors, facts.released(), partitions, in_log)
    if ages.difference is None:
        begin = ReleasedCount(in_log - sum(ages.gone.values()))
        facts.keep_released(begin, FoundDamages((), now_ms))
        return []
    if ages.difference == 0:
        # The learner was ended after it deleted them, before it forgot them.
        for partition in ages.gone:
            facts.forget_partition(partition)
    if ages.difference == ages.kept.accepted:
        return []
    found = [ages.damage] if ages.damage is not None else []
    accepted = ages.kept._replace(accepted=ages.difference)
    facts.keep_released(accepted, FoundDamages(found, now_ms))
    return found


def cut_back(partition: str, cursor: Cursor, end: Cursor) -> Damage | None:
    """Return the damage of a partition that ends before what was read of it.

    Its last segment is looked at when it is read.
    """
    if cursor.segment <= end.segment:
        return None
    where = partition, cursor.segment, cursor.offset
    return Damage(*where, 0, 0, "older log", at_least=True)


def _ages(
    cursors: Cursors, count: ReleasedCount, partitions: Collection[str], in_log: int
) -> Ages:
    gone = {name: c.sequence for name, c in cursors.items() if name not in partitions}
    counted = count.facts
    if counted is None:
        if not in_log:
            return Ages(count, None, gone)
        # A store of an earlier version than the one that deleted these.
        counted = 0
    return Ages(count, counted + sum(gone.values()) - in_log, gone)

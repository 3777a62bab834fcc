"""The part of the work that is one learner's.

Owns which partitions it reads, which experiments it joins and trains, whether it has
the main duties (units, programmes, retention, the archive), and with which lease it
writes of each. By default it has everything, and no lease is looked at but the one of
its process.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final, NamedTuple

from bandit_svc import metrics
from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.stream.mark import Mark
from bandit_svc.eventlog.interface import EventLogReader
from bandit_svc.eventlog.stream.partitions import UNIT_PARTITION, partition_of
from bandit_svc.services.learning.ingest import Ingested
from bandit_svc.storage.control.shares import Held, Member, Shares
from bandit_svc.storage.joined.facts import Facts

NOTHING_YET: Final = 0


class Part(NamedTuple):
    """A piece of the work that is written with a lease of its own.

    Attributes:
        held: the shard; None where one learner has everything.
    """

    held: Held | None

    @property
    def partitions(self) -> Sequence[str] | None:
        """The partitions to read; None for all of the log."""
        return None if self.held is None else (self.held.shard,)

    @property
    def is_main(self) -> bool:
        """True for the part with the main duties."""
        return self.held is None or self.held.shard == UNIT_PARTITION

    @property
    def joins(self) -> bool:
        """True for a part that has experiments."""
        return self.held is None or self.held.shard != UNIT_PARTITION


WHOLE: Final = Part(None)


class Everything:
    """All of the work, in one part."""

    parts: Sequence[Part] = (WHOLE,)
    is_main = True
    has_all = True

    def look(self) -> bool:
        """Return whether it has changed since the last look."""
        return False

    def settle(self, *, all_of_it: bool) -> None:
        """End the leases of what is beyond its share; between two ticks.

        Args:
            all_of_it: true while its main duties need all shards.
        """

    def stayed(
        self,
        number: int,  # noqa: ARG002 - all of them
    ) -> bool:
        """Return whether an experiment has been its own since before the last look."""
        return True

    def own(self, experiments: Sequence[Experiment]) -> Sequence[Experiment]:
        """Return those of the experiments that are its own."""
        return experiments

    def numbers_of(
        self,
        part: Part,  # noqa: ARG002 - all of them
        experiments: Iterable[Experiment],  # noqa: ARG002
    ) -> list[int] | None:
        """Return the numbers of the experiments of a part; None for all that exist."""
        return None

    def writing(
        self,
        number: int,  # noqa: ARG002 - of any
    ) -> AbstractContextManager[None]:
        """Write of an experiment in this block."""
        return nullcontext()

    def working(
        self,
        part: Part,  # noqa: ARG002 - the only one
    ) -> AbstractContextManager[None]:
        """Write of a part in this block."""
        return nullcontext()

    def main_duties(self) -> AbstractContextManager[None]:
        """Write for the main duties in this block."""
        return nullcontext()

    def ready_before_ms(self, ingested: Ingested, now_ms: int) -> int:  # noqa: ARG002
        """Return up to when decisions of a part are joined, once it was ingested."""
        return ingested.watermark_ms


EVERYTHING: Final = Everything()


class SharedWork(Everything):
    """The shards that a member holds."""

    def __init__(
        self, shares: Shares, member: Member, reader: EventLogReader, facts: Facts
    ) -> None:
        """Hold nothing before the first look.

        Args:
            shares: of the store.
            member: this learner.
            reader: of the stream.
            facts: of the store, which know what its nodes last said.
        """
        self._shares = shares
        self._member = member
        self._reader = reader
        self._facts = facts
        self._count = len(reader.partitions()) - 1
        self._parts: dict[str, Part] = {}
        self._stayed: set[str] = set()
        self.parts: Sequence[Part] = ()

    @property
    def is_main(self) -> bool:  # type: ignore[override]
        """True while it has the main duties."""
        return UNIT_PARTITION in self._parts

    @property
    def has_all(self) -> bool:  # type: ignore[override]
        """True while no other learner holds anything."""
        return len(self._parts) == self._count + 1

    def look(self) -> bool:
        """See Everything."""
        return self._take(self._member.held())

    def settle(self, *, all_of_it: bool) -> None:
        """See Everything."""
        self._member.settle("all" if all_of_it and self.is_main else "fair")
        metrics.LEARNER_SHARDS.set(len(self._parts))

    def _take(self, held: frozenset[Held]) -> bool:
        """Take note of what is held, the main duties first."""
        parts = {one.shard: Part(one) for one in held}
        if parts == self._parts:
            return False
        before = self._parts
        # A shard that went to another learner and back has a token of its own.
        self._stayed = {shard for shard in parts if parts[shard] == before.get(shard)}
        self._parts = parts
        self.parts = sorted(parts.values(), key=lambda part: not part.is_main)
        return True

    def stayed(self, number: int) -> bool:
        """See Everything."""
        return self._shard(number) in self._stayed

    def own(self, experiments: Sequence[Experiment]) -> Sequence[Experiment]:
        """See Everything."""
        return [e for e in experiments if self._shard(e.number) in self._parts]

    def numbers_of(
        self, part: Part, experiments: Iterable[Experiment]
    ) -> list[int] | None:
        """See Everything."""
        shard = "" if part.held is None else part.held.shard
        return [e.number for e in experiments if self._shard(e.number) == shard]

    def writing(self, number: int) -> AbstractContextManager[None]:
        """See Everything."""
        return self.working(self._parts[self._shard(number)])

    def working(self, part: Part) -> AbstractContextManager[None]:
        """See Everything."""
        return nullcontext() if part.held is None else self._shares.writing(part.held)

    def main_duties(self) -> AbstractContextManager[None]:
        """See Everything."""
        return self.working(self._parts[UNIT_PARTITION])

    def ready_before_ms(self, ingested: Ingested, now_ms: int) -> int:
        """Return the watermark of a shard, or that of the units if it is less.

        A unit's rewards come by its own partition, which another learner may read: what
        that one has kept of it counts.
        """
        (shard,) = ingested.partitions
        nodes: dict[str, Mark] = {}
        units: dict[str, Mark] = {}
        for (partition, node), mark in self._facts.marks().items():
            if partition == shard:
                nodes[node] = mark
            elif partition == UNIT_PARTITION:
                units[node] = mark
        for node, mark in nodes.items():
            known = units.get(node)
            if mark.state == "live" and (known is None or known.state == "closed"):
                # Its units are not read yet.
                return NOTHING_YET
        return min(
            ingested.watermark_ms, self._reader.watermark_ms(now_ms, units.values())
        )

    def _shard(self, number: int) -> str:
        return partition_of(number, self._count)

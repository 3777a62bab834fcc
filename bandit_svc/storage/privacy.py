"""What is stored of a unit, and its erasure.

Owns the record of an erasure and the protocol of what backends do for one; see
storage.interface for the words that hold of all protocols. services.managing.erasing
puts the steps in order.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

import msgspec

from bandit_svc.domain.experiment import Group
from bandit_svc.domain.people.unit_fact import KeptFact
from bandit_svc.storage.rows import ClosedDecision, DueDecision

ErasureStep = Literal["asked", "blanked", "forgotten", "done"]


class Erasure(msgspec.Struct, frozen=True):
    """The erasure of a person; each step may be begun again.

    Attributes:
        unit_id: one of the person's ids, "" once the ids are forgotten.
        step: that was done last.
        ids: all of the person's ids, from the step `blanked` until `forgotten`.
        tokens: what stands in place of an id.
        numbers: of experiments whose learned decisions have lost values.
        counts: rows and records that went, by what they were.
        deleted: files that went, by their place in the data folder.
    """

    id: str
    unit_id: str
    asked_at_ms: int
    step: ErasureStep = "asked"
    ids: tuple[str, ...] = ()
    tokens: Mapping[str, str] = {}
    numbers: tuple[int, ...] = ()
    counts: Mapping[str, int] = {}
    deleted: tuple[str, ...] = ()
    finished_at_ms: int | None = None


class WaitingReward(NamedTuple):
    """A reward of a unit that has no decision yet."""

    number: int
    metric: str
    reward_id: str
    value: float
    occurred_at_ms: int
    received_at_ms: int


class KeptOfUnit(NamedTuple):
    """What the store has of ids: decisions by their id, and facts in their order."""

    decision_ids: Sequence[str]
    facts: Sequence[KeptFact]
    sticky: Sequence[tuple[int, str]]
    """Newest choices that are kept: experiment number, decision id."""
    waiting: Sequence[WaitingReward] = ()
    """Rewards that name the unit and have no decision."""


class SeenUnits(NamedTuple):
    """Units of a slice of the stored decisions.

    Attributes:
        row_id: the place behind the slice.
        ids: that decisions newer than some time name.
        is_last: nothing is stored behind the slice.
    """

    row_id: int
    ids: frozenset[str]
    is_last: bool


class Erased(Protocol):
    """Which units were erased, as a hash of each id says."""

    def erased_at_ms(self, unit_id: str) -> int | None:
        """Return when the last erasure of an id was asked for; None without any."""


class Privacy(Erased, Protocol):
    """Erasures and what they need of the store."""

    def ask(self, erasure: Erasure) -> None:
        """Queue an erasure."""

    def get(self, erasure_id: str) -> Erasure | None:
        """Return an erasure, None if there is none of this id."""

    def waiting(self) -> Erasure | None:
        """Return the oldest erasure that is not done; costs one look-up."""

    def kept_of(self, ids: Sequence[str]) -> KeptOfUnit:
        """Return what is stored under some ids."""

    def blank(
        self,
        erasure: Erasure,
        ids: Sequence[str],
        entropy: bytes,
        beat: Callable[[], None] = lambda: None,
    ) -> Erasure:
        """Blank what is stored under some ids, in one transaction.

        Args:
            erasure: at the step `asked`.
            ids: of the person.
            entropy: of which tokens are made.
            beat: called meanwhile, which may be for long; it must not raise.

        Returns:
            The erasure as it is now, at the step `blanked`.
        """

    def keep_below(self, erasure: Erasure) -> Erasure:
        """Keep which experiments have decisions of the ids that the archive alone has.

        What is learned anew of joined decisions is taken away, as `blank` does.

        Args:
            erasure: at the step `blanked`.

        Returns:
            The erasure with the numbers of these experiments too.

        Raises:
            Unprocessable: the archive can't be read.
        """

    def seen_after(self, row_id: int, at_ms: int, limit: int) -> SeenUnits:
        """Return the units of the next stored decisions that were made after a time.

        Args:
            row_id: the place behind the slice before; 0 for the first.
            at_ms: decisions of before don't count.
            limit: of the slice, in decisions.
        """

    def forget_facts(self, ids: Collection[str]) -> None:
        """Blank the facts about units, so that no state follows from them."""

    def keep(self, erasure: Erasure) -> None:
        """Keep how far an erasure has come."""

    def scrub(self, beat: Callable[[], None]) -> bool:
        """Rewrite the store's files, so that nothing deleted is left in their bytes.

        Args:
            beat: called meanwhile, as that of `blank`.

        Returns:
            False if readers of before still hold the old bytes; call again later.
        """


class ApartRow(NamedTuple):
    """Rewards of the matured decisions of a group that were made without consent."""

    group: Group
    n: int
    total: float
    total_squares: float


class Apart(Protocol):
    """Decisions without consent: no other reader of the store sees their rewards."""

    def due(
        self, now_ms: int, limit: int, numbers: Collection[int] | None = None
    ) -> list[DueDecision]:
        """Return those whose window has closed, by readiness and id.

        Args:
            now_ms: by when it has to have closed.
            limit: of their number.
            numbers: of the experiments that they are of; None for all.
        """

    def close(self, closed: Sequence[ClosedDecision]) -> None:
        """Add closed ones to the sums of their groups, in one transaction."""

    def sums(self, number: int) -> list[ApartRow]:
        """Return the sums of an experiment, by group."""

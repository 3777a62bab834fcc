"""Figures of pages beyond the report of one experiment.

Owns the protocol and its rows. Every read is a few indexed queries whose cost does
not grow with the log, so that a page may ask every few seconds.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from bandit_svc.domain.events.decision import Decision

RecentState = Literal["open", "joined", "deferred"]
Place = tuple[int, int]
"""The place of a decision in the order of its state; opaque to callers."""


class Headline(NamedTuple):
    """The newest report in short, stored so that a list need not build reports."""

    number: int
    as_of_ms: int
    content: Mapping[str, Any]
    """Some parts of the report, as services.report.headline picks them."""


class SummaryRow(NamedTuple):
    """The row of one experiment in a list, by its number."""

    number: int
    counts: Mapping[str, int]
    """See storage.counters.COUNTERS."""
    joined: int
    model_version: int
    model_at_ms: int | None
    ready_since_ms: int | None
    """Since when the oldest decision waits that could be joined by now."""
    headline: Headline | None


class RecentDecision(NamedTuple):
    """A decision of a list; the reward is None until it is joined."""

    place: Place
    decision: Decision
    reward: float | None


class Overview(Protocol):
    """Reads for pages."""

    def summaries(self, now_ms: int) -> list[SummaryRow]:
        """Return one row for each experiment, in the order of their numbers."""

    def unlearned_since(self, before_ms: int) -> Mapping[int, int]:
        """Return since when decisions wait to be learned, by experiment number.

        Only experiments whose oldest one has waited since before `before_ms`, in
        milliseconds since the epoch: ready and not joined, or joined and learnable
        behind the newest model's cursor.
        """

    def rates(self, now_ms: int) -> Mapping[int, float]:
        """Return decisions of the last minute by experiment number.

        Estimated from the newest 5,000 decisions of all experiments where the
        minute had more. One that is not named had none.
        """

    def recent(
        self, number: int, state: RecentState, limit: int, before: Place | None = None
    ) -> list[RecentDecision]:
        """Return the newest decisions of a state, newest first.

        Args:
            before: go on behind this place, the last one of the page before.
        """

    def keep(self, headlines: Sequence[Headline]) -> None:
        """Replace what was kept of these experiments."""

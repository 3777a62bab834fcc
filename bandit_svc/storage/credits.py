"""Rewards that name a unit: what became of them.

Owns the protocol. They are kept with the other facts (`Facts.ingest`), which gives them
to decisions whenever decisions or links of their unit turn up; one that has none is
*quarantined*.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from bandit_svc.storage.rows import IngestOutcome

Source = Literal["decision", "unit", "event"]


class ReportedReward(NamedTuple):
    """A reward of one experiment, by its reward_id.

    Attributes:
        decision_id: None while it has no decision.
        value: the newest.
        first_value: that it was reported with.
        late: it came after the decision was joined, or occurred after its window.
    """

    decision_id: str | None
    number: int
    metric: str
    value: float
    first_value: float
    late: bool
    source: Source


class QuarantinedReward(NamedTuple):
    """A reward that waits for a decision.

    Attributes:
        decision_id: that it names; None where it names a unit.
    """

    number: int
    reward_id: str
    metric: str
    value: float
    occurred_at_ms: int
    received_at_ms: int
    source: Source
    decision_id: str | None = None


class Credits(Protocol):
    """The rewards of units, and to which decisions they went."""

    def reported(
        self, decision_id: str, metric: str, reward_id: str
    ) -> tuple[float, float] | None:
        """Return the newest and the first value of a decision's reward, if stored."""

    def is_joined(self, decision_id: str) -> bool:
        """Return whether a decision is closed, so that a reward of it is late."""

    def reported_of_units(
        self, numbers: Sequence[int], metric: str, reward_id: str
    ) -> list[ReportedReward]:
        """Return the stored rewards of units of these experiments by their id."""

    def decisions_for(
        self, number: int, unit_id: str, occurred_at_ms: int, received_at_ms: int
    ) -> list[str]:
        """Return the decisions that a reward of a unit would go to now."""

    def is_of_another(self, unit_id: str, metric: str, reward_id: str) -> bool:
        """Return whether rewards of an id are stored, and none is of this person."""

    def rewards(
        self, reward_id: str, limit: int, *, of_units: bool = False
    ) -> list[ReportedReward]:
        """Return every stored reward of an id, up to a limit.

        Args:
            reward_id: the id.
            limit: rewards at most.
            of_units: only those whose report named a unit, which costs look-ups; all of
                them cost a walk over the stored rewards.
        """

    def quarantined(self, limit: int) -> list[QuarantinedReward]:
        """Return the rewards without a decision, newest first, up to a limit."""

    def count_quarantined(self, number: int | None = None) -> int:
        """Return how many rewards of units wait, of one experiment or of all."""

    def age(self, now_ms: int, keep_ms: int) -> IngestOutcome:
        """Count what has waited for 10 s, and let go of what is too old.

        Args:
            now_ms: the time.
            keep_ms: how long a reward waits for a decision.
        """

    def ask_to_redrive(self) -> None:
        """Ask the learner to look at every quarantined reward again."""

    def redrive_is_asked(self) -> bool:
        """Return whether that was asked and is not done yet."""

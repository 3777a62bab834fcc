"""The states of candidate policies and of their reward models.

Owns the protocol.
"""

from typing import Protocol

from bandit_svc.storage.rows import EvaluationChanges, EvaluationRow, RewardModelRow


class Evaluations(Protocol):
    """Progressive evaluation: the state of each candidate policy."""

    def all(self, number: int) -> list[EvaluationRow]:
        """Return every candidate of an experiment, by label."""

    def scores(self, number: int) -> list[EvaluationRow]:
        """Return the same with empty states, since states may be large."""

    def reward_models(self, number: int) -> list[RewardModelRow]:
        """Return the reward models of an experiment's candidates, by slot."""

    def reward_model_quality(self, number: int) -> bytes | None:
        """Return the quality of the most advanced reward model, None without one."""

    def save(self, number: int, changes: EvaluationChanges) -> None:
        """Replace the rows that changed and drop those that are no candidates."""

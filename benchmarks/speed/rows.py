"""The scenarios of a benchmark, and the goals of their figures.

A scenario returns figures, one set per round; a goal is a ratio of two figures of one
round. To add rows: write a scenario beside serving.py, name it in __main__.py.
"""

import statistics
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Literal, NamedTuple, Protocol

Figures = dict[str, float]
"""One round: figures by name, such as "decisions_per_s ours"."""


class Goal(NamedTuple):
    """A ratio of two figures, and its limit.

    `above` and `below` are names of figures; None as `below` is 1.
    """

    title: str
    above: str
    below: str | None
    sense: Literal[">=", "<="]
    limit: float


class Scenario(Protocol):
    """Contestants that are measured in turn, round by round."""

    @property
    def name(self) -> str:
        """The name for `--only` and in the results."""

    @property
    def goals(self) -> Sequence[Goal]:
        """The goals of its figures."""

    def running(self) -> AbstractContextManager[None]:
        """Start the contestants; end them when the block is left."""

    def measure(self, seconds: float) -> Figures:
        """Measure each contestant once, for about `seconds` each."""


class Outcome(NamedTuple):
    """The result of a goal over all rounds."""

    goal: Goal
    median: float
    least: float
    most: float

    @property
    def reached(self) -> bool:
        """Return whether the median is within the limit."""
        if self.goal.sense == ">=":
            return self.median >= self.goal.limit
        return self.median <= self.goal.limit


def outcome(goal: Goal, rounds: Sequence[Figures]) -> Outcome:
    """Return the ratios of all rounds and their median."""
    ratios = [
        figures[goal.above] / (1.0 if goal.below is None else figures[goal.below])
        for figures in rounds
    ]
    return Outcome(goal, statistics.median(ratios), min(ratios), max(ratios))

"""Rows of a file as a reader returns them, unchecked.

Owns the names of columns that a user passes, the batch that readers yield, and the
error of a log that can't be read. What the cells mean is checked in assembly.py.
"""

from dataclasses import dataclass, field
from typing import Any

from bandit_svc.errors import Unprocessable

BATCH_ROWS = 20_000
"""Rows held as Python objects at a time."""

Cells = Any
"""A list of text, numbers or None; or an array, if all are numbers."""
Batch = tuple[list[int], dict[str, Cells]]
"""Line numbers, and cells by the name of their column."""


class UnreadableLog(Unprocessable):
    """A log that can't be read; the message names the file, the line and the limit."""

    code = "unreadable_log"

    @classmethod
    def at(cls, source: str, line: int, fault: str) -> "UnreadableLog":
        """Return the error of one line of a file."""
        return cls(f"{source}, line {line}: {fault}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The names of a table's columns; formats with own fields need only `context`.

    Attributes:
        action: of the chosen action.
        reward: of its reward; higher is better.
        propensity: of the probability that it was chosen with.
        propensities: the prefix of columns that hold the logged pmf; the rest of a
            name is the action.
        target_propensity: of target policies' probabilities of the logged action.
        targets: as `propensities`, for a target policy.
        context: features for the reward model.
        position: of the place on the page, if a log has several.
        unit: of who decided for: a visitor, a session or a page view.
        actions: K, if the columns do not determine it.
    """

    action: str | None = None
    reward: str | None = None
    propensity: str | None = None
    propensities: str | None = None
    target_propensity: tuple[str, ...] = ()
    targets: str | None = None
    context: tuple[str, ...] = ()
    position: str | None = None
    unit: str | None = None
    actions: int | None = None


@dataclass(slots=True, kw_only=True)
class Rows:
    """Some decisions of a file, by column.

    Attributes:
        line: of each decision in the file, from 1.
        count: the number of eligible actions, if it differs.
        pmf: the logged pmf of each, shorter where fewer actions were eligible; a list
            of rows, or an array (n, K).
        skipped: number of decisions without a reward in this part of the file.
    """

    line: list[int] = field(default_factory=list)
    action: Cells = field(default_factory=list)
    reward: Cells = field(default_factory=list)
    propensity: Cells = field(default_factory=list)
    count: list[int] | None = None
    pmf: Cells = None
    targets: dict[str, Cells] = field(default_factory=dict)
    pmf_targets: dict[str, Cells] = field(default_factory=dict)
    context: dict[str, Cells] = field(default_factory=dict)
    position: Cells = None
    unit: Cells = None
    skipped: int = 0

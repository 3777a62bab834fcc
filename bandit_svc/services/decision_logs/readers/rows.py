"""Rows of a file as a reader returns them, unchecked.

Owns the names of columns that a user passes, how a file shall be read, the batch that
readers yield, and the error of a log that can't be read. What the cells mean is checked
in assembly.py.
"""

from collections import Counter
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
        weight: of how many decisions a row stands for, in a log that was sub-sampled.
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
    weight: str | None = None
    actions: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a file is read.

    Attributes:
        delimiter: between the cells of a table; None for that of its form, or a
            semicolon where the first line of a CSV has no comma.
        default_reward: of a decision that has none; None to leave it out, or to refuse
            an empty cell.
        skip_bad: the most bad lines that are left out; one more refuses the file.
        without_propensities: true if a table need not have any.
    """

    delimiter: str | None = None
    default_reward: float | None = None
    skip_bad: int = 0
    without_propensities: bool = False


@dataclass(slots=True, kw_only=True)
class Rows:
    """Some decisions of a file, by column.

    Attributes:
        line: of each decision in the file, from 1.
        count: the number of eligible actions, if it differs.
        pmf: the logged pmf of each, shorter where fewer actions were eligible; a list
            of rows, or an array (n, K).
        weight: how many decisions each stands for, relative to the others.
        from_one: false if the file numbers its actions from 0.
        decimal_comma: true if numbers may have a comma in place of a point.
        left_out: how many decisions or lines of this part of the file are, by reason.
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
    weight: Cells = None
    from_one: bool = True
    decimal_comma: bool = False
    left_out: Counter[str] = field(default_factory=Counter)

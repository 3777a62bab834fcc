"""Leave bad lines out of a log, as many as were allowed.

Owns the count of them, the refusal of one line too many, and the faults of one batch of
rows. Readers call it for what is no row at all, assembly.py for cells that can't be.
"""

from collections.abc import Sequence

import numpy as np

from bandit_svc.domain.numbers import counted
from bandit_svc.ope.arrays import BoolArray
from bandit_svc.services.decision_logs.readers.rows import Cells, UnreadableLog

WAY_OUT = "Correct the line, leave it out of the file, or pass --skip-bad N"


class BadLines:
    """Bad lines of one file."""

    def __init__(self, source: str, most: int) -> None:
        """Start without any.

        Args:
            source: the file, for messages.
            most: how many are left out.
        """
        self.source, self._most = source, most
        self.count = 0

    def at(self, line: int, fault: str, lines: int = 1) -> None:
        """Count a bad line, or several that belong together.

        Raises:
            UnreadableLog: there are more than were allowed.
        """
        before = self.count
        self.count += lines
        if self.count <= self._most:
            return
        if before:
            fault += (
                f" (and {counted(before, 'bad line')} before it; --skip-bad is "
                f"{self._most:,})"
            )
        elif not self._most and WAY_OUT not in fault:
            fault += f". {WAY_OUT}"
        elif lines > 1:
            fault += f" (it goes over {lines:,} lines; --skip-bad is {self._most:,})"
        raise UnreadableLog.at(self.source, line, fault)


class Faults:
    """What is wrong with the rows of one batch: the first fault of each row."""

    def __init__(self, lines: Sequence[int]) -> None:
        """Start without any.

        Args:
            lines: (n,), the line of each row.
        """
        self._lines = lines
        self._found: dict[int, str] = {}

    def mark(self, cells: Cells, right: BoolArray, what: str, width: int = 1) -> None:
        """Note every wrong cell: what it is, its limit, and the way out.

        Args:
            cells: (n * width,), as they are in the file.
            right: (n * width,), true for cells within their limit.
            what: the column and its limit, "click, a finite number".
            width: cells of a row.
        """
        if right.all():
            return
        name, _, limit = what.rpartition(", ")
        for place in np.flatnonzero(~right).tolist():
            found = cells[place]
            shown = "empty" if found is None or found == "" else repr(found)
            self.add(
                place // width,
                f"{name} is {shown}; it must be {limit}. {WAY_OUT}",
            )

    def add(self, row: int, sentence: str) -> None:
        """Note a fault of a row."""
        self._found.setdefault(row, sentence)

    def settled(self, bad: BadLines) -> BoolArray | None:
        """Return which rows are right, (n,), and count the others; None if all are.

        Raises:
            UnreadableLog: there are more bad lines than were allowed.
        """
        if not self._found:
            return None
        right = np.ones(len(self._lines), dtype=np.bool_)
        for row, sentence in sorted(self._found.items()):
            bad.at(self._lines[row], sentence)
            right[row] = False
        return right

"""Which features get a column of their own when there are more features than columns.

Owns the counts of features that have no column yet, and how often a feature must have
been learned to get one. The more columns are taken, the more often: the first ones go
to whatever comes, the last ones to what comes often, so that ids which are seen once
don't fill the columns in their order of arrival. The counts are a function of the
learned features in order.
"""

import msgspec

NEEDED = (1, 3, 10, 30)
"""Times that a feature must have been learned, by the quarter of the columns in use."""

MOST_COUNTED = 4096
"""Features that are counted at a time. Beyond it every count is lowered by 1 and the
zeros go, so that a frequent feature keeps its count nearly (Misra and Gries 1982)."""


class Admission(msgspec.Struct):
    """Counts of the features without a column.

    Attributes:
        counts: times that a feature was learned, by its name.
    """

    counts: dict[str, int] = {}

    def admits(self, name: str, taken: int, columns: int) -> bool:
        """Count a learned feature without a column, and say if it gets one now.

        Args:
            taken: columns in use.
            columns: all columns, those in use included.
        """
        if taken >= columns:
            return False
        needed = NEEDED[taken * len(NEEDED) // columns]
        count = self.counts.get(name, 0) + 1
        if count >= needed:
            self.counts.pop(name, None)
            return True
        self.counts[name] = count
        if len(self.counts) > MOST_COUNTED:
            self.counts = {
                other: kept - 1 for other, kept in self.counts.items() if kept > 1
            }
        return False

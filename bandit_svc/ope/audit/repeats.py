"""Find rows of a log that are there more than once.

Owns two tests of rows by their hashes. A log that was joined or written twice has
intervals that are too narrow, and repeated rewards count more than they should. Rows
of independent decisions are equal to their neighbours as often as to any other row:
with c_k rows of kind k among n, (n - 1) sum c_k (c_k - 1) / (n (n - 1)) times. A log
that was appended to itself repeats as a whole. Where rows hold few different values
(a log without contexts and ids), equal rows say nothing, and neither test is made.
"""

from dataclasses import dataclass

import numpy as np

from bandit_svc.ope.arrays import IntArray

LEAST_KINDS = 0.25
"""Different rows, as a share of all, from which on equal rows say anything."""
ERRORS = 5.0
"""Standard errors above what is expected of independent rows."""
LEAST_SHARE = 0.01
MOST_COPIES = 20


@dataclass(frozen=True, slots=True)
class Repeats:
    """The result.

    Attributes:
        n: rows.
        kinds: different rows.
        neighbours: rows that are equal to the row before.
        expected: of those, for independent decisions.
        copies: how often the whole log repeats; 1 for once.
    """

    n: int
    kinds: int
    neighbours: int
    expected: float
    copies: int

    @property
    def tested(self) -> bool:
        """True if rows differ enough, but for whole copies, for equal ones to tell."""
        return self.n > 1 and self.kinds * self.copies >= LEAST_KINDS * self.n

    @property
    def found(self) -> bool:
        """True if rows are repeated more often than independent ones would be."""
        if not self.tested:
            return False
        # Counts of rare coincidences are about Poisson.
        limit = self.expected + ERRORS * (self.expected + 1) ** 0.5
        many = self.neighbours > max(limit, LEAST_SHARE * self.n)
        return many or self.copies > 1


def repeats(hashes: IntArray) -> Repeats:
    """Return how often rows repeat.

    Args:
        hashes: (n,), equal for equal rows, in the order of the log.
    """
    n = int(hashes.size)
    _, counts = np.unique(hashes, return_counts=True)
    pairs = float((counts * (counts - 1.0)).sum())
    return Repeats(
        n=n,
        kinds=int(counts.size),
        neighbours=int((hashes[1:] == hashes[:-1]).sum()),
        expected=pairs / n if n else 0.0,
        copies=_copies(hashes),
    )


def _copies(hashes: IntArray) -> int:
    n = hashes.size
    for copies in range(MOST_COPIES, 1, -1):
        step = n // copies
        whole = step > 1 and n % copies == 0
        if whole and bool((hashes[step:] == hashes[:-step]).all()):
            return copies
    return 1

"""What a soak looks at: memory and files of a process, and whether figures stay flat.

Owns the rule: the median of no later tenth of a run may be over 5 % above that of the
second, by which time the caches are full.
"""

import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ALLOWED_GROWTH = 1.05


class Growth(NamedTuple):
    """The median of the second tenth, and the highest one of a later tenth."""

    reference: float
    reached: float

    @property
    def ratio(self) -> float:
        """The growth."""
        return self.reached / self.reference

    @property
    def is_flat(self) -> bool:
        """Return whether it is within the bound."""
        return self.reached <= ALLOWED_GROWTH * self.reference


def growth(values: Sequence[float]) -> Growth:
    """Return the growth of a figure over a run of ten tenths of samples.

    Peaks would be of one tenth against eight, and peaks of more are higher.
    """
    tenth = len(values) // 10
    tenths = [statistics.median(values[n * tenth :][:tenth]) for n in range(10)]
    return Growth(tenths[1], max(tenths[2:]))


def memory_mib(pid: int) -> float:
    """Return the resident memory of a process in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def open_files(pid: int) -> int:
    """Return how many descriptors a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))

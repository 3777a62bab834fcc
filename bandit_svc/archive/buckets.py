"""Weighed decisions in files by unit, so that sums by unit need little memory.

Owns which file a unit is in. All decisions of a unit are in one file, and a file holds
few enough of them to be summed up in memory; DuckDB would write its sums to disk and
read them again, several times as many bytes.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

import numpy as np

from bandit_svc.ope.arrays import FloatArray, IntArray

MOST: Final = 256
"""Files that are open at once."""
ROWS: Final = 300_000
"""Decisions of a file, as long as there are no more files than MOST."""


class Buckets:
    """Files of rows of a unit and as many numbers as are added; a context manager."""

    def __init__(self, folder: Path, rows: int, columns: int) -> None:
        """Describe the files.

        Args:
            folder: where they are made anew.
            rows: number of decisions that will come, about.
            columns: how many numbers a decision has.
        """
        self._count = min(MOST, 1 + rows // ROWS)
        self._paths = [folder / f"bucket-{index}" for index in range(self._count)]
        self._stack = ExitStack()
        self._columns = columns

    def __enter__(self) -> Self:
        self._files = [
            self._stack.enter_context(path.open("wb")) for path in self._paths
        ]
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def add(self, unit: IntArray, columns: Sequence[FloatArray]) -> None:
        """Append decisions.

        Args:
            unit: shape (n,), the number of each decision's unit.
            columns: of shape (n,) each.
        """
        rows = np.empty((unit.size, 1 + self._columns), dtype=np.int64)
        rows[:, 0] = unit
        for index, column in enumerate(columns, 1):
            rows[:, index] = column.view(np.int64)
        bucket = (unit.view(np.uint64) % self._count).astype(np.uint8)
        rows = rows[np.argsort(bucket, kind="stable")]
        ends = np.bincount(bucket, minlength=self._count).cumsum()
        for file, part in zip(self._files, np.split(rows, ends[:-1]), strict=True):
            file.write(part.tobytes())

    def read(self) -> Iterator[list[IntArray | FloatArray]]:
        """Yield the unit and the columns of each file, and empty it."""
        for file, path in zip(self._files, self._paths, strict=True):
            file.flush()
            rows = np.fromfile(path, dtype=np.int64).reshape(-1, 1 + self._columns)
            file.truncate(0)
            unit, *columns = np.ascontiguousarray(rows.T)
            yield [unit, *(column.view(np.float64) for column in columns)]

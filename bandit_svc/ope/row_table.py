"""Hold a matrix of which many rows are alike.

Owns the table of different rows and the row of each round, for matrices that a million
rounds would fill: predictions that depend on a few kinds of contexts.
"""

from dataclasses import dataclass

import numpy as np

from bandit_svc.ope.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class RowTable:
    """A matrix (n, K), as different rows and which of them each round has.

    Attributes:
        table: (u, K).
        row: (n,), in 0 .. u - 1.
    """

    table: FloatArray
    row: IntArray

    @property
    def shape(self) -> tuple[int, int]:
        """(n, K)."""
        return self.row.size, int(self.table.shape[1])

    def entries(self, column: IntArray) -> FloatArray:
        """Return one entry of each row, (n,)."""
        count = self.table.shape[1]
        found: FloatArray = self.table.reshape(-1)[self.row * count + column]
        return found

    def averaged(self, pmf: FloatArray) -> FloatArray:
        """Return each row averaged over the pmf of its round, (n,).

        Args:
            pmf: (n, K).
        """
        if pmf.strides[0] == 0:
            # One pmf for all rounds.
            return np.asarray((self.table @ pmf[0])[self.row])
        return np.asarray(np.einsum("nk,nk->n", pmf, self.table[self.row]))

    def whole(self) -> FloatArray:
        """Return the matrix."""
        return np.asarray(np.take(self.table, self.row, axis=0))

"""Name the array types of this package.

Owns their element types, and the sum of products; shapes are stated where an array is
an argument or a field.
"""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def inner(one: FloatArray, other: FloatArray) -> float:
    """Return the sum of the products of two arrays, (n,).

    It runs in one thread: the threads of BLAS cost more CPU time than they save.
    """
    return float(np.einsum("n,n->", one, other))

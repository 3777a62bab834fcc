"""Name the array types of this package.

Owns their element types; shapes are stated where an array is an argument or a field.
"""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

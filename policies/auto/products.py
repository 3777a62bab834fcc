"""Products of matrices that are the same to the last bit on any number of threads."""

import numpy as np
import numpy.typing as npt

Singles = npt.NDArray[np.float32]

MOST_IN_PRODUCT = 64
"""Rows of a block of a matrix that is one product. OpenBLAS gives a larger product
to all its threads: they use more CPU than they save time at these sizes, and a sum's
last bits, and so the model's bytes, would depend on the number of cores."""

MOST_IN_SUM = 8192
"""Entries of a matrix up to which a vector's product with it is OpenBLAS's. It gives
larger ones to all its threads too."""


def times_rows(values: Singles, matrices: Singles) -> Singles:
    """Return the products of a vector and each of Q matrices.

    Args:
        values: shape (n,).
        matrices: shape (Q, n, D).

    Returns:
        Shape (Q, D).
    """
    _, rows, width = matrices.shape
    if rows * width <= MOST_IN_SUM:
        products: Singles = np.matmul(values, matrices)
    else:
        products = np.einsum("qnd,n->qd", matrices, values)
    return products


def take_squares(matrices: Singles, updates: Singles) -> None:
    """Take the sum of u u' over updates u from matrices, in place.

    Symmetric matrices stay symmetric to the last bit.

    Args:
        matrices: shape (Q, D, D).
        updates: shape (Q, m, D).
    """
    width = matrices.shape[2]
    for start in range(0, width, MOST_IN_PRODUCT):
        end = min(start + MOST_IN_PRODUCT, width)
        turned = updates[:, :, start:end].transpose(0, 2, 1)
        # A product of a matrix and its own transpose is symmetric to the last bit.
        matrices[:, start:end, start:end] -= np.matmul(turned, updates[:, :, start:end])
        if end < width:
            right = matrices[:, start:end, end:]
            right -= np.matmul(turned, updates[:, :, end:])
            matrices[:, end:, start:end] = right.transpose(0, 2, 1)

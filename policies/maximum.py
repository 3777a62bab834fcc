"""The probability that each of several independent variables is the largest.

Owns the quadrature that gives Thompson sampling an exact pmf instead of a draw:
P(i is the largest) = integral of f_i(x) * product over j != i of F_j(x) dx.
Knows nothing of actions or learning.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

# Six nodes are exact for polynomials up to degree 11 on a panel.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(6)
_HALF_NODES = (_NODES + 1.0) / 2.0
_HALF_WEIGHTS = _WEIGHTS / 2.0

NORMAL_BREAKS = np.array([-7.0, -5.0, -3.0, -1.5, 0.0, 1.5, 3.0, 5.0, 7.0])
"""Panel ends in standard deviations; the probability beyond them is below 1e-11."""

FEW = 10
"""Up to so many variables, no break point is left out."""

NEAR = 0.05
"""A share of a variable's width, which is 14 standard deviations for a normal."""

_ROOT_2_PI = np.sqrt(2.0 * np.pi)


def panel_nodes(breaks: Floats) -> tuple[Floats, Floats]:
    """Return Gauss-Legendre nodes and weights on the panels between break points.

    Args:
        breaks: shape (B,), ascending; equal neighbours make an empty panel.

    Returns:
        nodes: shape (6 * (B - 1),), ascending.
        weights: the same shape.
    """
    widths = np.diff(breaks)
    nodes = breaks[:-1, None] + widths[:, None] * _HALF_NODES
    weights = widths[:, None] * _HALF_WEIGHTS
    return nodes.ravel(), weights.ravel()


def largest_probabilities(
    densities: Floats, distributions: Floats, weights: Floats
) -> list[float]:
    """Integrate the density of each variable times the distributions of the others.

    Args:
        densities: shape (K, N), f_i at the nodes.
        distributions: shape (K, N), F_i at the nodes.
        weights: shape (N,), of the quadrature.

    Returns:
        Shape (K,), sums to 1.
    """
    # The product over j != i from the left and from the right, since dividing the
    # whole product by F_i would be 0 / 0 in the tails.
    others = np.ones_like(distributions)
    np.cumprod(distributions[:-1], axis=0, out=others[1:])
    from_right = np.cumprod(distributions[:0:-1], axis=0)[::-1]
    others[:-1] *= from_right
    masses = (densities * others * weights).sum(axis=1)
    return [float(mass) for mass in masses / masses.sum()]


def panel_breaks(ends: Floats) -> tuple[Indices, Floats]:
    """Choose whose chance matters, and where the integration's panels end.

    Under the highest of the low ends the largest variable can't be, so a variable
    that ends below it has no chance, and panels start there. A break point is left
    out where a narrower variable has one nearby: the work for many alike variables
    then grows with their number, not with its square.

    Args:
        ends: shape (K, B), ascending in each row; where one variable's panels would
            end if it were alone.

    Returns:
        hopeful: indices of the variables that can be the largest, ascending.
        breaks: ascending.
    """
    lowest = ends[:, 0].max()
    # A variable that ends below the lowest value of another one is never the largest.
    hopeful = np.flatnonzero(ends[:, -1] > lowest)
    breaks = np.sort(ends[hopeful], axis=None)
    if len(hopeful) > FEW:
        widths = ends[hopeful, -1] - ends[hopeful, 0]
        breaks = np.empty(0)
        for row in np.argsort(widths, kind="stable"):
            own = ends[hopeful[row]]
            breaks = np.sort(
                np.concatenate(
                    [breaks, own[_distance(breaks, own) > NEAR * widths[row]]]
                )
            )
    breaks = breaks[breaks > lowest]
    return hopeful, np.concatenate([[lowest], breaks])


def _distance(breaks: Floats, points: Floats) -> Floats:
    """Return the distance from each point to the nearest break."""
    padded = np.concatenate([[-np.inf], breaks, [np.inf]])
    after = np.searchsorted(padded, points)
    distances: Floats = np.minimum(padded[after] - points, points - padded[after - 1])
    return distances


def spread(hopeful: Indices, chances: list[float], n_actions: int) -> list[float]:
    """Return the probabilities of all actions: 0 for those that are not hopeful."""
    if len(hopeful) == n_actions:
        return chances
    spread_out = [0.0] * n_actions
    for index, chance in zip(hopeful, chances, strict=True):
        spread_out[index] = chance
    return spread_out


def largest_normal(means: Floats, deviations: Floats) -> list[float]:
    """Return the probability that each independent normal is the largest.

    Args:
        means: shape (K,).
        deviations: shape (K,), each above 0.

    Returns:
        Shape (K,), sums to 1.
    """
    hopeful, breaks = panel_breaks(means[:, None] + deviations[:, None] * NORMAL_BREAKS)
    nodes, weights = panel_nodes(breaks)
    deviations = deviations[hopeful, None]
    standard = (nodes - means[hopeful, None]) / deviations
    densities = np.exp(-0.5 * standard * standard) / (_ROOT_2_PI * deviations)
    chances = largest_probabilities(densities, ndtr(standard), weights)
    return spread(hopeful, chances, len(means))

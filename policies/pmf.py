"""From a policy's pmf to a draw: floor, validation, sampling.

Owns the arithmetic of propensities. The pmf that `mix_floor` returns is validated,
sampled from and logged as it is; nothing recomputes it.
"""

import math
from collections.abc import Sequence

from policies.base import PolicyError

SUM_TOLERANCE = 1e-9


def mix_floor(pmf: Sequence[float], floor: float) -> list[float]:
    """Mix the uniform distribution into a pmf: (1 - f) * pmf + f / K.

    Args:
        pmf: shape (K,), sums to 1.
        floor: share f of uniform exploration, in [0, 1].

    Returns:
        Shape (K,), each entry at least f / K.
    """
    if not floor:
        return list(pmf)
    kept = 1.0 - floor
    each = floor / len(pmf)
    return [kept * probability + each for probability in pmf]


def validate_pmf(pmf: Sequence[float], n_actions: int, floor: float) -> None:
    """Refuse a pmf that must not be sampled from.

    Args:
        pmf: as returned by `mix_floor`.
        n_actions: number of eligible actions.
        floor: the share that was mixed in; each entry must be >= floor / K.

    Raises:
        PolicyError: wrong length, an entry that is not finite or under the
            floor, or a sum that is not 1 within 1e-9.
    """
    if len(pmf) != n_actions:
        raise PolicyError(f"the pmf has {len(pmf)} entries for {n_actions} actions")
    least = floor / n_actions - SUM_TOLERANCE
    # Half the time of the loop below. Where there is a NaN, one comparison fails.
    if (
        least <= min(pmf)
        and max(pmf) <= 1.0 + SUM_TOLERANCE
        and abs(math.fsum(pmf) - 1.0) <= SUM_TOLERANCE
    ):
        return
    for probability in pmf:
        # A NaN fails this comparison too.
        if not least <= probability <= 1.0 + SUM_TOLERANCE:
            raise PolicyError(
                f"the pmf has an entry of {probability}; each must be between "
                f"floor / K = {floor / n_actions} and 1"
            )
    total = math.fsum(pmf)
    if not abs(total - 1.0) <= SUM_TOLERANCE:
        raise PolicyError(f"the pmf sums to {total}, not to 1 within {SUM_TOLERANCE}")


def sample(pmf: Sequence[float], draw: float) -> int:
    """Choose an index by inversion of the cumulative distribution.

    Args:
        pmf: shape (K,), validated.
        draw: uniform in [0, 1).

    Returns:
        An index with positive probability.
    """
    cumulative = 0.0
    for index, probability in enumerate(pmf):
        cumulative += probability
        if draw < cumulative:
            return index
    # Rounding can leave the sum just under 1; the last non-zero entry takes the
    # remainder, so that an action of probability 0 is never chosen.
    return max(index for index, probability in enumerate(pmf) if probability > 0.0)

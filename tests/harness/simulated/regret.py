"""The regret of a policy, from expected rewards.

Owns the sums over a trace of expected rewards. Realised rewards are not used: their
noise would hide the differences that a simulation measures.
"""

import numpy as np

from simulators.environment import FloatArray


def cumulative_regret(expected: FloatArray, value: FloatArray) -> FloatArray:
    """Return the cumulative regret against the best action of each round.

    Args:
        expected: shape (n_rounds, n_actions), the true mean rewards.
        value: shape (n_rounds,), the policy's expected reward in each round.

    Returns:
        Shape (n_rounds,), non-decreasing.
    """
    return np.cumsum(expected.max(axis=1) - value)


def shortfall(
    expected: FloatArray, value: FloatArray, baseline: int, first_round: int
) -> float:
    """Return how far the mean of a policy is below the baseline's, from a round on.

    Args:
        expected: shape (n_rounds, n_actions), the true mean rewards.
        value: shape (n_rounds,), the policy's expected reward in each round.
        baseline: index of the action that the baseline group sees.
        first_round: first round of the comparison, after the policy's warm-up.

    Returns:
        Mean reward of the baseline minus that of the policy; negative when the
        policy earns more.
    """
    ahead = value[first_round:] - expected[first_round:, baseline]
    return -float(ahead.mean())


def floor_cost(
    expected: FloatArray, baseline: int, floor: float, first_round: int
) -> float:
    """Return the loss of a policy as good as the baseline by the exploration floor.

    With the share `floor` of its decisions drawn uniformly, the loss is
    floor * (mean of the baseline - mean of all actions), at least 0.
    """
    window = expected[first_round:]
    return floor * max(0.0, float(window[:, baseline].mean() - window.mean()))

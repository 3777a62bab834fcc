"""How much a policy gave away, from expected rewards.

Owns the sums over a trace of expected rewards. Realised rewards never enter:
their noise would hide the differences that a simulation is there to show.
"""

import numpy as np

from simulators.environment import FloatArray


def cumulative_regret(expected: FloatArray, value: FloatArray) -> FloatArray:
    """Add up what the best action of each round would have brought on top.

    Args:
        expected: shape (n_rounds, n_actions), the true mean rewards.
        value: shape (n_rounds,), the policy's expected reward in each round.

    Returns:
        Shape (n_rounds,), never falling.
    """
    return np.cumsum(expected.max(axis=1) - value)


def shortfall(
    expected: FloatArray, value: FloatArray, baseline: int, first_round: int
) -> float:
    """Give how far a policy is below the baseline's mean from a round on.

    Args:
        expected: shape (n_rounds, n_actions), the true mean rewards.
        value: shape (n_rounds,), the policy's expected reward in each round.
        baseline: index of the action that the baseline group sees.
        first_round: where the comparison starts, after the policy's warm-up.

    Returns:
        Mean reward of the baseline minus that of the policy; negative when the
        policy is ahead.
    """
    ahead = value[first_round:] - expected[first_round:, baseline]
    return -float(ahead.mean())


def floor_cost(
    expected: FloatArray, baseline: int, floor: float, first_round: int
) -> float:
    """Give what a policy as good as the baseline loses by the exploration floor.

    With the share `floor` of its decisions drawn uniformly it loses
    floor * (mean of the baseline - mean of all actions), and nothing where a
    uniform choice is as good.
    """
    window = expected[first_round:]
    return floor * max(0.0, float(window[:, baseline].mean() - window.mean()))

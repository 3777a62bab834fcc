"""Hold the decisions of units in their order, with weights along each history.

Owns the arrays that estimates of trajectories read, and their checks. A unit's
decision number t (from 0) has the weight of its history so far,

    w_t = product over k <= t of  target probability_k / propensity_k,

per-decision importance sampling (Precup, Sutton and Singh 2000): the reward at t counts
as often as the target policy would have led there.

References:
    Precup, Sutton and Singh (2000), "Eligibility traces for off-policy policy
    evaluation", ICML.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bandit_svc.ope.arrays import BoolArray, FloatArray, IntArray
from bandit_svc.ope.errors import LoggedDataError, NoDataError

LARGEST_LOG_WEIGHT = 300.0
"""Weights are cut at e to this power, so that their squares stay finite numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class Visits:
    """Decisions of units in the order of their histories; n rounds each.

    Attributes:
        unit: (n,), the number of the unit, 0 .. U - 1.
        visit: (n,), how many decisions of the unit came before.
        reward: (n,), in reward units.
        weight: (n,), of the unit's history up to and with this decision.
        returns: (n,), true if the unit has a later decision.
    """

    unit: IntArray
    visit: IntArray
    reward: FloatArray
    weight: FloatArray
    returns: BoolArray

    @property
    def units(self) -> int:
        """The number of units."""
        return int(self.unit.max()) + 1

    @classmethod
    def of(
        cls, unit: npt.ArrayLike, reward: npt.ArrayLike, ratio: npt.ArrayLike
    ) -> "Visits":
        """Arrange decisions by unit; those of one unit keep their order.

        Args:
            unit: (n,), any number for a unit.
            reward: (n,), finite.
            ratio: (n,), the target policy's probability of the logged action over the
                logging policy's, 0 or more.

        Raises:
            NoDataError: there are no decisions.
            LoggedDataError: an array has another length, or a value is impossible.
        """
        _, units = np.unique(np.asarray(unit), return_inverse=True)
        rewards = np.asarray(reward, dtype=np.float64)
        ratios = np.asarray(ratio, dtype=np.float64)
        if units.size == 0:
            raise NoDataError("a trajectory needs at least one decision; got 0")
        if not units.size == rewards.size == ratios.size:
            raise LoggedDataError(
                f"there are {units.size} units, {rewards.size} rewards and "
                f"{ratios.size} ratios; they must be one each a decision"
            )
        if not (np.isfinite(rewards).all() and np.isfinite(ratios).all()):
            raise LoggedDataError("each reward and each ratio must be a finite number")
        if ratios.min() < 0:
            raise LoggedDataError(f"a ratio is {ratios.min()}; it must be 0 or more")
        order = np.argsort(units, kind="stable")
        return cls._sorted(units[order], rewards[order], ratios[order])

    @classmethod
    def _sorted(cls, unit: IntArray, reward: FloatArray, ratio: FloatArray) -> "Visits":
        begins = np.r_[True, unit[1:] != unit[:-1]]
        start = np.maximum.accumulate(np.where(begins, np.arange(unit.size), 0))
        # A product of the unit's ratios, as a sum of logarithms; zeros are counted.
        log = np.cumsum(np.log(np.where(ratio > 0, ratio, 1.0)))
        zeros = np.cumsum(ratio == 0)
        log = log - np.r_[0.0, log][start]
        alive = zeros == np.r_[0, zeros][start]
        weight = np.exp(np.minimum(log, LARGEST_LOG_WEIGHT)) * alive
        returns = np.r_[unit[1:] == unit[:-1], False]
        return cls(unit, np.arange(unit.size) - start, reward, weight, returns)

"""Hold logged decisions as arrays that were checked once.

Owns the shape, meaning and range of every array that estimators read; they repeat
none of it. Knows nothing of how a log is stored.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from bandit_svc.ope.arrays import FloatArray, IntArray
from bandit_svc.ope.errors import LoggedDataError, NoDataError
from bandit_svc.ope.row_table import RowTable

T = TypeVar("T")
PMF_TOLERANCE = 1e-6
"""Largest distance of the sum of a pmf from 1: text logs print six digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedData:
    """Decisions of a logging policy, as a target policy would have made them.

    Anything that numpy turns into these arrays may be given; afterwards they are
    arrays of float64 and int64. n is the number of rounds, K that of actions.

    Attributes:
        reward: (n,), within [reward_minimum, reward_maximum]; higher is better.
        propensity: (n,), in (0, 1], the logging policy's probability of the logged
            action in that round.
        target_probability: (n,), in [0, 1], the target policy's probability of the
            logged action.
        action: (n,), the index of the logged action, in 0 .. K - 1.
        pmf_target: (n, K), all probabilities of the target policy; rows sum to 1,
            and the logged action's entry is `target_probability`.
        q_hat: (n, K), each action's expected reward as a model predicts it. The
            model must not have seen the round it predicts (regression.py). A table of
            its different rows will do.
        unit: (n,), a number of whom each decision was for; decisions of one unit count
            as one draw in intervals. None if each is a draw of its own.
        multiplicity: (n,), above 0, how many decisions of a log that was sub-sampled
            each round stands for, relative to the mean. None if none was left out.
        reward_minimum: the smallest reward that was possible, whether seen or not.
        reward_maximum: the largest.

    Raises:
        NoDataError: there are no rounds.
        LoggedDataError: a shape, a value or a pair of arrays is impossible; the
            message names the array, the first wrong round and the limit.
    """

    reward: FloatArray
    propensity: FloatArray
    target_probability: FloatArray
    action: IntArray | None = None
    pmf_target: FloatArray | None = None
    q_hat: FloatArray | RowTable | None = None
    unit: IntArray | None = None
    multiplicity: FloatArray | None = None
    reward_minimum: float = 0.0
    reward_maximum: float = 1.0
    _known: dict[str, Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if np.size(self.reward) == 0:
            raise NoDataError("evaluation needs at least one decision; got 0")
        for name in ("reward", "propensity", "target_probability"):
            self._keep(name, _vector(name, getattr(self, name), np.size(self.reward)))
        low, high = self.reward_minimum, self.reward_maximum
        if not low < high:
            raise LoggedDataError(
                f"reward_minimum is {low} and reward_maximum {high}; the minimum must "
                "be the smaller"
            )
        within = (self.reward >= low) & (self.reward <= high)
        _refuse("reward", self.reward, within, f"between {low} and {high}")
        right = (self.propensity > 0) & (self.propensity <= 1)
        _refuse("propensity", self.propensity, right, "above 0 and at most 1")
        target = self.target_probability
        _refuse(
            "target_probability",
            target,
            (target >= 0) & (target <= 1),
            "between 0 and 1",
        )
        for name in ("action", "unit"):
            values = getattr(self, name)
            if values is not None:
                self._keep(name, _integers(name, values, self.n_rounds))
        self._check_multiplicity()
        self._check_matrices()

    def _check_multiplicity(self) -> None:
        if self.multiplicity is None:
            return
        times = _vector("multiplicity", self.multiplicity, self.n_rounds)
        _refuse("multiplicity", times, times > 0, "above 0")
        self._keep("multiplicity", times / times.mean())

    def _check_matrices(self) -> None:
        for name in ("pmf_target", "q_hat"):
            matrix = getattr(self, name)
            if isinstance(matrix, RowTable):
                _table(name, matrix, self.n_rounds)
            elif matrix is not None:
                self._keep(name, _matrix(name, matrix, self.n_rounds))
        pmf, q_hat, action = self.pmf_target, self.q_hat, self.action
        if pmf is not None and q_hat is not None and pmf.shape != q_hat.shape:
            raise LoggedDataError(
                f"pmf_target has shape {pmf.shape} and q_hat {q_hat.shape}; they must "
                "cover the same rounds and actions"
            )
        if action is not None:
            count = self.n_actions
            known = (action >= 0) & (True if count is None else action < count)
            limit = "0 or more" if count is None else f"0 to {count - 1}"
            _refuse("action", action, known, limit)
        if pmf is None:
            return
        sums = row_sums(pmf)
        right = np.abs(sums - 1) <= PMF_TOLERANCE
        if (pmf[:1] if pmf.strides[0] == 0 else pmf).min() < 0:
            right &= (pmf >= 0).all(axis=1)
        _refuse("the sum of pmf_target", sums, right, "1, of entries not below 0")
        if action is not None:
            listed = pmf[np.arange(self.n_rounds), action]
            agree = np.abs(listed - self.target_probability) <= PMF_TOLERANCE
            limit = "pmf_target's entry of the logged action"
            _refuse("target_probability", self.target_probability, agree, limit)

    def _keep(self, name: str, value: FloatArray | IntArray) -> None:
        object.__setattr__(self, name, value)

    @property
    def n_rounds(self) -> int:
        """The number of decisions."""
        return int(self.reward.size)

    @property
    def n_actions(self) -> int | None:
        """K, or None if no array has a column an action."""
        for matrix in (self.pmf_target, self.q_hat):
            if matrix is not None:
                return int(matrix.shape[1])
        return None

    @property
    def weight(self) -> FloatArray:
        """(n,), target probability over propensity: 1 where both policies agree."""
        return self.once("weight", lambda: self.target_probability / self.propensity)

    def counted(self, weight: FloatArray) -> FloatArray:
        """Return weights, (n,), times how often each round counts."""
        return weight if self.multiplicity is None else weight * self.multiplicity

    @property
    def evidence(self) -> FloatArray:
        """(n,), the weight times how often each round counts."""
        return self.once("evidence", lambda: self.counted(self.weight))

    def once(self, name: str, make: Callable[[], T]) -> T:
        """Return what is made of the log, from memory after the first time."""
        if name not in self._known:
            self._known[name] = make()
        made: T = self._known[name]
        return made

    def predictions(self) -> tuple[FloatArray, FloatArray]:
        """Return the predictions for the logged action and for the target policy.

        Returns:
            (n,) q_hat of the logged action, and (n,) q_hat averaged over the
            target's pmf.

        Raises:
            LoggedDataError: action, pmf_target or q_hat is missing.
        """
        if self.action is None or self.pmf_target is None or self.q_hat is None:
            raise LoggedDataError(
                "direct and doubly robust estimates need action, pmf_target and q_hat"
            )
        if "logged" not in self._known:
            q_hat, pmf = self.q_hat, self.pmf_target
            if isinstance(q_hat, RowTable):
                self._known["logged"] = q_hat.entries(self.action)
                self._known["base"] = q_hat.averaged(pmf)
            else:
                rows = np.arange(self.n_rounds)
                self._known["logged"] = q_hat[rows, self.action]
                self._known["base"] = np.einsum("nk,nk->n", pmf, q_hat)
        return self._known["logged"], self._known["base"]


def _vector(name: str, values: npt.ArrayLike, count: int) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (count,):
        raise LoggedDataError(
            f"{name} has shape {array.shape}; it must be ({count},), one value a round"
        )
    _refuse(name, array, np.isfinite(array), "a finite number")
    return array


def _matrix(name: str, values: npt.ArrayLike, count: int) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    matrix_dimensions = 2
    if array.ndim != matrix_dimensions or array.shape[0] != count:
        raise LoggedDataError(
            f"{name} has shape {array.shape}; it must be ({count}, K), one row a round "
            "and one column an action"
        )
    rows = row_sums(array)
    _refuse(f"the sum of {name}", rows, np.isfinite(rows), "a finite number")
    return array


def _table(name: str, rows: RowTable, count: int) -> None:
    if rows.row.shape != (count,):
        raise LoggedDataError(
            f"{name} has shape {rows.shape}; it must be ({count}, K), one row a round "
            "and one column an action"
        )
    sums = row_sums(rows.table)
    _refuse(f"the sum of {name}", sums, np.isfinite(sums), "a finite number")


def row_sums(matrix: FloatArray) -> FloatArray:
    """Return (n,) sums of (n, K); several times as fast as numpy's along short rows."""
    if matrix.strides[0] == 0:
        # A stride of 0 is one row for all, as numpy.broadcast_to returns it.
        return np.full(matrix.shape[0], matrix[:1].sum())
    return np.asarray(np.einsum("nk->n", matrix))


def _integers(name: str, values: npt.ArrayLike, count: int) -> IntArray:
    array = np.asarray(values)
    if array.shape != (count,) or not np.issubdtype(array.dtype, np.integer):
        raise LoggedDataError(
            f"{name} has shape {array.shape} and type {array.dtype}; it must be "
            f"({count},) of integers"
        )
    return array.astype(np.int64)


def _refuse(
    name: str, values: FloatArray | IntArray, right: npt.NDArray[np.bool_], limit: str
) -> None:
    """Name the first wrong value and how many there are."""
    if right.all():
        return
    first = int(np.argmin(right))
    raise LoggedDataError(
        f"{name} is {values[first]} in round {first} (and wrong in "
        f"{int((~right).sum())} of {right.size}); it must be {limit}"
    )

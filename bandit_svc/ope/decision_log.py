"""Hold a log of decisions as arrays, whoever made it.

Owns the form that readers of files and of our own store return, and that evaluation
and audit take. n is the number of decisions, K that of actions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from bandit_svc.ope.arrays import BoolArray, FloatArray, IntArray

MAX_CELLS = 8
"""Groups of contexts in which propensities are audited; each further group lowers the
power of the audit in the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionLog:
    """Logged decisions: the actions, their propensities and their rewards.

    Attributes:
        source: what the log is called in sentences.
        actions: the K names; `action` indexes them.
        action: (n,), the index of the chosen action.
        reward: (n,), higher is better.
        propensity: (n,), in (0, 1], as logged; NaN where none were.
        propensities_known: false if the log has none.
        actions_known: true if all K are known, not only those that were seen.
        pmf: (n, K), the logged pmf; None if only propensities were logged.
        eligible: (n, K), true where an action could be chosen; None if all always
            could.
        targets: by name, (n,) a target policy's probability of the logged action.
        pmf_targets: by name, (n, K) a target policy's pmf.
        features: (n, d), the context as numbers; d may be 0.
        position: (n,), an index of the place on the page; None if there is only one.
        unit: (n,), a number from 0 of whom each was for; None if they are not told
            apart, and each counts by itself.
        line: a hash of each line of the file, None if a decision is not a line.
        cell: (n,), a group of contexts in 0 .. n_cells - 1, or None.
        n_cells: the number of groups.
        cell_name: of the context key that the groups are made of.
        version: (n,), the model version of each decision, or None.
        least_propensity: the least propensity that was possible by design, or None.
        multiplicity: (n,), how many decisions each stands for in a log that was
            sub-sampled, with the mean 1; None if each stands for as many.
        left_out: how many decisions or lines of the file are no part of it, by reason.
    """

    source: str
    actions: tuple[str, ...]
    action: IntArray
    reward: FloatArray
    propensity: FloatArray
    actions_known: bool = True
    propensities_known: bool = True
    pmf: FloatArray | None = None
    eligible: BoolArray | None = None
    targets: Mapping[str, FloatArray] = field(default_factory=dict)
    pmf_targets: Mapping[str, FloatArray] = field(default_factory=dict)
    features: FloatArray | None = None
    position: IntArray | None = None
    unit: IntArray | None = None
    line: IntArray | None = None
    cell: IntArray | None = None
    n_cells: int = 1
    cell_name: str = ""
    version: IntArray | None = None
    least_propensity: float | None = None
    multiplicity: FloatArray | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """The number of decisions."""
        return int(self.action.size)

    @property
    def units(self) -> int:
        """The number of units; of decisions if they are not told apart."""
        if self.unit is None:
            return self.n
        return int(np.count_nonzero(np.bincount(self.unit)))

    @property
    def mean_reward(self) -> float:
        """The mean reward of what the log stands for."""
        return float(np.average(self.reward, weights=self.multiplicity))

    @property
    def skipped(self) -> int:
        """The number of decisions or lines of the file that are left out."""
        return sum(self.left_out.values())

    @property
    def eligible_count(self) -> IntArray:
        """(n,), the number of actions that could be chosen."""
        if self.eligible is None:
            return np.full(self.n, len(self.actions), dtype=np.int64)
        return np.asarray(self.eligible.sum(axis=1), dtype=np.int64)

"""Hold a log of decisions as arrays, whoever made it.

Owns the shape that readers of files and of our own store give, and that evaluation
and audit take. n is the number of decisions, K that of actions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from bandit_svc.ope.arrays import BoolArray, FloatArray, IntArray

MAX_CELLS = 8
"""Groups of contexts in which propensities are audited; each costs power elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionLog:
    """What was chosen, with which chances, and what it earned.

    Attributes:
        source: what the log is called in sentences.
        actions: the K names; `action` indexes them.
        action: (n,), what was chosen.
        reward: (n,), higher is better.
        propensity: (n,), in (0, 1], as logged.
        actions_known: whether all K are known, not only those that were seen.
        pmf: (n, K), all logged chances; None where only the chosen one was logged.
        eligible: (n, K), what could be chosen; None if always everything.
        targets: by name, (n,) chances of the logged action under a target policy.
        pmf_targets: by name, (n, K) all chances under a target policy.
        features: (n, d), the context as numbers; d may be 0.
        position: (n,), an index of the place on the page; None if there is one.
        cell: (n,), a group of contexts in 0 .. n_cells - 1, or None.
        n_cells: the number of groups.
        cell_name: what the groups are made of.
        version: (n,), the model version that decided, or None.
        least_propensity: what no propensity can be below by design, or None.
        skipped: decisions that the file has without a reward; they are left out.
    """

    source: str
    actions: tuple[str, ...]
    action: IntArray
    reward: FloatArray
    propensity: FloatArray
    actions_known: bool = True
    pmf: FloatArray | None = None
    eligible: BoolArray | None = None
    targets: Mapping[str, FloatArray] = field(default_factory=dict)
    pmf_targets: Mapping[str, FloatArray] = field(default_factory=dict)
    features: FloatArray | None = None
    position: IntArray | None = None
    cell: IntArray | None = None
    n_cells: int = 1
    cell_name: str = ""
    version: IntArray | None = None
    least_propensity: float | None = None
    skipped: int = 0

    @property
    def n(self) -> int:
        """The number of decisions."""
        return int(self.action.size)

    @property
    def eligible_count(self) -> IntArray:
        """(n,), how many actions could be chosen."""
        if self.eligible is None:
            return np.full(self.n, len(self.actions), dtype=np.int64)
        return np.asarray(self.eligible.sum(axis=1), dtype=np.int64)

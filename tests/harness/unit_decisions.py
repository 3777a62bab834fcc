"""Decisions of units that come back, for tests of comparisons by unit.

Owns a log of two groups in which the baseline always shows action 0 and the treatment
shows it with a chance, and how the log is added in batches as the learner does.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bandit_svc.ope.arrays import BoolArray, FloatArray, IntArray
from bandit_svc.ope.uplift.history_weights import LoggedDraws
from bandit_svc.ope.uplift.totals import Totals
from bandit_svc.ope.uplift.unit_sums import NO_UNIT, JoinedDecisions, added

SHOWN_ALIKE = 0.3
"""The chance with which the treatment shows the baseline's action."""


def decisions(
    unit: IntArray,
    treated: BoolArray,
    values: npt.ArrayLike,
    *,
    chance: float | FloatArray = 0.1,
    alike: BoolArray | None = None,
) -> JoinedDecisions:
    """Return decisions of two fixed policies.

    Args:
        unit: (n,), NO_UNIT for none.
        treated: (n,).
        values: (n,) rewards, or (n, values).
        chance: of the baseline group.
        alike: (n,), true where the baseline's action was shown; only there if a
            decision is the baseline's. All of them by default.
    """
    n = unit.size
    same = np.ones(n, dtype=np.bool_) if alike is None else alike | ~treated
    return JoinedDecisions(
        unit,
        LoggedDraws(
            treated=treated,
            baseline_chance=np.broadcast_to(np.asarray(chance, np.float64), n),
            treatment_propensity=np.where(same, SHOWN_ALIKE, 1 - SHOWN_ALIKE),
            baseline_propensity=same.astype(np.float64),
            fresh=np.ones(n, dtype=np.bool_),
        ),
        np.asarray(values, dtype=np.float64).reshape(n, -1),
    )


def random_decisions(seed: int, n: int, units: int) -> JoinedDecisions:
    """Return a log with returning units, units without an id, and two holdouts."""
    random = np.random.default_rng(seed)
    unit = random.integers(0, units, n)
    unit[random.random(n) < 0.1] = NO_UNIT
    place = np.where(unit == NO_UNIT, random.random(n), random.random(units)[unit])
    # 1 - 0.7 is not 0.3 to the last bit; both are the same chance.
    chance = np.where(np.arange(n) < n // 2, 0.5, np.where(unit % 2, 0.3, 1 - 0.7))
    rewards = np.stack([random.random(n) < 0.2, random.normal(0, 1, n)], axis=1)
    made = decisions(
        unit,
        place >= chance,
        rewards,
        chance=chance,
        alike=random.random(n) < SHOWN_ALIKE,
    )
    unknown = random.random(n) < 0.05
    made.draws.treatment_propensity[unknown] = np.nan
    made.draws.fresh[random.random(n) < 0.1] = False
    return made


@dataclass
class UnitStore:
    """Units and sums as a learner keeps them between batches."""

    totals: Totals = field(default_factory=Totals.empty)
    states: dict[int, bytes] = field(default_factory=dict)

    def add(self, part: JoinedDecisions) -> FloatArray:
        """Add a batch; return the posterior chances of its decisions."""
        known = np.unique(part.unit[part.unit != NO_UNIT])
        places = {unit: place for place, unit in enumerate(known.tolist())}
        local = [places.get(unit, NO_UNIT) for unit in part.unit.tolist()]
        states = [self.states.get(unit) for unit in places]
        batch = JoinedDecisions(np.array(local, np.int64), part.draws, part.values)
        result = added(self.totals, states, batch)
        self.totals = result.totals
        self.states.update(zip(places, result.states, strict=True))
        return result.posterior

    @classmethod
    def of(cls, whole: JoinedDecisions, batch: int) -> "UnitStore":
        """Add a log in batches of a size."""
        store = cls(Totals.empty((0.0,) * whole.values.shape[1]))
        for start in range(0, whole.unit.size, batch):
            store.add(whole.at(slice(start, start + batch)))
        return store

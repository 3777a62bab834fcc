"""Decisions of units that come back, for tests of comparisons by unit.

Owns a log of two groups in which the baseline always shows action 0 and the treatment
shows it with a chance, how the log is added in batches as the learner does, and totals
of parts whose units come once.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bandit_svc.ope.arrays import BoolArray, FloatArray, IntArray
from bandit_svc.ope.uplift.columns import (
    RANDOMISED,
    TRAJECTORY,
    Columns,
    value_column,
    weight_column,
)
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


def once(
    treated: npt.ArrayLike,
    treated_rewards: npt.ArrayLike,
    held_out: npt.ArrayLike,
    held_out_rewards: npt.ArrayLike,
) -> Totals:
    """Return the totals of rewards of 0 and 1, each of another unit, all weights 1.

    Args:
        treated: decisions of the treatment; any shape, the parts last.
        treated_rewards: how many of them have the reward 1.
        held_out: decisions of the baseline.
        held_out_rewards: likewise.
    """
    n, r = _both(treated, treated_rewards, held_out, held_out_rewards)
    columns = Columns()
    shape = n.shape[1:]
    sums = np.zeros((*shape, columns.count))
    products = np.zeros((*shape, len(columns.pairs)))
    for weighting in (RANDOMISED, TRAJECTORY):
        for group in (0, 1):
            w = weight_column(weighting, group)
            x = value_column(weighting, group, 0)
            sums[..., w], sums[..., x] = n[group], r[group]
            index = columns.pair_index
            products[..., index[w, w]] = n[group]
            products[..., index[w, x]] = products[..., index[x, x]] = r[group]
    total = r.sum(axis=0)
    plain = np.stack([total, total, total, total > 0], axis=-1)
    return Totals(
        columns=columns,
        chances=(),
        usual=np.zeros(1),
        counts=np.stack([*n, n.sum(axis=0), *n], axis=-1),
        sums=sums,
        by_unit=products,
        by_decision=products,
        plain=plain[..., None, :],
        heaviest=np.ones((*shape, 6)),
    )


def _both(*numbers: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    arrays = [np.asarray(one, dtype=np.float64) for one in numbers]
    n_t, r_t, n_b, r_b = np.broadcast_arrays(*arrays)
    return np.stack([n_t, n_b]), np.stack([r_t, r_b])

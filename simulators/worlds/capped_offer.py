"""A pop-up that a visitor sees at most once: today's choice limits tomorrow's.

Owns the logs of this world and the true values of policies in it. Each unit comes
VISITS times; the pop-up earns more the later it is shown, and not showing it keeps the
chance. An estimate that changes one decision at a time takes the reverse for the
truth: it finds that the pop-up pays at once.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from simulators.environment import FloatArray

Target = Literal["wait", "at once"]

VISITS = 8
WAITS_UNTIL = 5
"""The visit, from 0, from which on the target `wait` shows the pop-up."""
BASE_RATE = 0.05
FIRST_LIFT = 0.03
LIFT_A_VISIT = 0.05
LOGGED_CHANCE = 0.9 * 0.25 + 0.1 * 0.5
"""Of the pop-up where it is eligible: weights 3 : 1 and an exploration floor of .1."""
LEARNED_CHANCES = (0.13, 0.77)
"""Of the pop-up at a visit where it seems worse, or better, with adaptive logging."""
BATCHES = 20

BoolMatrix = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class CappedLog:
    """A log; (units, VISITS) each.

    Attributes:
        eligible: the pop-up may be shown.
        shown: it was.
        chance: the logging policy's probability of showing it; 0 where not eligible.
        reward: 0 or 1.
    """

    eligible: BoolMatrix
    shown: BoolMatrix
    chance: FloatArray
    reward: FloatArray

    @property
    def propensity(self) -> FloatArray:
        """The logging policy's probability of what was shown."""
        return np.where(self.shown, self.chance, 1 - self.chance)

    def ratio(self, target: Target) -> FloatArray:
        """Return the target's probability of what was shown over the propensity."""
        shows = (np.arange(VISITS) >= (WAITS_UNTIL if target == "wait" else 0)) * 1.0
        chance = np.where(self.eligible, shows, 0.0)
        return np.where(self.shown, chance, 1 - chance) / self.propensity


def true_value(target: Target, rate: float = BASE_RATE) -> float:
    """Return the mean reward a decision of a target that is deployed."""
    shown_at = WAITS_UNTIL if target == "wait" else 0
    lift = (FIRST_LIFT + LIFT_A_VISIT * shown_at) * rate / BASE_RATE
    return rate + lift / VISITS


def capped_log(
    units: int,
    rng: np.random.Generator,
    *,
    rate: float = BASE_RATE,
    adaptive: bool = False,
    capped: bool = True,
) -> CappedLog:
    """Draw a log.

    Args:
        units: how many come, VISITS times each.
        rng: where all randomness comes from.
        rate: chance of a reward without the pop-up; its lift is in proportion.
        adaptive: the logging policy learns which visits the pop-up pays at, from one
            of BATCHES batches of units to the next.
        capped: false for the twin: the pop-up stays eligible, and its lift is always
            that of the first visit.
    """
    shape = (units, VISITS)
    eligible, shown = np.ones(shape, dtype=bool), np.zeros(shape, dtype=bool)
    chance, reward = np.zeros(shape), np.zeros(shape)
    logged = np.full(VISITS, LOGGED_CHANCE)
    sums = np.zeros((2, 2, VISITS))
    for batch in np.array_split(np.arange(units), BATCHES):
        for visit in range(VISITS):
            before = shown[batch, :visit].any(axis=1) if capped else False
            eligible[batch, visit] = ~np.broadcast_to(before, batch.shape)
            chance[batch, visit] = eligible[batch, visit] * logged[visit]
            shown[batch, visit] = rng.random(batch.size) < chance[batch, visit]
            lift = FIRST_LIFT + LIFT_A_VISIT * (visit if capped else 0)
            pays = rate * (1 + lift / BASE_RATE * shown[batch, visit])
            reward[batch, visit] = rng.random(batch.size) < pays
            _count(sums, visit, eligible[batch], shown[batch], reward[batch])
        if adaptive:
            means = (sums[1] + 0.5) / (sums[0] + 5)
            logged = np.where(means[1] > means[0], *LEARNED_CHANCES[::-1])
    return CappedLog(eligible, shown, chance, reward)


def _count(
    sums: FloatArray,
    visit: int,
    eligible: BoolMatrix,
    shown: BoolMatrix,
    reward: FloatArray,
) -> None:
    """Add decisions and rewards at one visit, without and with the pop-up."""
    for index, member in enumerate((~shown, shown)):
        mine = eligible[:, visit] & member[:, visit]
        sums[0, index, visit] += mine.sum()
        sums[1, index, visit] += reward[mine, visit].sum()

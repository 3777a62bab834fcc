"""Compare two groups, adjusted by a number that was known before the choice.

Owns the uplift adjusted by one covariate. The part of the reward that a covariate
explains is no difference between the groups; without it the interval is narrower
(CUPED, Deng et al. 2013). Here in a form that is valid at every look: the term of
decision t is

    m_T(x) - m_B(x) + 1[T] / p_T (y - m_T(x)) - 1[B] / p_B (y - m_B(x))

with rewards y in [0, 1], the chances p_T, p_B of the groups, and m_g the linear
regression of group g on its decisions before t, clipped to [0, 1]. Whatever m_g is, the
mean of the term given the past is the uplift of decision t, since the group is drawn
independently of all else; so a bad covariate makes the interval wider, never invalid.
Terms are in [-1 / p, 1 / p] with p the smaller chance, so that bounded_mean.py bounds
their mean, at every look and for every n, not only in large samples.

Regressions are made anew at fixed counts (FIRST_FITS and each FIT_EVERY decisions), so
that the result is a function of the order of decisions, to the last bit, however they
were batched: decisions of an unfinished stretch are kept as they are.

When it is invalid: like the plain uplift, it takes the decisions of one unit for
independent draws of the group; uplift.py measures the error. A covariate that
distinguishes units does not correct it.

References:
    Deng, Xu, Kohavi and Walker (2013), "Improving the sensitivity of online controlled
    experiments by utilizing pre-experiment data", WSDM. Waudby-Smith, Arbour, Sinha,
    Kennedy and Ramdas (2024), "Time-uniform central limit theory and asymptotic
    confidence sequences", Annals of Statistics 52(6), section 4, for sequences of
    augmented inverse probability weighted (AIPW) terms.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bandit_svc.ope.arrays import BoolArray, FloatArray
from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.interval import Estimate
from bandit_svc.ope.sequences.bounded_mean import MeanSequence
from bandit_svc.ope.uplift.moments import Moments

FIRST_FITS = (16, 32, 64, 128)
FIT_EVERY = 256
LEAST_FITTED = 10
"""A group of fewer decisions is predicted by both groups together."""
RIDGE = 0.1
TYPICAL_REWARD_VARIANCE = 0.05
BASELINE_ROW, TREATMENT_ROW = 0, 1
_COLUMNS = 4
_SUMS = 5


State = dict[str, Any]
"""The sums as plain numbers, as they are stored."""


@dataclass(frozen=True, eq=False)
class AdjustedUplift:
    """The sums of the adjusted uplift, carried from one batch to the next.

    Attributes:
        least_chance: the smallest probability of a group, in (0, 0.5].
        start: the prediction before any decision, in [0, 1].
        sequence: of the terms.
        plain: moments of the same terms with a constant for each m_g.
        adjusted: moments of the terms.
        missing: decisions without the covariate; they count with its running mean.
        sums: (2, 5), of each group n, x, y, x squared and x y.
        waiting: (w, 4), decisions of the unfinished stretch as `add` takes them.
    """

    least_chance: float
    start: float = 0.0
    sequence: MeanSequence | None = None
    plain: Moments = field(default_factory=Moments)
    adjusted: Moments = field(default_factory=Moments)
    missing: int = 0
    sums: FloatArray = field(default_factory=lambda: np.zeros((2, _SUMS)))
    waiting: FloatArray = field(default_factory=lambda: np.zeros((0, _COLUMNS)))

    def add(self, rows: Sequence[Sequence[float]] | FloatArray) -> "AdjustedUplift":
        """Add decisions in their order.

        Args:
            rows: (n, 4), the covariate in [0, 1] or NaN if it is missing, the reward in
                [0, 1], 1 for the treatment group and 0 for the baseline, and the
                chance with which a decision was in the baseline group.

        Raises:
            LoggedDataError: a chance of a group is below `least_chance`.
        """
        new = np.asarray(rows, dtype=np.float64).reshape(-1, _COLUMNS)
        chance = np.minimum(new[:, 3], 1 - new[:, 3])
        if new.size and float(chance.min()) < self.least_chance * (1 - 1e-9):
            raise LoggedDataError(
                f"a group had a chance of {chance.min()}; it must be at least "
                f"least_chance, {self.least_chance}"
            )
        waiting, one = np.concatenate([self.waiting, new]), self
        while waiting.shape[0] >= one._room:
            room = one._room
            one, waiting = one._counted(waiting[:room]), waiting[room:]
        return replace(one, waiting=waiting)

    @property
    def now(self) -> "AdjustedUplift":
        """A copy with the unfinished stretch counted, to be read, not added to."""
        return self._counted(self.waiting) if self.waiting.size else self

    @property
    def n(self) -> int:
        """The number of decisions that are counted."""
        return self.adjusted.n

    @property
    def variance_reduction(self) -> float | None:
        """The share of the variance that the covariate removes; may be below 0."""
        if self.n == 0 or self.plain.variance <= 0:
            return None
        return 1 - self.adjusted.variance / self.plain.variance

    def estimate(self, confidence: float) -> Estimate:
        """Return the uplift in [-1, 1], with an interval valid at every look.

        The estimate is the mean of the terms, cut to [-1, 1]: the first ones can be as
        large as 1 / least_chance.
        """
        interval = self._sequence.interval(confidence)
        ends = [interval.lower or 0.0, interval.upper or 0.0]
        lower, upper = (min(max(end, -1.0), 1.0) for end in ends)
        mean = min(max(self.adjusted.mean, -1.0), 1.0) if self.n else None
        return Estimate(mean, replace(interval, lower=lower, upper=upper))

    def to_dict(self) -> State:
        """Return the state as plain numbers."""
        return {
            "least_chance": self.least_chance,
            "start": self.start,
            "sequence": self._sequence.to_dict(),
            "plain": [self.plain.n, self.plain.total, self.plain.total_squares],
            "adjusted": [
                self.adjusted.n,
                self.adjusted.total,
                self.adjusted.total_squares,
            ],
            "missing": self.missing,
            "sums": self.sums.tolist(),
            "waiting": self.waiting.tolist(),
        }

    @classmethod
    def from_dict(cls, state: State) -> "AdjustedUplift":
        """Restore what `to_dict` gave, to the last bit."""
        return cls(
            least_chance=state["least_chance"],
            start=state["start"],
            sequence=MeanSequence.from_dict(state["sequence"]),
            plain=Moments(*state["plain"]),
            adjusted=Moments(*state["adjusted"]),
            missing=state["missing"],
            sums=np.array(state["sums"], dtype=np.float64),
            waiting=np.array(state["waiting"], dtype=np.float64).reshape(-1, _COLUMNS),
        )

    @property
    def _sequence(self) -> MeanSequence:
        most = 1 / self.least_chance
        typical = TYPICAL_REWARD_VARIANCE * (most + 1 / (1 - self.least_chance))
        return self.sequence or MeanSequence(-most, most, typical)

    @property
    def _room(self) -> int:
        """The number of decisions from the last regression to the next."""
        following = [at for at in FIRST_FITS if at > self.n]
        return (
            following[0] if following else FIT_EVERY * (self.n // FIT_EVERY + 1)
        ) - (self.n)

    def _counted(self, rows: FloatArray) -> "AdjustedUplift":
        """Count decisions with the regressions of those before them all."""
        absent = np.isnan(rows[:, 0])
        x = np.where(absent, self._mean_x, rows[:, 0])
        y, treated, baseline_chance = rows[:, 1], rows[:, 2] > 0, rows[:, 3]
        lines = self._lines()
        predicted = np.clip(lines[:, :1] + lines[:, 1:] * x, 0.0, 1.0)
        level = np.clip(lines[:, :1] + lines[:, 1:] * self._mean_x, 0.0, 1.0)
        level = np.broadcast_to(level, predicted.shape)
        terms, plain = (
            _terms(m, y, treated, baseline_chance) for m in (predicted, level)
        )
        sums = self.sums.copy()
        columns = np.stack([np.ones(x.size), x, y, x * x, x * y])
        sums[BASELINE_ROW] += columns[:, ~treated].sum(axis=1)
        sums[TREATMENT_ROW] += columns[:, treated].sum(axis=1)
        return replace(
            self,
            sequence=self._sequence.add(terms),
            plain=self.plain.merge(Moments.of(plain)),
            adjusted=self.adjusted.merge(Moments.of(terms)),
            missing=self.missing + int(absent.sum()),
            sums=sums,
            waiting=np.zeros((0, _COLUMNS)),
        )

    @property
    def _mean_x(self) -> float:
        n, x, *_ = self.sums.sum(axis=0)
        return float(x / n) if n else 0.5

    def _lines(self) -> FloatArray:
        """Return intercept and slope of each group, (2, 2)."""
        both = self.sums.sum(axis=0)
        if both[0] < LEAST_FITTED:
            return np.array([[self.start, 0.0], [self.start, 0.0]])
        # A group with few decisions borrows the regression of both together.
        used = [own if own[0] >= LEAST_FITTED else both for own in self.sums]
        return np.array([_line(own) for own in used])


def _line(sums: FloatArray) -> tuple[float, float]:
    n, x, y, xx, xy = (float(s) for s in sums)
    # Least squares from sums, with a ridge penalty on the slope.
    slope = (xy - x * y / n) / (max(0.0, xx - x * x / n) + RIDGE)
    return (y - slope * x) / n, slope


def _terms(
    predicted: FloatArray, y: FloatArray, treated: BoolArray, chance: FloatArray
) -> FloatArray:
    baseline, treatment = predicted
    # The AIPW term: the difference of the predictions, plus the residual of the drawn
    # group over the group's probability (Waudby-Smith et al. 2024, section 4).
    off = np.where(treated, (y - treatment) / (1 - chance), (baseline - y) / chance)
    terms: FloatArray = treatment - baseline + off
    return terms

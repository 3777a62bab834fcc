"""Bound an estimate whose large weights may have seen no reward yet.

Owns the interval of every estimate from a log that is read once. With y a reward above
the smallest possible one, v the estimate of its mean, w the weights and ESS their
effective sample size, the squared error s² is the larger of the one that the terms have
and of

    floor = V(v) sum w² / (sum w)²,     V(v) = v (phi - v),   phi = sum y² / sum y,

which is what it would be if rewards did not depend on weights: a large weight that has
seen no reward says nothing of the rewards at large weights, and yet the terms have the
less spread the fewer rewards it saw. phi is the larger of the log's own and of the
target's, 1 for rewards of 0 and 1. v is at least phi / (2 ESS) here, and at most phi
minus that. The interval has the values mu that are not rejected if the squared error
grows with V(mu) (Wilson 1927; Rao 1948),

    (v - mu)² <= z² s² V(mu) / V(v).

Estimates that are not divided by their weights can leave the range of rewards, and have
errors where v is near phi too. For them phi is as large as it takes for V / s² to be at
most ESS, which changes nothing at rare rewards; for IPS it is n / ESS times as large.

Where the mean weight is below 1 by more than errors, the log lacks some of the target's
choices, and rewards there can be anything that was possible: the interval is that much
wider. Modified weights leave out a part that has an error of its own, see
`largest_bias`.

References:
    Wilson (1927), "Probable inference, the law of succession, and statistical
    inference", JASA 22. Rao (1948), Mathematical Proceedings of the Cambridge
    Philosophical Society 44.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from scipy import special

from bandit_svc.ope.arrays import FloatArray, inner
from bandit_svc.ope.errors import NoDataError
from bandit_svc.ope.estimators.intervals import normal, standard_error
from bandit_svc.ope.estimators.policy_value import PolicyValue
from bandit_svc.ope.estimators.weights import missing_weight
from bandit_svc.ope.interval import UNBOUNDED, Interval
from bandit_svc.ope.logged import LoggedData

CONFIDENCE = 0.95
_Z = float(special.ndtri((1 + CONFIDENCE) / 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What an estimator weighs, and by what it divides.

    Attributes:
        uses_model: it weighs what a reward model got wrong, not rewards.
        divided: it is divided by the sum of its weights.
    """

    uses_model: bool = False
    divided: bool = False


class _Spread(NamedTuple):
    """The spread of rewards at one value.

    Attributes:
        level: v, above the smallest reward and within its limits.
        size: phi.
        variance: V(level).
    """

    level: float
    size: float
    variance: float


def score_interval(
    logged: LoggedData,
    value: PolicyValue,
    form: Form,
    weight: FloatArray | None = None,
) -> Interval:
    """Return the interval of an estimate; no ends if there are fewer than two draws.

    Args:
        logged: the log.
        value: the estimate.
        form: of the estimator.
        weight: (n,), its modified weights; None if they are those of the log. The
            interval is then wider by the bias.
    """
    try:
        error = standard_error(value, logged.unit) ** 2
    except NoDataError:
        return UNBOUNDED
    evidence = logged.evidence if weight is None else logged.counted(weight)
    spread = _spread(logged, value.value, form)
    floor = spread.variance * _share(logged, evidence, form)
    if logged.unit is not None:
        alone = standard_error(value) ** 2
        floor *= max(1.0, error / alone) if alone > 0 else 1.0
    error = max(error, floor)
    lower, upper = _ends(logged, value.value, error, spread, form)
    if weight is not None:
        bias = largest_bias(logged, value.value, weight, form)
        lower, upper = lower - bias, upper + bias
    return _within(logged, value.value, *_with_missing(logged, lower, upper, form))


def largest_bias(
    logged: LoggedData, value: float, weight: FloatArray, form: Form
) -> float:
    """Return the largest bias of modified weights that the log does not exclude.

    They leave out mean((w - w') e), with e a reward or what the model got wrong: Su et
    al. (2020), section 5. The weights were chosen for it to be small on this log, so
    its own error counts too, which is not smaller than if e did not depend on weights.

    Args:
        logged: the log.
        value: the estimate.
        weight: (n,), its modified weights, w'.
        form: of the estimator.
    """
    error = logged.reward
    if form.uses_model:
        error = error - logged.predictions()[0]
    left = logged.weight - weight
    if not left.any():
        return 0.0
    lost = PolicyValue.averaged(left * error, logged.multiplicity)
    ends = normal(lost, CONFIDENCE, logged.unit)
    seen = max(abs(float(ends.lower or 0)), abs(float(ends.upper or 0)))
    spread, counted = _spread(logged, value, form), logged.counted(left)
    # Without a model, the rewards that are left out are all of one sign.
    mean = 0.0 if form.uses_model else spread.level * float(counted.mean())
    floor = spread.variance * _share(logged, counted, form)
    return max(seen, mean + _Z * math.sqrt(floor))


@dataclass(frozen=True, slots=True)
class _Sums:
    """What a log says of rewards and weights, summed up once.

    Attributes:
        size: phi, above the smallest reward.
        total: the sum of the weights.
        squares: the sum of their squares.
        missing: the share of the target's choices that the log never makes.
    """

    size: float
    total: float
    squares: float
    missing: float

    @classmethod
    def of(cls, logged: LoggedData) -> "_Sums":
        """Sum up a log."""
        evidence, counts = logged.evidence, logged.multiplicity
        above, size = logged.reward, 1.0
        if logged.reward_minimum:
            above = above - logged.reward_minimum
        if (largest := float(above.max())) > 0:
            counted = above if counts is None else counts * above
            total = float(counted.sum())
            size = (inner(counted, above) + largest**2) / (total + largest)
            weighed = evidence * above
            if (target := float(weighed.sum())) > 0:
                size = max(size, inner(weighed, above) / target)
        return cls(
            size,
            float(evidence.sum()),
            inner(evidence, evidence),
            missing_weight(evidence),
        )

    @property
    def worth(self) -> float:
        """The effective sample size."""
        return self.total**2 / self.squares if self.squares > 0 else 0.0


def _sums(logged: LoggedData) -> _Sums:
    return logged.once("sums", lambda: _Sums.of(logged))


def _spread(logged: LoggedData, value: float, form: Form) -> _Spread:
    sums = _sums(logged)
    size, half = sums.size, 0.5 / max(sums.worth, 1.0)
    above = value - logged.reward_minimum
    level = min(max(above, size * half), size * (1 - half))
    if not (form.uses_model or form.divided):
        # The variance of w y is E[w²] E[y²] - v²: phi is mean(w²) times as large.
        size *= max(1.0, sums.squares / logged.n_rounds)
        level = max(above, level)
    return _Spread(level, size, max(level * (size - level), 0.0))


def _share(logged: LoggedData, evidence: FloatArray, form: Form) -> float:
    """Return the floor at V = 1."""
    sums, n = _sums(logged), logged.n_rounds
    same = evidence is logged.evidence
    squares = sums.squares if same else inner(evidence, evidence)
    if not (form.uses_model or form.divided):
        return squares / max(sums.squares, n) / n
    share = squares / sums.total**2
    return share * _unexplained(logged) if form.uses_model else share


def _unexplained(logged: LoggedData) -> float:
    """Return the squared error of the model over that of the mean reward."""

    def found() -> float:
        wrong = logged.reward - logged.predictions()[0]
        spread = float(logged.reward.var()) * logged.n_rounds
        return inner(wrong, wrong) / spread if spread > 0 else 1.0

    return logged.once("unexplained", found)


def _ends(
    logged: LoggedData, value: float, error: float, spread: _Spread, form: Form
) -> tuple[float, float]:
    """Return both ends, above the smallest reward as they are below it."""
    minimum = logged.reward_minimum
    if error <= 0:
        return value, value
    level, size, variance = spread
    if not form.divided or form.uses_model:
        size = max(size, level + error * _sums(logged).worth / level)
        variance = level * (size - level)
    if variance <= 0 or value - minimum > size:
        half = _Z * math.sqrt(error)
        return value - half, value + half
    c = _Z * _Z * error / variance
    # (1 + c) mu² - (2 v + c phi) mu + v² = 0, in the form that loses no digits.
    middle = level + c * size / 2
    root = math.sqrt(max(0.0, middle * middle - (1 + c) * level * level))
    upper = (middle + root) / (1 + c)
    lower = level * level / (middle + root)
    return min(lower + minimum, value), max(upper + minimum, value)


def _with_missing(
    logged: LoggedData, lower: float, upper: float, form: Form
) -> tuple[float, float]:
    """Widen by what the target would have done and the log never did."""
    missing = _sums(logged).missing
    if missing <= 0:
        return lower, upper
    lowest, highest = logged.reward_minimum, logged.reward_maximum
    if form.uses_model:
        gap = missing * (highest - lowest)
        return lower - gap, upper + gap
    found = 1 - missing if form.divided else 1.0
    return found * lower + missing * lowest, found * upper + missing * highest


def _within(logged: LoggedData, value: float, lower: float, upper: float) -> Interval:
    # An estimate outside of the range of rewards keeps its interval around it.
    if logged.reward_minimum >= 0:
        lower = max(lower, min(0.0, value))
    if logged.reward_maximum <= 1:
        upper = min(upper, max(1.0, value))
    return Interval(min(lower, value), max(upper, value))

"""Estimate what a programme earns, as a whole, by part, and together.

Owns the estimates of a programme and their intervals, from sums by pattern. Each
estimate is a function of weighted means of unit totals. Its influence on one more unit
of a pattern is linear in the unit's total, a y + b, so that its squared error by unit
is the sum over patterns of  a² S2 + 2 a b S1 + b² n,  times n / (n - 1).

    mean of group g   m_g = sum w S1 / sum w n,   w = 1 / chance of the group
    whole             m_experiment - m_holdout
    part of k         s_k (m_k1 - m_k0), for units that met k in the group
                      `experiment`, of its treatment and of its own holdout;
                      s_k is the share of that group's units that got its treatment
    interaction       whole - sum of the parts

The group `experiment` is compared as it is, own holdouts included, and so are the
parts: they add up to the whole only where no experiment changes what another one
brings.
Groups are those at a unit's first decision; one that a changed share moves later stays
where it was counted, which pulls estimates towards 0.

Intervals hold at every look, in the limit of many units: the boundary is that of
sequences/asymptotic.py with matured decisions as its count, since totals grow with
them. Variances are padded as there, with pseudo-units of the typical size of a total
that is not 0. No interval is shown before each side has MINIMAL_UNITS effective units
and all sides MINIMAL_BRINGING units whose total is not 0. Measured:
tests/ope/programmes/test_coverage.py and benchmarks/truth/parts/programmes.py.

References:
    Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), "Time-uniform central limit
    theory and asymptotic confidence sequences", Annals of Statistics 52(6). Deng,
    Knoblich and Lu (2018), "Applying the delta method in metric analytics", KDD.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from bandit_svc.ope.programmes.patterns import Pattern, ProgrammeSums, Sums
from bandit_svc.ope.sequences.asymptotic import PSEUDO_COUNT, boundary

MINIMAL_UNITS = 50
"""Effective units of a side before an interval is shown."""
MINIMAL_BRINGING = 30
"""Units whose total is not 0, of all sides together."""

_Line = tuple[float, float]
"""What one more unit of a pattern of total y adds to an estimate: a y + b."""
_Lines = Mapping[Pattern, _Line]


class Effect(NamedTuple):
    """An estimate of a programme.

    Attributes:
        estimate: None while a side has no unit.
        squared_error: by unit, padded.
        padding: what the pseudo-units have added to it.
        units: that are compared.
        decisions: of these units.
        effective: effective units of the smallest side.
        bringing: units whose total is not 0.
        lines: the influence of a unit, by pattern.
    """

    estimate: float | None = None
    squared_error: float = 0.0
    padding: float = 0.0
    units: int = 0
    decisions: int = 0
    effective: float = 0.0
    bringing: int = 0
    lines: _Lines = MappingProxyType({})

    @property
    def is_known(self) -> bool:
        """Return whether there are enough units for an interval."""
        return self.effective >= MINIMAL_UNITS and self.bringing >= MINIMAL_BRINGING

    def interval(self, confidence: float) -> tuple[float, float] | None:
        """Return both ends, valid at every look; None with too few units.

        Args:
            confidence: in (0, 1), for all looks together.
        """
        if self.estimate is None or not self.is_known:
            return None
        n = float(max(self.decisions, 1))
        reach = boundary(n, confidence) * math.sqrt(n)
        half = reach * math.sqrt(self.squared_error)
        return self.estimate - half, self.estimate + half


class _Mean(NamedTuple):
    """A weighted mean of unit totals; `padding` is of its squared error."""

    value: float
    effective: float
    padding: float
    lines: _Lines


class Effects:
    """The estimates of one programme at one look."""

    def __init__(self, sums: ProgrammeSums) -> None:
        self._patterns = sums.totals()
        self._size = _typical_size(self._patterns.values())

    def experiments(self) -> list[int]:
        """Return the numbers of the experiments that units have met."""
        return sorted({arm[0] for p in self._patterns for arm in p.arms})

    def units_of(self, group: str) -> Sums:
        """Return the plain sums of the units of a group."""
        return _together(s for p, s in self._patterns.items() if p.group == group)

    def chances_of(self, group: str) -> frozenset[float]:
        """Return the chances with which units came into a group."""
        return frozenset(p.chance for p in self._patterns if p.group == group)

    def group_mean(self, group: str) -> float | None:
        """Return the mean total of the units of a group; None without a unit."""
        mean = self._mean_of(group)
        return None if mean is None else mean.value

    def between(self, group: str, reference: str) -> Effect:
        """Compare the means of two groups."""
        first, second = self._mean_of(group), self._mean_of(reference)
        if first is None or second is None:
            return Effect()
        return self._effect(first, second, 1.0, {})

    def part(self, experiment: int) -> Effect:
        """Estimate what one experiment adds as it is run, per unit of `experiment`.

        Args:
            experiment: its number.
        """

        def mean(*, treated: bool) -> _Mean | None:
            def weight(pattern: Pattern) -> float:
                arm = pattern.arm(experiment)
                if pattern.group != "experiment" or arm is None or arm[1] != treated:
                    return 0.0
                return 1 / (pattern.chance * arm[2])

            return self._mean(weight)

        first, second = mean(treated=True), mean(treated=False)
        if first is None or second is None:
            return Effect()
        mine = [p for p in self._patterns if p.group == "experiment"]
        arms = {p: p.arm(experiment) for p in mine}
        got = {p: float(arm is not None and arm[1]) for p, arm in arms.items()}
        weights = {p: self._patterns[p].units / p.chance for p in mine}
        whole = sum(weights.values())
        share = sum(weights[p] * got[p] for p in mine) / whole
        difference = first.value - second.value
        # The share is an estimate too.
        of_share = {p: difference * (got[p] - share) / (p.chance * whole) for p in mine}
        return self._effect(first, second, share, of_share)

    def interaction(self, whole: Effect, parts: Sequence[Effect]) -> Effect:
        """Return the whole less the sum of the parts."""
        all_of = (whole, *parts)
        estimates = [one.estimate for one in all_of if one.estimate is not None]
        if len(estimates) < len(all_of):
            return Effect()
        lines = dict(whole.lines)
        for part in parts:
            _add(lines, part.lines, -1.0)
        padding = sum(one.padding for one in all_of)
        used = _together(self._patterns[pattern] for pattern in lines)
        return Effect(
            estimates[0] - sum(estimates[1:]),
            self._squared_error(lines) + padding,
            padding,
            used.units,
            used.decisions,
            min(one.effective for one in all_of),
            used.bringing,
            lines,
        )

    def _mean_of(self, group: str) -> _Mean | None:
        return self._mean(lambda p: 1 / p.chance if p.group == group else 0.0)

    def _mean(self, weight: Callable[[Pattern], float]) -> _Mean | None:
        weights = {p: w for p in self._patterns if (w := weight(p)) > 0}
        sums = [(w, self._patterns[p]) for p, w in weights.items()]
        whole = sum(w * s.units for w, s in sums)
        if not whole:
            return None
        value = sum(w * s.total for w, s in sums) / whole
        squares = sum(w * w * s.units for w, s in sums)
        effective = whole * whole / squares
        heaviest = max(weights.values()) * whole / squares
        added = PSEUDO_COUNT * self._size**2 / 4 / (effective + PSEUDO_COUNT)
        return _Mean(
            value,
            effective,
            heaviest**2 * added / effective,
            {p: (w / whole, -w * value / whole) for p, w in weights.items()},
        )

    def _effect(
        self,
        first: _Mean,
        second: _Mean,
        share: float,
        more: Mapping[Pattern, float],
    ) -> Effect:
        """Return share (first - second).

        Args:
            first: a mean.
            second: the one that it is compared with.
            share: a factor.
            more: the influence of a unit on the factor, by pattern.
        """
        lines: dict[Pattern, _Line] = {}
        _add(lines, first.lines, share)
        _add(lines, second.lines, -share)
        compared = _together(self._patterns[pattern] for pattern in lines)
        _add(lines, {p: (0.0, b) for p, b in more.items()}, 1.0)
        padding = share**2 * (first.padding + second.padding)
        return Effect(
            share * (first.value - second.value),
            self._squared_error(lines) + padding,
            padding,
            compared.units,
            compared.decisions,
            min(first.effective, second.effective),
            compared.bringing,
            lines,
        )

    def _squared_error(self, lines: _Lines) -> float:
        """Return the squared error by unit of a sum of influences."""
        found, n = 0.0, 0
        for pattern, (a, b) in lines.items():
            sums = self._patterns[pattern]
            n += sums.units
            found += a * a * sums.squares + 2 * a * b * sums.total + b * b * sums.units
        return max(found, 0.0) * n / max(n - 1, 1)


def _add(lines: dict[Pattern, _Line], more: _Lines, times: float) -> None:
    for pattern, (a, b) in more.items():
        before = lines.get(pattern, (0.0, 0.0))
        lines[pattern] = (before[0] + times * a, before[1] + times * b)


def _typical_size(sums: Iterable[Sums]) -> float:
    """Return the root of the mean square of the totals that are not 0."""
    all_of = _together(sums)
    return math.sqrt(all_of.squares / all_of.bringing) if all_of.bringing else 0.0


def _together(sums: Iterable[Sums]) -> Sums:
    rows = [Sums(), *sums]
    return Sums(*map(sum, zip(*rows, strict=True)))

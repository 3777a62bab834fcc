"""Sums of the units of a programme, by how each was treated.

Owns the sums from which every estimate of a programme is made. A pattern is how a unit
was treated: the group it was first seen in, and its own group in each experiment that
it has met, each with its chance. Units of one pattern have one weight in every mean, so
that counts, sums and squares of their totals by pattern say all that a mean and its
error need.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

Arm = tuple[int, bool, float]
"""An experiment by number, whether its treatment was met, and the chance of that."""


class Pattern(msgspec.Struct, frozen=True, array_like=True):
    """How a unit was treated.

    Attributes:
        group: of the programme, at the unit's first decision.
        chance: of that group then, above 0.
        arms: of the experiments that the unit has met, in the order of their numbers.
    """

    group: str
    chance: float
    arms: tuple[Arm, ...] = ()

    def with_arm(self, arm: Arm) -> "Pattern":
        """Return the pattern after a unit has met an experiment for the first time."""
        return Pattern(self.group, self.chance, tuple(sorted((*self.arms, arm))))

    def arm(self, experiment: int) -> Arm | None:
        """Return the arm in an experiment; None where it was not met."""
        return next((arm for arm in self.arms if arm[0] == experiment), None)


class UnitTotal(msgspec.Struct, frozen=True, array_like=True):
    """A unit, with all that it has brought.

    Attributes:
        total: the sum of its rewards in all experiments of the programme.
        decisions: how many of its decisions have matured.
        crossed: it has been seen in another group than at first.
    """

    pattern: Pattern
    total: float = 0.0
    decisions: int = 0
    crossed: bool = False


class Sums(NamedTuple):
    """Of the units of one pattern.

    Attributes:
        units: their number.
        bringing: those whose total is not 0.
        total: the sum of their totals.
        squares: the sum of the squares of their totals.
        decisions: that have matured.
    """

    units: int = 0
    bringing: int = 0
    total: float = 0.0
    squares: float = 0.0
    decisions: int = 0

    def plus(self, unit: UnitTotal, times: int) -> "Sums":
        """Return the sums with a unit added (1) or taken out (-1)."""
        return Sums(
            self.units + times,
            self.bringing + times * (unit.total != 0),
            self.total + times * unit.total,
            self.squares + times * unit.total * unit.total,
            self.decisions + times * unit.decisions,
        )


class ProgrammeSums(msgspec.Struct, frozen=True, array_like=True):
    """The sums of all units of a programme.

    Attributes:
        patterns: the units by pattern.
        crossed: units that have been seen in two groups.
    """

    patterns: tuple[tuple[Pattern, Sums], ...] = ()
    crossed: int = 0

    def after(
        self, changes: Iterable[tuple[UnitTotal | None, UnitTotal]]
    ) -> "ProgrammeSums":
        """Return the sums after units have changed.

        Args:
            changes: each unit as it was, None for a new one, and as it is.
        """
        found: dict[Pattern, Sums] = dict(self.patterns)
        crossed = self.crossed
        for before, after in changes:
            if before is not None:
                found[before.pattern] = found[before.pattern].plus(before, -1)
                crossed -= before.crossed
            found[after.pattern] = found.get(after.pattern, Sums()).plus(after, 1)
            crossed += after.crossed
        kept = sorted(
            ((pattern, sums) for pattern, sums in found.items() if sums.units),
            key=lambda item: msgspec.msgpack.encode(item[0]),
        )
        return ProgrammeSums(tuple(kept), crossed)

    def totals(self) -> Mapping[Pattern, Sums]:
        """Return the units by pattern."""
        return dict(self.patterns)

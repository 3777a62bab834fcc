"""Sum up weighted rewards in many parts of the decisions, by unit.

Owns the sums of each part, and how a decision changes those of all parts that it
belongs to: in closed form, at a cost that does not grow with the log. They are those of
uplift/unit_sums.py over the decisions of the part, with the weights that the decisions
have in the whole: what a unit was shown before, wherever that was. The state of a unit
is its sums in each part that it has been in (packed.py); a decision without a unit is a
unit of its own, with no state.

A unit is summed up in at most MOST_PARTS parts, the first that it comes to. Its
decisions in further ones are left out of them and counted: which these are follows
from what came before a decision, in both groups by the same rule.

Sums are added one row at a time, in their order, so that the same decisions give the
same bits however they were batched.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bandit_svc.ope.arrays import BoolArray, FloatArray, IntArray
from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.parts.columns import (
    COLUMNS,
    PAIRS,
    PRODUCTS,
    WEIGHTS,
    WHOLE,
    WHOLE_PRODUCTS,
)
from bandit_svc.ope.parts.packed import MOST_PARTS, UnitParts, pack, unpack
from bandit_svc.ope.uplift.columns import WEIGHTS as WHOLE_WEIGHTS
from bandit_svc.ope.uplift.columns import Columns
from bandit_svc.ope.uplift.totals import COUNTS, LARGEST, UNITS, Totals
from bandit_svc.ope.uplift.unit_sums import NO_UNIT, in_turn

_SUMS = COUNTS + COLUMNS
_BY_DECISION = _SUMS + PRODUCTS
_BETWEEN = _BY_DECISION + PRODUCTS
_ADDED = _BETWEEN + LARGEST
_EXTREMES = 1 + WEIGHTS
_WIDTH = _ADDED + _EXTREMES
GROUPS = 2
_ONCE: IntArray = np.r_[0:GROUPS, COUNTS:_BY_DECISION, _BETWEEN:_ADDED]
"""What a decision adds to a part whatever its unit did before."""


@dataclass(frozen=True, slots=True, eq=False)
class PartSums:
    """The sums of parts, side by side.

    Attributes:
        usual: the commonest reward; others are orders.
        added: (parts, ...), what adds up: counts as in Totals, sums of columns, their
            products by decision, those between different decisions of a unit, and
            without weights the sum of rewards, of their squares, and of orders.
        extremes: (parts, ...), the largest reward so far (-inf before any) and the
            largest of each weight.
    """

    usual: float
    added: FloatArray
    extremes: FloatArray

    @classmethod
    def empty(cls, usual: float = 0.0) -> "PartSums":
        """Return the sums of no parts."""
        return cls(usual, np.zeros((0, _ADDED)), np.zeros((0, _EXTREMES)))

    @property
    def count(self) -> int:
        """The number of parts."""
        return int(self.added.shape[0])

    def widened(self, count: int) -> "PartSums":
        """Return the sums with as many parts; new ones have no decisions."""
        more = max(0, count - self.count)
        extremes = np.zeros((more, _EXTREMES))
        extremes[:, 0] = -np.inf
        return PartSums(
            self.usual,
            np.concatenate([self.added, np.zeros((more, _ADDED))]),
            np.concatenate([self.extremes, extremes]),
        )

    def without(self, parts: Sequence[int]) -> "PartSums":
        """Return the sums with nothing in some of the parts."""
        added, extremes = self.added.copy(), self.extremes.copy()
        added[list(parts)] = 0.0
        extremes[list(parts)] = [-np.inf, *[0.0] * WEIGHTS]
        return replace(self, added=added, extremes=extremes)

    def changed(
        self,
        parts: IntArray,
        y: FloatArray,
        by_decision: FloatArray,
        between: FloatArray,
    ) -> "PartSums":
        """Return the sums with changes of distinct parts added, a row each.

        Args:
            y: of the sums of columns.
            by_decision: of their products by decision.
            between: of those between different decisions of a unit.
        """
        added = self.added.copy()
        added[parts, COUNTS:_SUMS] += y
        added[parts, _SUMS:_BY_DECISION] += by_decision
        added[parts, _BY_DECISION:_BETWEEN] += between
        return replace(self, added=added)

    def with_replaced(
        self, parts: IntArray, old: FloatArray, new: FloatArray
    ) -> "PartSums":
        """Return the sums with one reward of each of the parts replaced."""
        added, extremes = self.added.copy(), self.extremes.copy()
        orders = (new != self.usual) * 1.0 - (old != self.usual)
        change = np.stack([new - old, new**2 - old**2, orders], axis=1)
        added[parts, _BETWEEN:_ADDED] += change
        extremes[parts, 0] = np.maximum(extremes[parts, 0], new)
        return replace(self, added=added, extremes=extremes)

    def totals(self, parts: Sequence[int]) -> Totals:
        """Return some of the parts as totals, in a leading dimension.

        Sums that a part does not keep are 0: those of ONE_STEP and of metrics.
        """
        places = np.array(parts, dtype=np.int64)
        added, extremes = self.added[places], self.extremes[places]
        columns = Columns()
        n = places.size
        sums = np.zeros((n, columns.count))
        sums[:, WHOLE] = added[:, COUNTS:_SUMS]
        by_decision = np.zeros((n, len(columns.pairs)))
        by_decision[:, WHOLE_PRODUCTS] = added[:, _SUMS:_BY_DECISION]
        by_unit = by_decision.copy()
        by_unit[:, WHOLE_PRODUCTS] += added[:, _BY_DECISION:_BETWEEN]
        heaviest = np.zeros((n, WHOLE_WEIGHTS))
        heaviest[:, WHOLE[:WEIGHTS]] = extremes[:, 1:]
        plain = np.concatenate([added[:, _BETWEEN:], extremes[:, :1]], axis=1)
        return Totals(
            columns=columns,
            chances=(),
            usual=np.array([self.usual]),
            counts=added[:, :COUNTS],
            sums=sums,
            by_unit=by_unit,
            by_decision=by_decision,
            plain=plain[:, None],
            heaviest=heaviest,
        )

    def to_bytes(self) -> bytes:
        """Return the sums as bytes, a function of the numbers alone."""
        whole = np.concatenate([self.added, self.extremes], axis=1)
        return bytes(np.append(self.usual, whole).astype("<f8"))

    @classmethod
    def from_bytes(cls, stored: bytes) -> "PartSums":
        """Restore what `to_bytes` returned, to the last bit.

        Raises:
            LoggedDataError: the bytes are not such sums.
        """
        if len(stored) % 8 or len(stored) // 8 % _WIDTH != 1:
            raise LoggedDataError(
                f"{len(stored)} bytes are no sums of parts; they must be 8 more than a "
                f"multiple of {8 * _WIDTH}"
            )
        numbers = np.frombuffer(stored, dtype="<f8").astype(np.float64)
        whole = numbers[1:].reshape(-1, _WIDTH)
        return cls(float(numbers[0]), whole[:, :_ADDED], whole[:, _ADDED:])


@dataclass(frozen=True, slots=True, eq=False)
class PartRows:
    """Decisions, and the parts that each belongs to, in order.

    Attributes:
        unit: (n,), the place of each decision's unit in the list of states; NO_UNIT for
            a decision without a unit.
        y: (n, COLUMNS).
        reward: (n,), not weighted.
        decision: (rows,), of each row; ascending.
        part: (rows,).
    """

    unit: IntArray
    y: FloatArray
    reward: FloatArray
    decision: IntArray
    part: IntArray

    def rows(self, chosen: BoolArray) -> "PartRows":
        """Return the same decisions with some of the rows."""
        return replace(self, decision=self.decision[chosen], part=self.part[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class UnitColumns:
    """The sums of units over all decisions that are compared, (k, COLUMNS) each.

    They need not be kept twice for parts that a unit was in with each decision.
    """

    before: FloatArray
    after: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class AddedParts:
    """The sums of parts after a batch.

    Attributes:
        states: of the units, in the order in which they were passed.
        left_out: rows of units that have been in MOST_PARTS parts already.
    """

    sums: PartSums
    states: list[bytes]
    left_out: int


def added_parts(
    sums: PartSums,
    states: Sequence[bytes],
    units: UnitColumns,
    rows: PartRows,
    alive: BoolArray | None = None,
) -> AddedParts:
    """Add rows in their order.

    Args:
        sums: of the parts so far; those of new parts begin here.
        states: of the units that `rows.unit` counts; empty for a new one.
        units: sums of the same units before and after all of the rows' decisions.
        rows: to add.
        alive: (parts,), false for parts that units forget.
    """
    count = int(rows.part.max(initial=sums.count - 1)) + 1
    sums = sums.widened(count)
    held = unpack(states, units.before)
    if alive is not None:
        held = held.at(alive[held.part])
    unit = rows.unit[rows.decision]
    # A decision without a unit has no place: it never comes again.
    own = np.flatnonzero(unit != NO_UNIT)
    every, first, inverse = np.unique(
        np.concatenate(
            [held.unit * count + held.part, unit[own] * count + rows.part[own]]
        ),
        return_index=True,
        return_inverse=True,
    )
    known = held.unit.size
    kept = _kept(every // count, first, known, len(states))
    place = np.full(unit.size, every.size)
    place[own] = inverse[known:]
    stays = np.append(kept, True)[place]
    left_out = int(unit.size - stays.sum())
    if left_out:
        place = place[stays]
        rows = rows.rows(stays)
    whole = np.zeros((every.size + 1, COLUMNS))
    whole[inverse[:known]] = held.sums
    back, before = _before(whole, place, rows, inverse[:known])
    after = UnitParts(every[kept] // count, every[kept] % count, whole[:-1][kept])
    return AddedParts(
        _with_rows(sums, rows, back, before),
        pack(after, units.after),
        left_out,
    )


def _kept(unit: IntArray, first: IntArray, known: int, units: int) -> BoolArray:
    """Return which parts of units are summed up: the first MOST_PARTS of each.

    Args:
        unit: (k,), of each part of a unit, in order.
        first: (k,), in which order they came.
        known: how many of them were there before.
        units: how many units there are.
    """
    kept = np.ones(unit.size, dtype=np.bool_)
    if np.bincount(unit, minlength=units).max(initial=0) > MOST_PARTS:
        order = np.lexsort((first, unit))
        ordered = unit[order]
        rank = np.arange(unit.size) - np.searchsorted(ordered, ordered)
        kept[order] = (rank < MOST_PARTS) | (first[order] < known)
    return kept


def _before(
    whole: FloatArray, place: IntArray, rows: PartRows, known: IntArray
) -> tuple[IntArray, FloatArray]:
    """Add rows to the sums of their places, of which the last one is nobody's.

    Args:
        known: places that have sums.

    Returns:
        The rows whose place may have had sums before them, in order, and those sums.
    """
    comes_back = np.bincount(place, minlength=whole.shape[0]) > 1
    comes_back[known] = True
    comes_back[-1] = False
    again = comes_back[place]
    once = np.flatnonzero(~again)
    whole[place[once]] = rows.y[rows.decision[once]]
    back = np.flatnonzero(again)
    y, mine = rows.y[rows.decision[back]], place[back]
    before = np.empty_like(y)
    for turn in in_turn(mine):
        before[turn] = whole[mine[turn]]
        whole[mine[turn]] += y[turn]
    return back, before


def _with_rows(
    sums: PartSums, rows: PartRows, back: IntArray, before: FloatArray
) -> PartSums:
    i, j = PAIRS.T
    y, reward, part = rows.y, rows.reward, rows.part
    added, extremes = sums.added.copy(), sums.extremes.copy()
    # A decision is of the group that RANDOMISED has it in.
    drawn = y[:, :GROUPS] > 0
    new = drawn[rows.decision]
    old, mine = before, y[rows.decision[back]]
    new[back] &= old[:, :GROUPS] == 0
    had = np.zeros(part.size, dtype=np.bool_)
    had[back] = old[:, :GROUPS].any(axis=1)
    # Counts are whole numbers: no order of adding them changes a bit.
    added[:, UNITS] += np.bincount(part, new.any(axis=1) & ~had, sums.count)
    for group in range(GROUPS):
        added[:, UNITS + 1 + group] += np.bincount(part, new[:, group], sums.count)
    orders = reward != sums.usual
    once = np.column_stack(
        [drawn, y, y[:, i] * y[:, j], reward, reward**2, orders],
    )
    most = np.column_stack([reward, y[:, :WEIGHTS]])
    between = old[:, i] * mine[:, j] + mine[:, i] * old[:, j]
    for place, chosen in _by_part(part):
        decisions = rows.decision[chosen]
        added[place, _ONCE] = _sum(added[place, _ONCE], once[decisions])
        extremes[place] = np.maximum(extremes[place], most[decisions].max(axis=0))
    for place, chosen in _by_part(part[back]):
        old_sums = added[place, _BY_DECISION:_BETWEEN]
        added[place, _BY_DECISION:_BETWEEN] = _sum(old_sums, between[chosen])
    return PartSums(sums.usual, added, extremes)


def _by_part(part: IntArray) -> list[tuple[int, IntArray]]:
    """Return the rows of each part, in order."""
    if not part.size:
        return []
    order = np.argsort(part.astype(np.int16), kind="stable")
    places, begins = np.unique(part[order], return_index=True)
    return list(zip(places.tolist(), np.split(order, begins[1:]), strict=True))


def _sum(start: FloatArray, rows: FloatArray) -> FloatArray:
    """Add rows to a start, one after the other: no other order gives the same bits."""
    return np.asarray(np.add.reduce(np.concatenate([start[None], rows]), axis=0))

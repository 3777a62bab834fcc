"""The sums of the uplift by unit, as joined decisions add to them.

Owns the kept form and the order in which decisions, looks and units are added. The sums
are a function of the joined order and of the layout that the newest definition asks
for, and say up to which position they count. A join adds to them while they are at its
beginning and in that layout. After an upgrade or a change of the layout they are made
anew from the joined order (services.learning.join, `sum_up`).
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from bandit_svc.domain.events.decision import Decision
from bandit_svc.ope.arrays import BoolArray, FloatArray, IntArray
from bandit_svc.ope.parts.columns import COLUMNS, WHOLE
from bandit_svc.ope.parts.sums import UnitColumns
from bandit_svc.ope.uplift.columns import RANDOMISED
from bandit_svc.ope.uplift.history_weights import Intervals
from bandit_svc.ope.uplift.mixture_bets import MixtureBets, MixtureDraws
from bandit_svc.ope.uplift.sides import sides
from bandit_svc.ope.uplift.totals import Totals
from bandit_svc.ope.uplift.unit_state import unpack
from bandit_svc.ope.uplift.unit_sums import NO_UNIT, JoinedDecisions, added
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.parts.growing import GrowingParts
from bandit_svc.services.learning.parts.kept import KeptParts, apart, together
from bandit_svc.services.learning.parts.returns import GrowingReturns
from bandit_svc.services.learning.uplift_headline import Headline
from bandit_svc.services.learning.uplift_looks import Look, Looks
from bandit_svc.services.learning.uplift_rows import (
    Joined,
    Layout,
    draws_of,
    mixture_of,
    units_of,
    values_of,
)
from bandit_svc.storage.joined.joins import Joins
from bandit_svc.storage.rows import ClosedDecision, UpliftSums

FORM = 2
"""1 had no sums of segments and variants."""


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """The sums as bytes hold them.

    Attributes:
        position: the last joined one that counts.
        looks: at the sums of the past.
        bets: exact ones on the uplift; empty once a unit has come back, or where the
            log lacks a pmf or the range is one of money.
        parts: the sums of segments and variants.
        form: of all this and of the units; sums of another one begin anew.
        returns: units by whether they were seen again; empty without a retention.
    """

    position: int
    layout: Layout
    totals: bytes
    looks: Looks = Looks()
    bets: bytes = b""
    parts: bytes = b""
    form: int = 1
    returns: bytes = b""

    @property
    def sums(self) -> Totals:
        """The totals, to be read or added to."""
        return Totals.from_bytes(self.totals)

    @property
    def headline(self) -> Headline:
        """The sums of the headline."""
        bets = MixtureBets.from_bytes(self.bets) if self.bets else None
        return Headline(self.layout, self.sums, bets)


def kept_uplift(joins: Joins, number: int) -> Kept | None:
    """Return the kept sums of an experiment, None if there are none of this form."""
    return _kept(joins.uplift(number))


def _kept(state: bytes | None) -> Kept | None:
    if state is None:
        return None
    kept = msgspec.msgpack.decode(state, type=Kept)
    return kept if kept.form == FORM else None


class _Placed(NamedTuple):
    """Joined decisions of one experiment, with the units that they are of.

    Attributes:
        units: their hashes, each once.
        unit: the place of each decision's among them.
    """

    joined: Joined
    units: Sequence[int]
    unit: IntArray

    @property
    def number(self) -> int:
        """The number of the experiment."""
        return self.joined.number


def _placed(definitions: Definitions, joined: Joined) -> _Placed:
    """Find the units of joined decisions."""
    return _Placed(joined, *units_of(definitions.hashes(joined.number), joined))


def uplift_after(
    joins: Joins,
    definitions: Definitions,
    closed: Sequence[ClosedDecision],
    choices: Sequence[Decision],
) -> dict[int, UpliftSums]:
    """Return the new sums of each experiment that a batch adds to.

    Those that are not at the beginning of the batch are left out: they follow.
    """
    grouped = _by_experiment(closed, choices)
    before = joins.before([joined.number for joined in grouped])
    found: dict[int, UpliftSums] = {}
    adding: list[tuple[_Placed, Kept | None, Layout]] = []
    for joined in grouped:
        number = joined.number
        last, kept = before[number].position, _kept(before[number].uplift)
        definition = definitions.newest(number)
        if definition is None:
            # Its row in the store is damaged; the others are summed up.
            continue
        layout = Layout.of(definition)
        begins = last == 0 if kept is None else kept.position == last
        if begins and (kept is None or kept.layout == layout):
            adding.append((_placed(definitions, joined), kept, layout))
    known = joins.states_of_units({p.number: p.units for p, kept, _ in adding if kept})
    for one, kept, layout in adding:
        number = one.number
        end = before[number].position + len(one.joined.closed)
        stored = known.get(number, {})
        found[number] = _added(stored, definitions, kept, layout, one, end)
    return found


def newest_layout(definitions: Definitions, number: int) -> Layout:
    """Return the layout that the current definition of an experiment asks for.

    Raises:
        LookupError: the store has lost the experiment.
    """
    definition = definitions.newest(number)
    if definition is None:
        raise LookupError(f"experiment number {number} is gone")
    return Layout.of(definition)


def uplift_with(
    joins: Joins,
    definitions: Definitions,
    kept: Kept | None,
    layout: Layout,
    joined: Joined,
    position: int,
) -> UpliftSums:
    """Add the next joined decisions of an experiment.

    Args:
        joins: have the states of units.
        definitions: of the experiments.
        kept: the sums of all before them; None at the first.
        layout: of the sums.
        joined: at least one.
        position: of the last one in the joined order.
    """
    new = _placed(definitions, joined)
    stored = joins.unit_states(joined.number, new.units) if kept else {}
    return _added(stored, definitions, kept, layout, new, position)


def _added(
    stored: Mapping[int, bytes],
    definitions: Definitions,
    kept: Kept | None,
    layout: Layout,
    new: _Placed,
    position: int,
) -> UpliftSums:
    """Add decisions whose units are placed; `stored`: states of those with one."""
    joined, units, unit = new
    draws = draws_of(definitions, joined)
    returns = GrowingReturns(layout.returns, kept.returns if kept else b"")
    seen, rest = returns.apart([stored.get(one) for one in units])
    growing = _Growing(kept.headline if kept else None, [apart(one) for one in rest])
    y = np.zeros((unit.size, COLUMNS))
    looks = kept.looks if kept else Looks()
    seen = returns.add(joined, draws, unit, seen)
    # Where one group has no chance there is nothing to compare.
    compared = draws.compared
    rows = np.flatnonzero(compared)
    if rows.size:
        counted, draws = joined.where(compared), draws.at(rows)
        growing.begin(layout, float(draws.baseline_chance[0]))
        looks = growing.add(
            JoinedDecisions(unit[rows], draws, values_of(layout, counted)),
            mixture_of(layout, counted, draws) if growing.bets else None,
            np.array([one.due.exposed_at_ms for one in counted.closed]),
            looks,
        )
        y[rows] = growing.y
    parts = GrowingParts(
        KeptParts.from_bytes(kept.parts if kept else b""), layout.usual
    )
    packed = parts.add(joined, y, compared, unit, growing.parts, growing.columns())
    sums, bets = growing.sums, growing.bets
    after = Kept(
        position=position,
        layout=layout,
        totals=(sums.totals if sums else layout.empty()).to_bytes(),
        looks=looks,
        bets=bets.to_bytes() if bets else b"",
        parts=parts.kept().to_bytes(),
        form=FORM,
        returns=returns.to_bytes(),
    )
    states = map(bytes.__add__, seen, map(together, growing.states, packed))
    return UpliftSums(
        msgspec.msgpack.encode(after),
        position,
        dict(zip(units, states, strict=True)),
        anew=kept is None,
        contexts=parts.contexts,
    )


class _Growing:
    """The sums of one experiment while decisions are added.

    Attributes:
        sums: None before any decision that can be compared.
        states: of the units, in their order; empty for one without such a decision.
        parts: of the units, as they were.
    """

    def __init__(
        self, sums: Headline | None, units: Sequence[tuple[bytes | None, bytes]]
    ) -> None:
        self.sums = sums
        self.states = [state or b"" for state, _ in units]
        self.parts = [parts for _, parts in units]
        self._y: list[FloatArray] = []
        shape = len(units), COLUMNS
        self._columns = UnitColumns(np.zeros(shape), np.zeros(shape))
        self._read = np.zeros(len(units), dtype=np.bool_)

    @property
    def bets(self) -> MixtureBets | None:
        """The bets on the uplift; None if there are none."""
        return self.sums.bets if self.sums else None

    @property
    def y(self) -> FloatArray:
        """The columns that each decision has added, (n, COLUMNS)."""
        return np.concatenate(self._y)

    def begin(self, layout: Layout, chance: float) -> None:
        """Begin the sums if no decision is in them; see Headline.beginning."""
        if self.sums is None or not self.sums.totals.decisions.any():
            self.sums = Headline.beginning(layout, chance)

    def columns(self) -> UnitColumns:
        """Return the sums of the units before and after what was added."""
        rest = np.flatnonzero(~self._read)
        states = [self.states[place] for place in rest.tolist()]
        if self.sums is not None and any(states):
            totals = self.sums.totals
            found = unpack(
                [state or None for state in states],
                Intervals(totals.chances),
                totals.columns.count,
            )
            self._keep(rest, found.sums, found.sums)
        return self._columns

    def add(
        self,
        decisions: JoinedDecisions,
        mixture: MixtureDraws | None,
        exposed_at_ms: IntArray,
        looks: Looks,
    ) -> Looks:
        """Add decisions; return the looks with those that fell due between them.

        Args:
            mixture: the decisions as bets take them; None where no bets are kept.
        """
        begin = 0
        while begin < exposed_at_ms.size:
            n = looks.room(exposed_at_ms[begin:])
            if not n and self.sums:
                looks = looks.with_look(_look(self.sums, looks.newest_ms))
                looks = looks.until(int(exposed_at_ms[begin]))
                continue
            part = slice(begin, begin + n)
            self._add(decisions.at(part), mixture and mixture.at(part))
            looks = looks.until(int(exposed_at_ms[part].max()))
            begin += n
        return looks

    def _add(self, decisions: JoinedDecisions, mixture: MixtureDraws | None) -> None:
        if self.sums is None:
            return
        alone = decisions.unit == NO_UNIT
        places, local = np.unique(decisions.unit[~alone], return_inverse=True)
        unit = np.full(decisions.unit.size, NO_UNIT)
        unit[~alone] = local
        mine = places.tolist()
        states = [self.states[place] or None for place in mine]
        values = decisions.values
        if self.sums.layout.firsts:
            values = values.copy()
            values[:, -1] = _first_of_unit(unit, states)
        after = added(
            self.sums.totals, states, JoinedDecisions(unit, decisions.draws, values)
        )
        for place, state in zip(mine, after.states, strict=True):
            self.states[place] = state
        self._keep(places, after.before, after.after)
        self._y.append(after.y[:, WHOLE])
        self.sums = self.sums.after(after.totals, mixture)

    def _keep(self, places: IntArray, before: FloatArray, after: FloatArray) -> None:
        new = ~self._read[places]
        self._columns.before[places[new]] = before[new][:, WHOLE]
        self._columns.after[places] = after[:, WHOLE]
        self._read[places] = True


def _first_of_unit(unit: IntArray, states: Sequence[bytes | None]) -> BoolArray:
    """Return true for each decision before which its unit has had none."""
    first: BoolArray = unit == NO_UNIT
    seen = {place for place, state in enumerate(states) if state is not None}
    for row, place in enumerate(unit.tolist()):
        if place != NO_UNIT and place not in seen:
            seen.add(place)
            first[row] = True
    return first


def _look(sums: Headline, exposed_at_ms: int) -> Look:
    found = sums.absolute
    ends = found.interval.lower, found.interval.upper
    means = (float(mean) for mean in sides(sums.totals, RANDOMISED).means)
    known = [math.nan if one is None else one for one in (found.estimate, *ends)]
    return Look(exposed_at_ms, *known, *means)


def _by_experiment(
    closed: Sequence[ClosedDecision], choices: Sequence[Decision]
) -> list[Joined]:
    numbers = [one.due.number for one in closed]
    if not closed:
        return []
    if len(set(numbers)) == 1:
        return [Joined(closed, choices)]
    array = np.array(numbers)
    whole = Joined(closed, choices)
    return [whole.where(array == number) for number in dict.fromkeys(numbers)]

"""The sums of the uplift by unit, as joined decisions add to them.

Owns what the log says of a decision that ope.uplift weighs, the layout of its values,
and the kept form. The sums are a function of the joined order and of the newest
revision in it, and say up to which position they count. A join adds to them while they
are at its beginning.
"""

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from bandit_svc.domain.events.event import LoggedChoice
from bandit_svc.domain.experiment import TREATMENT, Definition, UnitHashes
from bandit_svc.ope.arrays import FloatArray, IntArray
from bandit_svc.ope.uplift import by_unit
from bandit_svc.ope.uplift.columns import RANDOMISED, TRAJECTORY
from bandit_svc.ope.uplift.history_weights import LoggedDraws
from bandit_svc.ope.uplift.sides import sides
from bandit_svc.ope.uplift.totals import Totals
from bandit_svc.ope.uplift.unit_sums import NO_UNIT, JoinedDecisions, added
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.uplift_looks import Look, Looks
from bandit_svc.services.values import CONFIDENCE
from bandit_svc.storage.interface import Joins
from bandit_svc.storage.rows import ClosedDecision, UpliftSums

Joined = Sequence[tuple[ClosedDecision, LoggedChoice]]
"""Decisions of one experiment in their joined order."""


class Layout(msgspec.Struct, frozen=True, array_like=True):
    """The values of a decision in the order of their columns.

    Attributes:
        usual: the reward of a decision without a report, which most have.
        minimum: of the declared range of the reward.
        maximum: of that range; None if it is open.
        metrics: names of the declared metrics, in order.
    """

    usual: float
    minimum: float
    maximum: float | None
    metrics: tuple[str, ...]

    @classmethod
    def of(cls, definition: Definition) -> "Layout":
        """Return the layout of a definition."""
        reward = definition.reward
        names = tuple(metric.name for metric in definition.metrics)
        return cls(reward.default, reward.minimum, reward.maximum, names)

    @property
    def possible(self) -> by_unit.Possible:
        """The declared range of the reward."""
        return by_unit.Possible(self.minimum, self.maximum)

    def value(self, metric: str) -> int | None:
        """Return the column of a metric; None if it is not summed up."""
        return 1 + self.metrics.index(metric) if metric in self.metrics else None

    def empty(self) -> Totals:
        """Return the sums of no decisions."""
        return Totals.empty((self.usual, *(0.0 for _ in self.metrics)))


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """The sums as bytes hold them.

    Attributes:
        revision: the newest of a decision that counts.
        position: the last joined one that counts.
        looks: at the sums of the past.
    """

    revision: int
    position: int
    layout: Layout
    totals: bytes
    looks: Looks = Looks()

    @property
    def sums(self) -> Totals:
        """The totals, to be read or added to."""
        return Totals.from_bytes(self.totals)


def kept_uplift(joins: Joins, number: int) -> Kept | None:
    """Return the kept sums of an experiment, None if there are none."""
    state = joins.uplift(number)
    return None if state is None else msgspec.msgpack.decode(state, type=Kept)


def uplift_after(
    joins: Joins,
    definitions: Definitions,
    closed: Sequence[ClosedDecision],
    choices: Sequence[LoggedChoice],
) -> dict[int, UpliftSums]:
    """Return the new sums of each experiment that a batch adds to.

    Those that are not at the beginning of the batch are left out: they follow.
    """
    joined: dict[int, list[tuple[ClosedDecision, LoggedChoice]]] = {}
    for one, choice in zip(closed, choices, strict=True):
        joined.setdefault(one.due.number, []).append((one, choice))
    found: dict[int, UpliftSums] = {}
    for number, mine in joined.items():
        last, kept = joins.last_position(number), kept_uplift(joins, number)
        layout = layout_after(definitions, number, kept, mine)
        begins = last == 0 if kept is None else kept.position == last
        if begins and (kept is None or kept.layout == layout):
            found[number] = uplift_with(joins, definitions, kept, layout, mine)
    return found


def layout_after(
    definitions: Definitions, number: int, kept: Kept | None, joined: Joined
) -> Layout:
    """Return the layout of the newest revision that has joined."""
    revision = max(one.due.revision for one, _ in joined)
    if kept is not None and kept.revision >= revision:
        return kept.layout
    definition = definitions.at(number, revision)
    if definition is None:
        raise LookupError(f"revision {revision} of experiment {number} is gone")
    return Layout.of(definition)


def uplift_with(
    joins: Joins,
    definitions: Definitions,
    kept: Kept | None,
    layout: Layout,
    joined: Joined,
) -> UpliftSums:
    """Add the next joined decisions of an experiment.

    Args:
        kept: the sums of all before them; None at the first.
        layout: of the sums.
        joined: at least one.
    """
    number = joined[0][0].due.number
    draws = _draws(definitions, joined)
    # Where one group has no chance there is nothing to compare, and nothing to keep.
    rows = np.flatnonzero(draws.compared)
    counted = [joined[row] for row in rows.tolist()]
    units, place = _units(definitions.hashes(number), counted)
    states = dict(joins.unit_states(number, units)) if kept else {}
    decisions = JoinedDecisions(place, draws.at(rows), _values(layout, counted))
    exposed_at_ms = np.array([one.due.exposed_at_ms for one, _ in counted])
    totals = kept.sums if kept else layout.empty()
    looks = kept.looks if kept else Looks()
    while exposed_at_ms.size:
        n = looks.room(exposed_at_ms)
        if n:
            totals = _add(totals, states, units, decisions.at(slice(0, n)))
            looks = looks.until(int(exposed_at_ms[:n].max()))
            decisions, exposed_at_ms = decisions.at(slice(n, None)), exposed_at_ms[n:]
        else:
            looks = looks.with_look(_look(totals, layout, looks.newest_ms))
            looks = looks.until(int(exposed_at_ms[0]))
    revisions = [one.due.revision for one, _ in joined]
    sums = Kept(
        revision=max(*revisions, kept.revision if kept else 0),
        position=(kept.position if kept else 0) + len(joined),
        layout=layout,
        totals=totals.to_bytes(),
        looks=looks,
    )
    return UpliftSums(msgspec.msgpack.encode(sums), states, anew=kept is None)


def _add(
    totals: Totals,
    states: dict[int, bytes],
    units: Sequence[int],
    decisions: JoinedDecisions,
) -> Totals:
    """Add decisions to the totals and to the states of their units."""
    alone = decisions.unit == NO_UNIT
    places, local = np.unique(decisions.unit[~alone], return_inverse=True)
    unit = np.full(decisions.unit.size, NO_UNIT)
    unit[~alone] = local
    mine = [units[place] for place in places]
    after = added(
        totals,
        [states.get(one) for one in mine],
        JoinedDecisions(unit, decisions.draws, decisions.values),
    )
    states.update(zip(mine, after.states, strict=True))
    return after.totals


def _look(totals: Totals, layout: Layout, exposed_at_ms: int) -> Look:
    band = by_unit.absolute(totals, TRAJECTORY, CONFIDENCE, layout.possible)
    means = sides(totals, RANDOMISED).means
    ends = (band.lower, band.upper) if band.enough else (math.nan, math.nan)
    numbers = (band.estimate, *ends, *means)
    return Look(exposed_at_ms, *(float(number) for number in numbers))


def _units(hashes: UnitHashes, joined: Joined) -> tuple[list[int], IntArray]:
    """Return the hashes of the units, and the place of each decision's among them."""
    places: dict[int, int] = {}
    place = np.full(len(joined), NO_UNIT)
    for row, (_, choice) in enumerate(joined):
        if choice.unit_id is not None:
            place[row] = places.setdefault(hashes.of(choice.unit_id), len(places))
    return list(places), place


def _draws(definitions: Definitions, joined: Joined) -> LoggedDraws:
    """Return the chances of the groups, and of the shown variant under each."""
    treated = [one.due.group == TREATMENT for one, _ in joined]
    n = len(joined)
    return LoggedDraws(
        treated=np.array(treated),
        baseline_chance=np.array(
            [
                _baseline_chance(definitions, one, choice, is_treated)
                for (one, choice), is_treated in zip(joined, treated, strict=True)
            ]
        ),
        treatment_propensity=np.array(
            [_propensity(c.treatment_pmf, c) for _, c in joined]
        ),
        baseline_propensity=np.array(
            [_propensity(c.baseline_pmf, c) for _, c in joined]
        ),
        fresh=np.ones(n, dtype=np.bool_),
    )


def _baseline_chance(
    definitions: Definitions,
    one: ClosedDecision,
    choice: LoggedChoice,
    is_treated: bool,  # noqa: FBT001 - read from the same row
) -> float:
    if choice.group_chance is None:
        # From before the log had it: the revision's holdout was the chance.
        definition = definitions.at(one.due.number, one.due.revision)
        return 0.0 if definition is None else definition.holdout
    return 1 - choice.group_chance if is_treated else choice.group_chance


def _propensity(pmf: tuple[float, ...] | None, choice: LoggedChoice) -> float:
    return math.nan if pmf is None else pmf[choice.chosen]


def _values(layout: Layout, joined: Joined) -> FloatArray:
    values = np.zeros((len(joined), 1 + len(layout.metrics)))
    values[:, 0] = [one.reward for one, _ in joined]
    for row, (one, _) in enumerate(joined):
        for name, value in one.secondary.items():
            column = layout.value(name)
            if column is not None:
                values[row, column] = value
    return values

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
from bandit_svc.domain.experiment import TREATMENT, Definition
from bandit_svc.ope.arrays import FloatArray, IntArray
from bandit_svc.ope.uplift.history_weights import LoggedDraws
from bandit_svc.ope.uplift.totals import Totals
from bandit_svc.ope.uplift.unit_sums import NO_UNIT, JoinedDecisions, added
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.storage.interface import Joins
from bandit_svc.storage.rows import ClosedDecision, UpliftSums

Joined = Sequence[tuple[ClosedDecision, LoggedChoice]]
"""Decisions of one experiment in their joined order."""


class Layout(msgspec.Struct, frozen=True, array_like=True):
    """The values of a decision in the order of their columns.

    Attributes:
        usual: the reward of a decision without a report, which most have.
        metrics: names of the declared metrics, in order.
    """

    usual: float
    metrics: tuple[str, ...]

    @classmethod
    def of(cls, definition: Definition) -> "Layout":
        """Return the layout of a definition."""
        names = tuple(metric.name for metric in definition.metrics)
        return cls(definition.reward.default, names)

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
    """

    revision: int
    position: int
    layout: Layout
    totals: bytes

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
    units, place = _units(definitions, joined)
    known = joins.unit_states(number, units) if kept else {}
    draws = _draws(definitions, joined)
    decisions = JoinedDecisions(place, draws, _values(layout, joined))
    # Where one group has no chance there is nothing to compare, and nothing to keep.
    decisions = decisions.at(np.flatnonzero(draws.compared))
    after = added(
        kept.sums if kept else layout.empty(),
        [known.get(unit) for unit in units],
        decisions,
    )
    changed = set(decisions.unit.tolist())
    sums = Kept(
        revision=max(
            *(one.due.revision for one, _ in joined), kept.revision if kept else 0
        ),
        position=(kept.position if kept else 0) + len(joined),
        layout=layout,
        totals=after.totals.to_bytes(),
    )
    states = zip(units, after.states, strict=True)
    return UpliftSums(
        msgspec.msgpack.encode(sums),
        {unit: state for i, (unit, state) in enumerate(states) if i in changed},
        anew=kept is None,
    )


def _units(definitions: Definitions, joined: Joined) -> tuple[list[int], IntArray]:
    """Return the hashes of the units, and the place of each decision's among them."""
    hashes = definitions.hashes(joined[0][0].due.number)
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

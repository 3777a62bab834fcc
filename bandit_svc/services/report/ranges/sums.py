"""Sum up the joined decisions of a range of time, from the joined order.

Owns the sums that a report of a range is made of. They are computed anew from the
stored decisions at each call, so that they are a function of the range, of the time by
which decisions had matured, and of the log. The cost grows with the decisions in the
range, and MOST bounds it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np

from bandit_svc.domain.events.reward import MAIN_METRIC
from bandit_svc.domain.experiment import TREATMENT, Experiment
from bandit_svc.errors import InvalidInput
from bandit_svc.ope.arrays import BoolArray, FloatArray, IntArray
from bandit_svc.ope.uplift.columns import RANDOMISED, TRAJECTORY
from bandit_svc.ope.uplift.history_weights import LoggedDraws
from bandit_svc.ope.uplift.totals import Totals
from bandit_svc.ope.uplift.unit_sums import NO_UNIT, JoinedDecisions, totals_over
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.parts.closing import joined_of
from bandit_svc.services.learning.uplift_headline import Headline
from bandit_svc.services.learning.uplift_rows import (
    Joined,
    Layout,
    draws_of,
    mixture_of,
    values_of,
)
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.ranges import Made
from bandit_svc.storage.rows import Tally

BATCH = 2_000
MOST = 300_000
"""Decisions in a range."""


class RangeSums(NamedTuple):
    """The decisions of a range, (n,) each, and what they come to.

    Attributes:
        decisions: in their joined order.
        exposed_at_ms: when each was made.
        variants: the shown one of each.
        rewarded: whether a reward counted.
        tallies: by group, variant and metric.
        headline: of all of them.
    """

    decisions: JoinedDecisions
    exposed_at_ms: IntArray
    variants: tuple[str, ...]
    rewarded: BoolArray
    tallies: tuple[Tally, ...]
    headline: Headline

    def totals(self, rows: IntArray, looks: IntArray) -> Totals:
        """Return the sums of some decisions after each of their `looks`."""
        layout = self.headline.layout
        usual = (layout.usual, *(0.0 for _ in layout.metrics))
        return totals_over(self.decisions.at(rows), looks, usual)

    @property
    def compared(self) -> IntArray:
        """The places of decisions that can be compared."""
        return np.flatnonzero(self.decisions.draws.compared)


def range_sums(
    storage: Storage, experiment: Experiment, made: Made, *, whole_history: bool
) -> RangeSums:
    """Return the sums of a range.

    Args:
        experiment: with the definition whose metrics are summed up.
        whole_history: whether no unit has been decided for before the range.

    Raises:
        InvalidInput: it holds more than MOST decisions.
    """
    # Derived metrics are of whole histories of units.
    layout = msgspec.structs.replace(
        Layout.of(experiment.definition), crossed=(), firsts=False, returns=()
    )
    reading = _Reading(layout, whole_history=whole_history)
    definitions = Definitions(storage.experiments)
    for joined in _batches(storage, definitions, experiment.number, made):
        reading.add(joined, draws_of(definitions, joined))
    return reading.sums()


def is_whole_history(storage: Storage, experiment: Experiment, made: Made) -> bool:
    """Return whether nothing was decided before the range."""
    if made.from_ms <= experiment.created_at_ms:
        return True
    before = Made(to_ms=made.from_ms, joined_by_ms=made.joined_by_ms)
    return not storage.joins.closed_after(experiment.number, 0, 1, before)


def _batches(
    storage: Storage, definitions: Definitions, number: int, made: Made
) -> Iterator[Joined]:
    position = count = 0
    while rows := storage.joins.closed_after(number, position, BATCH, made):
        position = rows[-1].position
        count += len(rows)
        if count > MOST:
            raise InvalidInput.at(
                "/from",
                f"the range holds more than {MOST:,} matured decisions, the most that "
                "are read for one report; ask for a shorter range, or leave from, to "
                "and as_of out for all decisions",
            )
        joined = joined_of(rows, definitions)
        if joined is not None:
            yield joined


class _Reading:
    """What was read so far."""

    def __init__(self, layout: Layout, *, whole_history: bool) -> None:
        self._layout = layout
        self._whole = whole_history
        self._places: dict[str, int] = {}
        self._unit: list[int] = []
        self._draws: list[LoggedDraws] = []
        self._values: list[FloatArray] = []
        self._exposed_at_ms: list[int] = []
        self._variants: list[str] = []
        self._rewarded: list[bool] = []
        self._tallies: dict[tuple[str, str, str], list[float]] = {}
        self._headline: Headline | None = None

    def add(self, joined: Joined, draws: LoggedDraws) -> None:
        for choice in joined.choices:
            unit = choice.unit_id
            known = len(self._places)
            self._unit.append(
                NO_UNIT if unit is None else self._places.setdefault(unit, known)
            )
        self._draws.append(draws)
        self._values.append(values_of(self._layout, joined))
        for one in joined.closed:
            due = one.due
            self._exposed_at_ms.append(due.exposed_at_ms)
            self._variants.append(due.variant)
            self._rewarded.append(one.counted > 0)
            key = due.group, due.variant
            self._count((*key, MAIN_METRIC), one.reward, due.exposed_at_ms)
            for name, value in one.secondary.items():
                self._count((*key, name), value, due.exposed_at_ms)
        self._bet(joined, draws)

    def sums(self) -> RangeSums:
        """Return all that was read."""
        unit = np.array(self._unit, dtype=np.int64)
        found = RangeSums(
            JoinedDecisions(unit, _concatenated(self._draws), self._all_values()),
            np.array(self._exposed_at_ms, dtype=np.int64),
            tuple(self._variants),
            np.array(self._rewarded, dtype=np.bool_),
            tuple(_tally(key, sums) for key, sums in self._tallies.items()),
            Headline(self._layout, self._layout.empty(), None, self._weighting),
        )
        rows = found.compared
        if not rows.size:
            return found
        totals = found.totals(rows, np.array([rows.size - 1])).at(0)
        bets = self._headline.bets if self._headline and self._whole else None
        alone = bool(totals.units == totals.decisions.sum())
        if not (alone and bets is not None and bets.n == rows.size):
            bets = None
        headline = Headline(self._layout, totals, bets, self._weighting)
        return found._replace(headline=headline)

    @property
    def _weighting(self) -> int:
        return TRAJECTORY if self._whole else RANDOMISED

    def _all_values(self) -> FloatArray:
        empty = np.zeros((0, 1 + len(self._layout.metrics)))
        return np.concatenate([empty, *self._values])

    def _count(
        self, key: tuple[str, str, str], value: float, exposed_at_ms: int
    ) -> None:
        at = float(exposed_at_ms)
        sums = self._tallies.setdefault(key, [0, 0.0, 0.0, at, at])
        sums[0] += 1
        sums[1] += value
        sums[2] += value * value
        sums[3], sums[4] = min(sums[3], at), max(sums[4], at)

    def _bet(self, joined: Joined, draws: LoggedDraws) -> None:
        """Bet on decisions as long as each has drawn a group of its own."""
        rows = np.flatnonzero(draws.compared)
        if not self._whole or not rows.size:
            return
        mine = draws.at(rows)
        if self._headline is None:
            chance = float(mine.baseline_chance[0])
            self._headline = Headline.beginning(self._layout, chance)
        bets = self._headline.bets
        named = len(self._unit) - self._unit.count(NO_UNIT)
        if bets is None or named > len(self._places):
            self._headline = self._headline._replace(bets=None)
            return
        counted = joined.where(draws.compared)
        bets.add(mixture_of(self._layout, counted, mine))


def _tally(key: tuple[str, str, str], sums: list[float]) -> Tally:
    group, variant, metric = key
    n, total, squares, first, last = sums
    return Tally(
        TREATMENT if group == TREATMENT else "baseline",
        variant,
        metric,
        int(n),
        total,
        squares,
        int(first),
        int(last),
    )


def _concatenated(parts: list[LoggedDraws]) -> LoggedDraws:
    none = np.zeros(0)
    return LoggedDraws(
        np.concatenate([none.astype(np.bool_), *(p.treated for p in parts)]),
        np.concatenate([none, *(p.baseline_chance for p in parts)]),
        np.concatenate([none, *(p.treatment_propensity for p in parts)]),
        np.concatenate([none, *(p.baseline_propensity for p in parts)]),
        np.concatenate([none.astype(np.bool_), *(p.fresh for p in parts)]),
    )

"""What the log says of joined decisions, in the form in which an uplift adds them.

Owns the layout of a decision's values, the chances of its group and of the shown
variant, and the place of its unit.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.reward import MAIN_METRIC
from bandit_svc.domain.experiment import TREATMENT, Definition, UnitHashes
from bandit_svc.domain.metric import PerUnit, Retention
from bandit_svc.domain.metric import Ratio as RatioMetric
from bandit_svc.domain.slots.places import baseline_chance, treatment_chance
from bandit_svc.ope.arrays import BoolArray, FloatArray, IntArray
from bandit_svc.ope.metrics.ratio import EACH, Ratio
from bandit_svc.ope.sequences.asymptotic import OPTIMISED_COUNT
from bandit_svc.ope.uplift import by_unit
from bandit_svc.ope.uplift.history_weights import LoggedDraws
from bandit_svc.ope.uplift.mixture_bets import MixtureDraws
from bandit_svc.ope.uplift.totals import Totals
from bandit_svc.ope.uplift.unit_sums import NO_UNIT
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.join_sums import pmf_matrix
from bandit_svc.storage.rows import ClosedDecision


class Layout(msgspec.Struct, frozen=True, array_like=True):
    """The values of a decision in the order of their columns.

    Attributes:
        usual: the reward of a decision without a report, which most have.
        minimum: of the declared range of the reward.
        maximum: of that range; None if it is open.
        metrics: names of the declared metrics, in order.
        planned: decisions at which the boundary is tightest; None for the usual count.
        crossed: pairs of values whose products ratios need.
        firsts: true if a last value is 1 at the first decision of a unit, else 0.
        returns: of each retention, the milliseconds after a unit's first decision from
            which and until which a further one counts.
    """

    usual: float
    minimum: float
    maximum: float | None
    metrics: tuple[str, ...]
    planned: int | None = None
    crossed: tuple[tuple[int, int], ...] = ()
    firsts: bool = False
    returns: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, definition: Definition) -> "Layout":
        """Return the layout of a definition."""
        reward = definition.reward
        names = tuple(metric.name for metric in definition.metrics)
        planned = definition.planned_decisions
        layout = cls(reward.default, reward.minimum, reward.maximum, names, planned)
        derived = definition.derived_metrics
        ratios = [
            layout.ratio(one) for one in derived if not isinstance(one, Retention)
        ]
        crossed = {
            (min(pair), max(pair))
            for one in ratios
            if EACH not in (pair := (one.numerator, one.denominator))
        }
        return msgspec.structs.replace(
            layout,
            crossed=tuple(sorted(crossed)),
            firsts=any(one.by_unit for one in ratios),
            returns=tuple(
                (one.after_ms, one.until_ms)
                for one in derived
                if isinstance(one, Retention)
            ),
        )

    @property
    def possible(self) -> by_unit.Possible:
        """The declared range of the reward."""
        return self.possible_of(self.minimum, self.maximum, 0)

    def possible_of(
        self, minimum: float, maximum: float | None, value: int
    ) -> by_unit.Possible:
        """Return the range of any value, with the boundary of this experiment."""
        at = self.planned or OPTIMISED_COUNT
        return by_unit.Possible(minimum, maximum, value, tightest_at=at)

    def value(self, metric: str) -> int | None:
        """Return the column of a metric; None if it is not summed up."""
        return 1 + self.metrics.index(metric) if metric in self.metrics else None

    @property
    def values(self) -> int:
        """The number of values of a decision."""
        return 1 + len(self.metrics) + self.firsts

    def ratio(self, derived: RatioMetric | PerUnit) -> Ratio:
        """Return which sums a derived metric divides."""
        if isinstance(derived, PerUnit):
            # The value of first decisions comes last.
            return Ratio(self._part(derived.of), 1 + len(self.metrics), by_unit=True)
        return Ratio(self._part(derived.numerator), self._part(derived.denominator))

    def _part(self, name: str) -> int:
        if name == MAIN_METRIC:
            return 0
        value = self.value(name)
        return EACH if value is None else value

    def empty(self) -> Totals:
        """Return the sums of no decisions."""
        rest = (0.0,) * (self.values - 1)
        return Totals.empty((self.usual, *rest), self.crossed)


class Joined(NamedTuple):
    """Decisions of one experiment in their joined order; both of one length."""

    closed: Sequence[ClosedDecision]
    choices: Sequence[Decision]

    @property
    def number(self) -> int:
        """The number of the experiment."""
        return self.closed[0].due.number

    def where(self, chosen: BoolArray) -> "Joined":
        """Return some of the decisions; themselves if all are chosen."""
        if chosen.all():
            return self
        rows = np.flatnonzero(chosen).tolist()
        return Joined([self.closed[r] for r in rows], [self.choices[r] for r in rows])


def draws_of(definitions: Definitions, joined: Joined) -> LoggedDraws:
    """Return the chances of the groups, and of the shown variant under each."""
    nan, choices = math.nan, joined.choices
    treated = np.array([one.due.group == TREATMENT for one in joined.closed])
    own = np.array([nan if c.group_chance is None else c.group_chance for c in choices])
    chance = np.where(treated, 1 - own, own)
    for row, choice in enumerate(choices):
        if choice.programme is not None:
            chance[row] = choice.programme.baseline_share
    for row in np.flatnonzero(np.isnan(own)).tolist():
        # From before the log had it: the revision's holdout was the chance.
        due = joined.closed[row].due
        definition = definitions.at(due.number, due.revision)
        chance[row] = 0.0 if definition is None else definition.holdout
    pmfs = (
        [nan if (p := treatment_chance(c)) is None else p for c in choices],
        [nan if (p := baseline_chance(c)) is None else p for c in choices],
    )
    treatment, baseline = (np.array(one, dtype=np.float64) for one in pmfs)
    fresh = np.ones(treated.size, dtype=np.bool_)
    return LoggedDraws(treated, chance, treatment, baseline, fresh)


def units_of(hashes: UnitHashes, joined: Joined) -> tuple[list[int], IntArray]:
    """Return the hashes of the units, and the place of each decision's among them."""
    places: dict[str | None, int] = {None: NO_UNIT}
    place = [
        places.setdefault(choice.unit_id, len(places) - 1) for choice in joined.choices
    ]
    del places[None]
    return [hashes.of(unit) for unit in places if unit is not None], np.array(place)


def mixture_of(layout: Layout, joined: Joined, draws: LoggedDraws) -> MixtureDraws:
    """Return decisions as draws from the mixture of both groups' policies.

    One whose log lacks a pmf has zeros in their place: it can't be bet on. Nor can a
    page, which has no pmf over all that it could have shown.
    """
    choices = joined.choices
    # At least one column, also where no decision of a batch has pmfs.
    unknown = (0.0,)
    both = [
        (treatment, baseline)
        if c.slots is None
        and (treatment := c.treatment_pmf)
        and (baseline := c.baseline_pmf)
        else (unknown, unknown)
        for c in choices
    ]
    chosen = [
        0 if pmfs[0] is unknown else c.chosen
        for c, pmfs in zip(choices, both, strict=True)
    ]
    rewards = np.array([one.reward for one in joined.closed])
    return MixtureDraws(
        treatment=pmf_matrix([treatment for treatment, _ in both]),
        baseline=pmf_matrix([baseline for _, baseline in both]),
        baseline_chance=draws.baseline_chance,
        chosen=np.array(chosen),
        reward=(rewards - layout.minimum) / layout.possible.width,
    )


def values_of(layout: Layout, joined: Joined) -> FloatArray:
    """Return the values of decisions, (n, values); that of first decisions is 0."""
    values = np.zeros((len(joined.closed), layout.values))
    values[:, 0] = [one.reward for one in joined.closed]
    for row, one in enumerate(joined.closed):
        if one.secondary:
            for name, value in one.secondary.items():
                column = layout.value(name)
                if column is not None:
                    values[row, column] = value
    return values

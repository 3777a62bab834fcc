"""The headline of an uplift: which interval it has, and the sums that it needs.

Owns the choice. Where each decision so far has drawn a group of its own, and both pmfs
are in the log, exact bets bound the absolute uplift; as soon as a unit comes back, or
for a range of money, the sums by unit do, weighed along each unit's history. The choice
follows visits and the definition, never rewards.
"""

from typing import NamedTuple

import numpy as np

from bandit_svc.ope.interval import UNBOUNDED, Estimate, Interval, widened_to
from bandit_svc.ope.uplift import by_unit
from bandit_svc.ope.uplift.columns import RANDOMISED, TRAJECTORY
from bandit_svc.ope.uplift.mixture_bets import MixtureBets, MixtureDraws
from bandit_svc.ope.uplift.sides import enough_units
from bandit_svc.ope.uplift.totals import Totals
from bandit_svc.services.learning.uplift_rows import Layout
from bandit_svc.services.values import CONFIDENCE

BETS = "betting-cs"
MIXTURE = "trajectory-mixture"
MONEY = "money-mover"
GROUP_ALONE = "randomised"


class Headline(NamedTuple):
    """The sums of an experiment's headline.

    Attributes:
        bets: on each decision of the totals; None where they don't hold.
        weighting: of the sums by unit; RANDOMISED where histories are not known.
    """

    layout: Layout
    totals: Totals
    bets: MixtureBets | None
    weighting: int = TRAJECTORY

    @classmethod
    def beginning(cls, layout: Layout, chance: float) -> "Headline":
        """Return the sums before the first decision that can be compared.

        Args:
            chance: of its baseline group.
        """
        possible = layout.possible
        if possible.is_money:
            return cls(layout, layout.empty(), None)
        start = (layout.usual - layout.minimum) / possible.width
        return cls(layout, layout.empty(), MixtureBets(chance, start))

    def after(self, totals: Totals, mixture: MixtureDraws | None) -> "Headline":
        """Return the sums after decisions that the new totals have.

        Args:
            mixture: the decisions as bets take them; not asked for without bets.
        """
        bets = self.bets
        alone = bool(totals.units == totals.decisions.sum())
        if bets is not None and mixture is not None and alone:
            bets.add(mixture)
            alone = bets.n == int(totals.decisions.sum())
        return self._replace(totals=totals, bets=bets if alone else None)

    @property
    def method(self) -> str:
        """The name of the interval's kind."""
        if self.layout.possible.is_money:
            return MONEY
        if self.weighting == RANDOMISED:
            return GROUP_ALONE
        return MIXTURE if self.bets is None else BETS

    @property
    def absolute(self) -> Estimate:
        """The absolute uplift in reward units, without an interval at first."""
        possible = self.layout.possible
        band = by_unit.absolute(self.totals, self.weighting, CONFIDENCE, possible).now
        if self.bets is None or band.estimate is None or possible.maximum is None:
            return band
        if not enough_units(self.totals):
            return Estimate(band.estimate, UNBOUNDED)
        found, width = self.bets.estimate(CONFIDENCE), possible.width
        ends = (found.interval.lower or 0.0, found.interval.upper or 0.0)
        interval = Interval(*(float(np.float64(end) * width) for end in ends))
        # The bets' own estimate is centred at a running mean. The one by unit has the
        # same mean, and is the difference that the relative uplift divides.
        return Estimate(band.estimate, widened_to(interval, band.estimate))

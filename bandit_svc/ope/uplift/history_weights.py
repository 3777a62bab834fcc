"""Weigh decisions by the chance of their group, given all that the unit was shown.

Owns the three weightings of a comparison of two groups. A unit draws one number u,
uniform in [0, 1), for life; at decision j with baseline chance h_j it is in the
baseline group if u < h_j. With pi_T and pi_B the chances of the shown action under the
two groups' policies, a decision has a weight for each group:

    RANDOMISED  w_T = 1[treatment] / (1 - h_j),   w_B = 1[baseline] / h_j
    TRAJECTORY  w_T = (1 - P_j) / (1 - h_j),      w_B = P_j / h_j
    ONE_STEP    as TRAJECTORY, as if decision j were the unit's first.

P_j is the chance that u < h_j given the actions that the unit was shown up to j, that
one included: with one h, P = h rho / (h rho + 1 - h) and rho the product of
pi_B / pi_T. So the second weights are the means of the first ones given the history
(Rao-Blackwell): a sum of weighted rewards has the same mean, and never a larger
variance, if the group acts on rewards, contexts and visits through the shown actions
only. They are the balance heuristic of Veach and Guibas (1995; Owen and Zhou 2000) on
whole histories, and at most 1 / (1 - h) and 1 / h. The third ones are right only if
earlier decisions of a unit change nothing for later ones either.

A changed chance cuts [0, 1) at each chance that came. Each interval of u has the
product of the chances of the policy that units of that interval had at each decision;
P_j is the share of the intervals below h_j. A repeat shows an earlier draw again: it
multiplies nothing.

Where the chances of a decision are not logged, or contradict its group, the unit's
group is taken as known from there on: given that much more, the mean of the randomised
weight is that weight itself, so that all three are right, and equal in the first case.

Logarithms of the products are relative to the largest and clipped at -LIMIT; an
impossible interval stays impossible.

References:
    Rao (1945) and Blackwell (1947) on conditional means. Veach and Guibas (1995),
    "Optimally combining sampling techniques for Monte Carlo rendering". Owen and Zhou
    (2000), "Safe and effective importance sampling", JASA 95.
"""

from dataclasses import dataclass

import numpy as np

from bandit_svc.ope.arrays import BoolArray, FloatArray, IntArray
from bandit_svc.ope.errors import LoggedDataError

LIMIT = 700.0
CHANCE_DIGITS = 12
"""Chances are equal to this many decimals: 1 - (1 - h) differs from h in the last bit.
"""


@dataclass(frozen=True, slots=True, eq=False)
class LoggedDraws:
    """What the log says of n draws, one array of shape (n,) each.

    Attributes:
        treated: true for decisions of the treatment group.
        baseline_chance: h, the chance with which the decision was in the baseline
            group, whichever it was in; 0 and 1 where there was no draw.
        treatment_propensity: pi_T of the shown action, NaN where it is not logged.
        baseline_propensity: pi_B of the shown action, NaN where it is not logged.
        fresh: false for a repeat, which shows an earlier draw again.
    """

    treated: BoolArray
    baseline_chance: FloatArray
    treatment_propensity: FloatArray
    baseline_propensity: FloatArray
    fresh: BoolArray

    @property
    def compared(self) -> BoolArray:
        """False where one group had no chance: such decisions have no weight."""
        return (self.baseline_chance > 0) & (self.baseline_chance < 1)

    @property
    def informative(self) -> BoolArray:
        """True where both chances are logged and fit the group and the action."""
        own = np.where(
            self.treated, self.treatment_propensity, self.baseline_propensity
        )
        other = np.where(
            self.treated, self.baseline_propensity, self.treatment_propensity
        )
        return np.asarray((own > 0) & (own <= 1) & (other >= 0) & (other <= 1))

    def at(self, index: IntArray | slice) -> "LoggedDraws":
        """Return the draws of an index."""
        return LoggedDraws(
            self.treated[index],
            self.baseline_chance[index],
            self.treatment_propensity[index],
            self.baseline_propensity[index],
            self.fresh[index],
        )

    def checked(self) -> "LoggedDraws":
        """Return the draws with rounded chances.

        Raises:
            LoggedDataError: a chance of the baseline group is not in [0, 1].
        """
        chance = np.round(self.baseline_chance, CHANCE_DIGITS)
        if not np.all((chance >= 0) & (chance <= 1)):
            wrong = self.baseline_chance[~((chance >= 0) & (chance <= 1))][0]
            raise LoggedDataError(
                f"a chance of the baseline group is {wrong}; it must be between 0 and 1"
            )
        return LoggedDraws(
            self.treated,
            chance,
            self.treatment_propensity,
            self.baseline_propensity,
            self.fresh,
        )


@dataclass(frozen=True, slots=True)
class Intervals:
    """The intervals of u between the baseline chances that came.

    Attributes:
        chances: distinct, in (0, 1), in the order in which they came.
    """

    chances: tuple[float, ...] = ()

    @property
    def edges(self) -> FloatArray:
        """Both ends of all intervals, ascending from 0 to 1."""
        return np.array([0.0, *sorted(self.chances), 1.0])

    @property
    def count(self) -> int:
        """The number of intervals."""
        return len(self.chances) + 1

    def origin(self, earlier: int) -> IntArray:
        """Return the interval that held each of these after `earlier` chances."""
        before = np.sort(np.array(self.chances[:earlier]))
        return np.asarray(np.searchsorted(before, self.edges[:-1], side="right"))


def posterior(logs: FloatArray, intervals: Intervals, chance: FloatArray) -> FloatArray:
    """Return P(u < chance) for logs of likelihoods (k, intervals); shape (k,)."""
    edges = intervals.edges
    mass = np.diff(edges) * np.exp(logs)
    below = edges[:-1] < chance[:, None]
    whole = mass.sum(axis=1)
    return np.asarray(np.where(below, mass, 0.0).sum(axis=1) / whole)


def after_draws(
    logs: FloatArray, intervals: Intervals, draws: LoggedDraws
) -> FloatArray:
    """Return the logs of units, (k, intervals), after one draw of each."""
    below = intervals.edges[:-1] < draws.baseline_chance[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.where(
            below,
            np.log(draws.baseline_propensity)[:, None],
            np.log(draws.treatment_propensity)[:, None],
        )
    # A repeat of a draw, and a decision without a comparison, say nothing of the group.
    silent = ~(draws.fresh & draws.compared)
    step = np.where(silent[:, None], 0.0, step)
    # Without chances the group itself is what is known.
    own = np.where(below != draws.treated[:, None], 0.0, -np.inf)
    told = draws.fresh & draws.compared & ~draws.informative
    step = np.where(told[:, None], own, step)
    new = logs + step
    top = new.max(axis=1, keepdims=True)
    # Every interval impossible: the log contradicts itself. Its newest word counts.
    new = np.where(np.isfinite(top), new, own)
    new = new - new.max(axis=1, keepdims=True)
    return np.asarray(np.where(np.isneginf(new), new, np.maximum(new, -LIMIT)))


def first_posterior(draws: LoggedDraws) -> FloatArray:
    """Return P(baseline | shown action) for a unit's first draw, (n,)."""
    h = draws.baseline_chance
    baseline = h * draws.baseline_propensity
    either = baseline + (1 - h) * draws.treatment_propensity
    known = draws.informative
    mixed = np.where(known, baseline, 0.0) / np.where(known, either, 1.0)
    return np.asarray(np.where(known, mixed, np.where(draws.treated, 0.0, 1.0)))


def weights(draws: LoggedDraws, trajectory: FloatArray) -> FloatArray:
    """Return the weights of decisions, (n, weightings, groups).

    Args:
        draws: of the decisions.
        trajectory: P_j of each, (n,), as `posterior` returned it.
    """
    randomised = np.where(draws.treated, 0.0, 1.0)
    shares = np.stack([randomised, trajectory, first_posterior(draws)], axis=1)
    h = np.where(draws.compared, draws.baseline_chance, 0.5)[:, None]
    both = np.stack([(1 - shares) / (1 - h), shares / h], axis=2)
    return np.asarray(np.where(draws.compared[:, None, None], both, 0.0))

"""Measure the planner: by when an uplift is found, as planned and as simulated.

A section of benchmarks/truth; alone, `python -m benchmarks.truth.parts.planner
[--runs N] [--cells TEXT ...]`. Logs of a treatment that is better by a known lift,
looked at LOOKS times in equal ratios by the product's own headline; the count of
decisions at which its interval is above 0 for the first time. Units come in sessions of
a geometric number of decisions; the treatment never shows what the baseline shows.
"""

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bandit_svc.ope.arrays import BoolArray, FloatArray, IntArray
from bandit_svc.ope.planning.comparison import CHANCES, Comparison
from bandit_svc.ope.uplift.by_unit import Possible, absolute
from bandit_svc.ope.uplift.columns import TRAJECTORY
from bandit_svc.ope.uplift.history_weights import LoggedDraws
from bandit_svc.ope.uplift.mixture_bets import MixtureBets, MixtureDraws
from bandit_svc.ope.uplift.sides import enough_units
from bandit_svc.ope.uplift.unit_sums import JoinedDecisions, totals_over
from benchmarks.truth.asked import is_asked, options

RUNS = 300
SEED = 23
LOOKS = 400
REACH = 2.2
"""Decisions of a log over those by which 80 % are planned to have found the uplift."""
SIZES = (0.5, 2.0)
"""Orders are of these sizes alike often, as shares of their mean."""


@dataclass(frozen=True)
class Setting:
    """One row of the table."""

    base: float
    lift: float
    holdout: float
    visits: float = 1.0
    icc: float = 0.0
    order: float | None = None
    """The mean order; `base` is then the share of decisions with one."""
    tightest_at: float = 5_000

    @property
    def comparison(self) -> Comparison:
        """The comparison that the planner is told of."""
        if self.order is None:
            base, sd = self.base, None
        else:
            base = self.base * self.order
            sd = math.sqrt(self.base * self.order**2 * SPREAD - base**2)
        return Comparison(
            base=base,
            lift=self.lift,
            holdout=self.holdout,
            sd=sd,
            visits=self.visits,
            icc=self.icc,
            tightest_at=self.tightest_at,
        )

    @property
    def possible(self) -> Possible:
        """The declared range of the reward."""
        return Possible(0.0, 1.0 if self.order is None else None)


SPREAD = float(np.mean(np.square(SIZES)) / np.mean(SIZES) ** 2)
"""The mean square of an order's size over the square of its mean."""
SETTINGS = {
    "rate .1, lift .3, holdout .1, once": Setting(0.1, 0.3, 0.1),
    "rate .05, lift .5, holdout .2, once": Setting(0.05, 0.5, 0.2),
    "rate .3, lift .15, holdout .5, once": Setting(0.3, 0.15, 0.5),
    "rate .02, lift .5, holdout .1, once": Setting(0.02, 0.5, 0.1),
    "rate .1, lift .3, holdout .1, 3 a unit, ICC .2": Setting(0.1, 0.3, 0.1, 3, 0.2),
    "rate .05, lift .5, holdout .2, 2 a unit, ICC .3": Setting(0.05, 0.5, 0.2, 2, 0.3),
    "rate .1, lift .3, holdout .5, 3 a unit, ICC .2": Setting(0.1, 0.3, 0.5, 3, 0.2),
    "rate .2, lift .2, holdout .1, 5 a unit, ICC .1": Setting(0.2, 0.2, 0.1, 5, 0.1),
    "rate .1, lift .5, holdout .05, 2 a unit, ICC .2": Setting(0.1, 0.5, 0.05, 2, 0.2),
    "rate .05, lift .3, holdout .3, 4 a unit, ICC .3": Setting(0.05, 0.3, 0.3, 4, 0.3),
    "as the fifth, planned for 40,000": Setting(
        0.1, 0.3, 0.1, 3, 0.2, tightest_at=40_000
    ),
    "orders of money, 5 %, lift .5, holdout .2, once": Setting(
        0.05, 0.5, 0.2, order=50.0
    ),
    "orders of money, 5 %, lift .5, holdout .2, 3 a unit, ICC .1": Setting(
        0.05, 0.5, 0.2, 3, 0.1, order=50.0
    ),
}


def main() -> None:
    """Print the table of the cells that were asked for."""
    asked = options(__doc__, RUNS)
    print_planner(asked.runs, asked.cells)


def print_planner(runs: int, cells: Sequence[str] = ()) -> None:
    """Print one row a setting; `cells` are parts of names, all by default."""
    rows = {name: one for name, one in SETTINGS.items() if is_asked(name, cells)}
    runs = min(runs, RUNS)
    if rows:
        print(f"\n{runs:,} runs, seed {SEED}: decisions by which half and 80 % of the "
              "runs have found the uplift, planned / simulated\n")  # fmt: skip
        print("| setting | median | 80 % | planned over simulated: median | 80 % |\n"
              "| --- | --- | --- | --- | --- |")  # fmt: skip
    for name, setting in rows.items():
        planned = setting.comparison.counts()
        found = np.quantile(simulated(name, setting, runs), CHANCES)
        ratios = np.array(planned) / found
        pairs = [
            f"{p:,.0f} / {s:,.0f}" for p, s in zip(planned, found.tolist(), strict=True)
        ]
        print(f"| {name} | {pairs[0]} | {pairs[1]} | {ratios[0]:.2f} | "
              f"{ratios[1]:.2f} |", flush=True)  # fmt: skip


def simulated(name: str, setting: Setting, runs: int) -> FloatArray:
    """Return the decisions at which each run has found the uplift; inf if never."""
    comparison = setting.comparison
    n = math.ceil(comparison.counts().most * REACH)
    looks = np.unique(np.geomspace(comparison.first / 2, n - 1, LOOKS).astype(int))
    found = np.full(runs, np.inf)
    for run in range(runs):
        random = np.random.default_rng([SEED, zlib.crc32(name.encode()), run])
        log = _log(setting, n, random)
        above = np.flatnonzero(_is_above(setting, log, looks))
        if above.size:
            found[run] = looks[above[0]] + 1
    return found


def _log(setting: Setting, n: int, r: np.random.Generator) -> JoinedDecisions:
    """Return n decisions, of which the treatment earns more by the lift."""
    lengths = r.geometric(1 / setting.visits, size=n)
    unit = np.repeat(np.arange(n), lengths)[:n]
    units = int(unit[-1]) + 1
    baseline = (r.random(units) < setting.holdout)[unit]
    taste = np.full(units, setting.base)
    if setting.icc:
        # The variance of tastes that makes rewards of a unit correlate by the ICC.
        spread = setting.base * (1 - setting.base) * setting.icc
        if setting.order is not None:
            comparison = setting.comparison
            spread = setting.icc * comparison.variances[1] / setting.order**2
        more = setting.base * (1 - setting.base) / spread - 1
        taste = r.beta(setting.base * more, (1 - setting.base) * more, units)
    mean = np.minimum(taste[unit] * np.where(baseline, 1.0, 1 + setting.lift), 1.0)
    reward = (r.random(n) < mean).astype(np.float64)
    if setting.order is not None:
        sizes = np.array(SIZES) / np.mean(SIZES)
        reward *= setting.order * r.choice(sizes, n)
    draws = LoggedDraws(
        treated=~baseline,
        baseline_chance=np.full(n, setting.holdout),
        treatment_propensity=np.where(baseline, 0.0, 1.0),
        baseline_propensity=np.where(baseline, 1.0, 0.0),
        fresh=np.ones(n, dtype=np.bool_),
    )
    return JoinedDecisions(unit, draws, reward[:, None])


def _is_above(setting: Setting, log: JoinedDecisions, looks: IntArray) -> BoolArray:
    """Return at which looks the headline's interval is above 0."""
    totals = totals_over(log, looks)
    if setting.visits > 1 or setting.order is not None:
        band = absolute(totals, TRAJECTORY, 0.95, setting.possible)
        return np.asarray(band.enough & (band.lower > 0))
    bets = MixtureBets(setting.holdout)
    above = np.zeros(looks.size, dtype=np.bool_)
    begin, enough = 0, enough_units(totals)
    both = np.array([[0.0, 1.0], [1.0, 0.0]])
    for place, look in enumerate(looks.tolist()):
        part = log.at(slice(begin, look + 1))
        chosen = part.draws.treated.astype(np.int64)
        treatment, baseline = (
            np.broadcast_to(pmf, (chosen.size, both.shape[1])) for pmf in both
        )
        bets.add(
            MixtureDraws(
                treatment,
                baseline,
                part.draws.baseline_chance,
                chosen,
                part.values[:, 0],
            )
        )
        begin = look + 1
        if enough[place] and (bets.estimate(0.95).interval.lower or 0.0) > 0:
            above[place:] = True
            break
    return above


if __name__ == "__main__":
    main()

"""Measure the intervals of a programme whose two channels say the same.

A section of benchmarks/truth; alone, `python -m benchmarks.truth.parts.programmes
[--runs N] [--cells TEXT ...]`. In the world `two-channels` units come back, a purchase
is rare, and the whole is more than twice the sum of the parts. Every thousandth round
is a look. Printed are the runs that were ever wrong, for each estimate, and those at
whose end the report says that the parts don't add up.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from bandit_svc.ope.arrays import BoolArray, FloatArray, IntArray
from bandit_svc.ope.programmes.effects import Effect, Effects
from bandit_svc.ope.programmes.patterns import Pattern, ProgrammeSums, Sums
from benchmarks.truth.asked import is_asked, options
from simulators.worlds.two_channels import Chances, rounds, truth

CONFIDENCE = 0.95
RUNS = 400
SEED = 0
BANNER, MAIL = 1, 2
ESTIMATES = ("whole", "banner", "mail", "interaction")


class Setting(NamedTuple):
    """How a programme is played.

    Attributes:
        units: that come, all of them `each` times.
        look_every: rounds between two looks.
        holdout: of the programme.
        own: holdout of each experiment.
    """

    units: int = 10_000
    each: int = 6
    look_every: int = 1_000
    holdout: float = 0.2
    own: float = 0.2


SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        "10,000 units": Setting(),
        "40,000 units": Setting(units=40_000),
        "10,000 units, holdout of .05": Setting(holdout=0.05),
    }
)


class Run(NamedTuple):
    """What one run has shown.

    Attributes:
        wrong: the estimates of which an interval has missed the truth at a look.
        add_up: false where the last interval of the interaction is above 0.
    """

    wrong: frozenset[str]
    add_up: bool


def play(seed: int, setting: Setting) -> Run:
    """Play one programme, and compare each look with the truth."""
    rng = np.random.default_rng(seed)
    n = setting.units
    held = rng.random(n) < setting.holdout
    own = rng.random((n, 2)) < setting.own
    patterns = _patterns(setting)
    pattern = np.where(held, 0, 1 + own[:, 0] + 2 * own[:, 1]).astype(np.int64)
    offered = ~own & ~held[:, None]
    true = truth(Chances(banner_holdout=setting.own, mail_holdout=setting.own))
    values = {"whole": true.whole, **true.parts, "interaction": true.interaction}
    total, visits = np.zeros(n), np.zeros(n, dtype=np.int64)
    wrong: set[str] = set()
    last: Mapping[str, Effect] = {}
    for done, one in enumerate(rounds(n, setting.each, rng), 1):
        u = one.unit
        total[u] += one.bought(banner=bool(offered[u, 0]), mail=bool(offered[u, 1]))
        visits[u] += 1
        if done % setting.look_every == 0:
            last = _looked(patterns, pattern, total, visits)
            # Every unit has come about as often, whatever its group.
            mean_visits = done / np.count_nonzero(visits)
            wrong |= {
                name
                for name, effect in last.items()
                if _misses(effect, values[name] * mean_visits)
            }
    ends = last["interaction"].interval(CONFIDENCE)
    return Run(frozenset(wrong), ends is None or ends[0] <= 0)


def _patterns(setting: Setting) -> list[Pattern]:
    """Return the ways in which a unit can be treated, the holdout first."""
    found = [Pattern("holdout", setting.holdout)]
    for mail in (False, True):
        for banner in (False, True):
            arms = tuple(
                (number, not own, setting.own if own else 1 - setting.own)
                for number, own in ((BANNER, banner), (MAIL, mail))
            )
            found.append(Pattern("experiment", 1 - setting.holdout, arms))
    return found


def _looked(
    patterns: list[Pattern], pattern: IntArray, total: FloatArray, visits: IntArray
) -> Mapping[str, Effect]:
    """Return every estimate as it is now."""
    seen = visits > 0
    mine, totals = pattern[seen], total[seen]

    def summed(values: FloatArray | IntArray | BoolArray) -> list[float]:
        return [float(one) for one in np.bincount(mine, values, len(patterns))]

    columns = zip(
        summed(np.ones(mine.size)),
        summed(totals != 0),
        summed(totals),
        summed(totals**2),
        summed(visits[seen]),
        strict=True,
    )
    sums = [
        Sums(int(units), int(bringing), whole, squares, int(decisions))
        for units, bringing, whole, squares, decisions in columns
    ]
    effects = Effects(ProgrammeSums(tuple(zip(patterns, sums, strict=True))))
    whole = effects.between("experiment", "holdout")
    parts = [effects.part(BANNER), effects.part(MAIL)]
    together = effects.interaction(whole, parts)
    return dict(zip(ESTIMATES, (whole, *parts, together), strict=True))


def _misses(effect: Effect, value: float) -> bool:
    ends = effect.interval(CONFIDENCE)
    return ends is not None and not ends[0] <= value <= ends[1]


def print_programmes(runs: int, cells: Sequence[str]) -> None:
    """Print a table of the settings whose name is asked for."""
    asked = {name: one for name, one in SETTINGS.items() if is_asked(name, cells)}
    if not asked:
        return
    print("\nprogrammes: two channels that saturate; ever wrong, at any look")
    print("| units | " + " | ".join(ESTIMATES) + " | says that parts don't add up |")
    print("| --- |" + " --- |" * (len(ESTIMATES) + 1))
    for name, setting in asked.items():
        found = [play(SEED + run, setting) for run in range(runs)]
        shares = [
            f"{sum(estimate in run.wrong for run in found) / runs:.3f}"
            for estimate in ESTIMATES
        ]
        apart = sum(not run.add_up for run in found) / runs
        print(f"| {name} | " + " | ".join(shares) + f" | {apart:.2f} |")


if __name__ == "__main__":
    chosen = options(__doc__, RUNS)
    print_programmes(chosen.runs, chosen.cells)

"""Measure the uplift in segments: how often a difference is claimed that isn't there.

A section of benchmarks/truth; alone, `python -m benchmarks.truth.parts.segments
[--runs N] [--cells TEXT ...]`. A/A logs of 10,000 decisions, looked at after each tenth
one, by the product's own code: the weights that decisions have in the whole, summed up
by unit in each segment. Beside it is what a segment had when it borrowed the design
effect of all decisions.
"""

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bandit_svc.ope.parts.differences import PartDifferences, part_differences
from bandit_svc.ope.sequences.asymptotic import MINIMAL_COUNT, padded_variance
from bandit_svc.ope.uplift.by_unit import Possible
from bandit_svc.ope.uplift.columns import TRAJECTORY
from bandit_svc.ope.uplift.sides import (
    MINIMAL_UNITS,
    effective_units,
    pooled_design_effect,
)
from bandit_svc.ope.uplift.totals import Totals
from bandit_svc.ope.uplift.unit_sums import JoinedDecisions, added
from benchmarks.truth.asked import is_asked, options
from benchmarks.truth.unit_logs import ALIKE, Cell, joined, null_log

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

DECISIONS = 10_000
RUNS = 1_000
SEED = 17
EVERY = 10
RISK = 0.05
RATE = Possible(0.0, 1.0)
MEAN = 0.1
ALIKE_UNITS = 0.9
"""The correlation of the rewards of one regular unit (ICC)."""
REGULAR_VISITS = 30
Log = tuple[JoinedDecisions, IntArray]
"""Decisions, and the segment of each."""


@dataclass(frozen=True)
class Found:
    """A log's segments at each look, by unit and by the design effect of all."""

    by_unit: PartDifferences
    borrowed: PartDifferences


def regulars(share: float, holdout: float, n: int, r: np.random.Generator) -> Log:
    """Return segment 0, of units that come 30 times and are alike, among others.

    Args:
        share: of the decisions that are of regular units; segments 1 and 2 have the
            rest, of units that come once.
        holdout: the chance of the baseline group.
    """
    many = int(n * share / REGULAR_VISITS)
    visits = np.repeat(np.arange(many), REGULAR_VISITS)
    once = many + np.arange(n - visits.size)
    unit = r.permutation(np.concatenate([visits, once]))
    units = many + once.size
    more = 1 / ALIKE_UNITS - 1
    taste = np.full(units, MEAN)
    taste[:many] = r.beta(MEAN * more, (1 - MEAN) * more, many)
    baseline = r.random(units)[unit] < holdout
    reward = r.random(n) < taste[unit]
    action = np.where(baseline, 0, r.random(n) >= ALIKE)
    segment = np.where(unit < many, 0, 1 + unit % 2)
    chance = np.full(n, holdout)
    return joined(unit, baseline, chance, action, reward.astype(float)), segment


def by_unit(cell: Cell, segments: int) -> Callable[[int, np.random.Generator], Log]:
    """Return logs of a cell whose segments are traits of units."""

    def log(n: int, r: np.random.Generator) -> Log:
        made = null_log(cell, n, r)
        return made, made.unit % segments

    return log


def by_visit(cell: Cell, segments: int) -> Callable[[int, np.random.Generator], Log]:
    """Return logs of a cell whose segments change from visit to visit."""

    def log(n: int, r: np.random.Generator) -> Log:
        made = null_log(cell, n, r)
        return made, r.integers(0, segments, n)

    return log


WORLDS: dict[str, Callable[[int, np.random.Generator], Log]] = {
    "regulars, one in five, holdout .5": lambda n, r: regulars(0.2, 0.5, n, r),
    "regulars, one in five, holdout .5, n x 2": lambda n, r: regulars(
        0.2, 0.5, 2 * n, r
    ),
    "regulars, half of the decisions, holdout .5": lambda n, r: regulars(
        0.5, 0.5, n, r
    ),
    "4 traits, pop 2 a unit, holdout .1": by_unit(Cell("pop", 2.0), 4),
    "8 traits, heavy 2.9 a unit, holdout .5": by_unit(Cell("heavy", 2.9, (0.5,)), 8),
    "5 by visit, pop 5 a unit, holdout .3": by_visit(Cell("pop", 5.0, (0.3,)), 5),
    "4 by visit, holdout .5 then .1, level x 2": by_visit(
        Cell("session", 2.0, (0.5, 0.1), (0.5, 1.0)), 4
    ),
}


def main() -> None:
    """Print the table of the cells that were asked for."""
    asked = options(__doc__, RUNS)
    print_segments(asked.runs, asked.cells)


def print_segments(runs: int, cells: Sequence[str] = ()) -> None:
    """Print the table; `cells` are parts of names, all cells by default."""
    worlds = {name: world for name, world in WORLDS.items() if is_asked(name, cells)}
    if not worlds:
        return
    print(f"\n{runs:,} A/A runs of {DECISIONS:,} decisions, seed {SEED}, a look after "
          f"each {EVERY}th: claims a difference in any segment at any look (promised: "
          f"at most {RISK:.0%}), and in the first one; shares shown at the end; width "
          "of the segments shown by both, over the borrowed one\n")  # fmt: skip
    print("| segments | by unit: any, first | borrowed: any, first | shown: by unit, "
          "borrowed | width |\n| --- |" + " --- |" * 4)  # fmt: skip
    for name, world in worlds.items():
        _print_world(name, world, runs)


def _print_world(
    name: str, world: Callable[[int, np.random.Generator], Log], runs: int
) -> None:
    claimed, shown, ratios = np.zeros((2, 2)), np.zeros(2), []
    for run in range(runs):
        r = np.random.default_rng([SEED, zlib.crc32(name.encode()), run])
        log, segment = world(DECISIONS, r)
        both = found(log, segment)
        ways = (both.by_unit, both.borrowed)
        for way, one in enumerate(ways):
            discovered = one.discovered(RISK)
            claimed[way] += [discovered.any(), discovered[:, 0].any()]
            shown[way] += one.shown[-1].mean()
        halves = [one.half_width(1 - RISK / one.n.shape[-1])[-1] for one in ways]
        finite = np.isfinite(halves[0]) & np.isfinite(halves[1])
        ratios += (halves[0][finite] / halves[1][finite]).tolist()
    cells = [", ".join(f"{share:.3f}" for share in way) for way in claimed / runs]
    cells += [", ".join(f"{share:.0%}" for share in shown / runs)]
    cells += [f"{np.mean(ratios):.2f}" if ratios else "none"]
    print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def found(log: JoinedDecisions, segment: IntArray, every: int = EVERY) -> Found:
    """Return the segments of a log at each look."""
    units = int(log.unit.max()) + 1
    y = added(Totals.empty(), [None] * units, log).y
    looks = np.arange(every - 1, log.unit.size, every)
    everything = np.zeros(log.unit.size, dtype=np.int64)
    whole = _part(log, y, everything == 0, looks)
    parts = [_part(log, y, segment == s, looks) for s in range(int(segment.max()) + 1)]
    return Found(
        part_differences(_side_by_side(parts), TRAJECTORY, RISK, RATE),
        _borrowed(log, segment, whole, looks),
    )


def _part(
    log: JoinedDecisions, y: FloatArray, mine: npt.NDArray[np.bool_], looks: IntArray
) -> Totals:
    """Return the sums by unit of a part's decisions at looks at all decisions."""
    unit, own = log.unit[mine], y[mine]
    order = np.argsort(unit, kind="stable")
    sums = np.cumsum(own[order], axis=0)
    first = np.searchsorted(unit[order], unit[order])
    before = np.empty_like(own)
    before[order] = sums - own[order] - (sums - own[order])[first]
    # What is nearly 0 is rounding: a unit's first decision has nothing before it.
    before[order[first == np.arange(first.size)]] = 0.0
    counted = np.r_[0, np.arange(own.shape[0])]
    every = Totals.empty().over_rows(
        own, before, log.values[mine], np.arange(own.shape[0])
    )
    # A look before the part's first decision is one at no sums.
    return _none_first(every.at(counted)).at(np.cumsum(mine, dtype=np.int64)[looks])


def _none_first(every: Totals) -> Totals:
    for one in (every.counts, every.sums, every.by_unit, every.by_decision):
        one[0] = 0.0
    every.plain[0], every.heaviest[0] = 0.0, 0.0
    return every


def _side_by_side(parts: Sequence[Totals]) -> Totals:
    def stacked(arrays: Iterable[FloatArray]) -> FloatArray:
        return np.stack(list(arrays), axis=1)

    return replace(
        parts[0],
        counts=stacked(part.counts for part in parts),
        sums=stacked(part.sums for part in parts),
        by_unit=stacked(part.by_unit for part in parts),
        by_decision=stacked(part.by_decision for part in parts),
        plain=stacked(part.plain for part in parts),
        heaviest=stacked(part.heaviest for part in parts),
    )


def _borrowed(
    log: JoinedDecisions, segment: IntArray, whole: Totals, looks: IntArray
) -> PartDifferences:
    """Return the segments by decision, with the design effect of all decisions."""
    m = int(segment.max()) + 1
    strictest = 1 - RISK / m
    reward = log.values[:, 0]
    in_part = segment[:, None] == np.arange(m)
    worth = [
        units / np.maximum(whole.decisions[:, side], 1.0)
        for side, units in enumerate(effective_units(whole))
    ]
    means, errors, shown, counts = [], [], [], []
    for side, group in enumerate((log.draws.treated, ~log.draws.treated)):
        mine = in_part & group[:, None]
        count = np.cumsum(mine, axis=0)[looks].astype(float)
        total = np.cumsum(mine * reward[:, None], axis=0)[looks]
        some = np.maximum(count, 1.0)
        mean = total / some
        means.append(mean)
        errors.append(padded_variance(some, mean * (1 - mean), 1.0, strictest) / some)
        enough = count * worth[side][:, None] >= MINIMAL_UNITS
        shown.append((count >= MINIMAL_COUNT) & enough)
        counts.append(count)
    return PartDifferences(
        means[0] - means[1],
        (errors[0] + errors[1]) * pooled_design_effect(whole)[:, None],
        np.maximum(counts[0] + counts[1], 1.0),
        shown[0] & shown[1],
    )


if __name__ == "__main__":
    main()

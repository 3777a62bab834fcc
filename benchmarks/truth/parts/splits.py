"""Measure how often a policy split rolls back, advances, and after how long.

A section of benchmarks/truth; alone, `python -m benchmarks.truth.parts.splits
[--runs N] [--cells TEXT ...]`. A split of a ramp .1, .3, 1 is looked at after every
batch of decisions, by the service's own sums and conditions, and takes the steps that
follow. Units come back, a few of them very often (visits are Pareto), and differ in
their rates. An A/A split should roll back in at most 5 % of runs, plus what a guardrail
adds; a policy that is worse should roll back by itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bandit_svc.domain.experiment import Definition, RewardDefinition
from bandit_svc.domain.metric import Metric
from bandit_svc.domain.splits.split import Split
from bandit_svc.domain.splits.verdict import verdict_of
from bandit_svc.domain.variant import Variant
from bandit_svc.ope.arrays import FloatArray
from bandit_svc.services.learning.splits.comparison import (
    MadeInBranches,
    compared_with,
    empty_comparison,
    evidence_of,
)
from benchmarks.truth.asked import is_asked, options

DECISIONS = 60_000
LONGEST = 200_000
"""Decisions of a run where something is to be found."""
BATCH = 500
UNITS = 100_000
PARETO = 2.0
"""Of the visits of units: 1 % of them make a tenth of the decisions."""
SEED = 17
LAST_SHARE = 1.0
CONCENTRATION = 4.0
"""Of the rates of units: a correlation of .2 between the rewards of one unit."""


class Cell(NamedTuple):
    """What differs between rows.

    Attributes:
        lift: of the other policy's mean reward, relative.
        mean: of the current one's.
        orders: the log's standard deviation of an order; 0 for clicks.
        worse: what the other policy adds to a guardrail's rate of .05.
        more: fields of the split.
    """

    name: str
    lift: float
    mean: float = 0.1
    orders: float = 0.0
    guardrail: bool = False
    worse: float = 0.0
    more: Mapping[str, Any] = {}


CELLS = (
    Cell("A/A, clicks", 0.0),
    Cell("A/A, clicks, half and half", 0.0, more={"share": 0.5}),
    Cell("A/A, clicks of .3, a guardrail", 0.0, mean=0.3, guardrail=True),
    Cell("A/A, orders", 0.0, mean=0.2, orders=1.0),
    Cell("-20 %, clicks", -0.2),
    Cell("-20 %, clicks of .3", -0.2, mean=0.3),
    Cell("-20 %, clicks of .3, half and half", -0.2, mean=0.3, more={"share": 0.5}),
    Cell("-20 %, orders", -0.2, mean=0.2, orders=1.0),
    Cell("guardrail +.05", 0.0, mean=0.3, guardrail=True, worse=0.05),
    Cell("+20 %, clicks", 0.2),
    Cell("+20 %, clicks of .3", 0.2, mean=0.3),
)


class Played(NamedTuple):
    """How a run ended, after how many decisions; `runs out` if it has not."""

    end: str
    decisions: int
    steps: int


def definition_of(cell: Cell) -> Definition:
    """Return the experiment of a cell, with its split as it begins."""
    share = cell.more.get("share", 0.1)
    split = Split(
        policies={"current": 1 - share, "other": share},
        policy={"kind": "uniform"},
        ramp=cell.more.get("ramp", (0.1, 0.3, 1.0)),
        state="running",
        since=1,
    )
    guardrail = Metric("errors", 0.0, 1.0, "lower", 0.01)
    return Definition(
        key="hero",
        variants=(Variant("a"), Variant("b")),
        reward=RewardDefinition(maximum=1_000.0 if cell.orders else 1.0),
        metrics=(guardrail,) if cell.guardrail else (),
        split=split,
    )


def play(cell: Cell, seed: int, decisions: int = DECISIONS) -> Played:
    """Play one split to its end, or to the last decision."""
    rng = np.random.default_rng(seed)
    definition = definition_of(cell)
    split = definition.split
    assert split is not None  # noqa: S101 - of the line above
    weights = rng.pareto(PARETO, UNITS) + 1
    weights /= weights.sum()
    uniform = rng.random(UNITS)
    tastes = rng.beta(CONCENTRATION * cell.mean, CONCENTRATION * (1 - cell.mean), UNITS)
    compared = empty_comparison(definition)
    states: list[bytes | None] = [None] * UNITS
    steps = 0
    for begin in range(0, decisions, BATCH):
        unit = rng.choice(UNITS, BATCH, p=weights)
        other = uniform[unit] < split.share
        own = np.where(other, split.share, 1 - split.share)
        values = _values(rng, cell, tastes[unit], other)
        units, local = np.unique(unit, return_inverse=True)
        mine = [states[one] for one in units.tolist()]
        made = MadeInBranches(local, other, own, values)
        compared, after = compared_with(compared, made, mine)
        for one, state in zip(units.tolist(), after, strict=True):
            states[one] = state
        evidence = evidence_of(compared, definition, split)
        verdict = verdict_of(split, evidence, compared.in_step_at(split.share))
        if verdict.move == "stay":
            continue
        following = split.next_share or LAST_SHARE
        if verdict.move == "roll_back":
            return Played("rolled back", begin + BATCH, steps)
        steps += 1
        if following >= LAST_SHARE:
            return Played("completed", begin + BATCH, steps)
        split = split.at_share(following)
    return Played("runs out", decisions, steps)


def _values(
    rng: np.random.Generator, cell: Cell, tastes: FloatArray, other: np.ndarray
) -> FloatArray:
    rates = tastes * np.where(other, 1 + cell.lift, 1.0)
    rewards = (rng.random(rates.size) < rates).astype(float)
    if cell.orders:
        rewards *= np.minimum(20 * rng.lognormal(0, cell.orders, rates.size), 1_000)
    if not cell.guardrail:
        return rewards[:, None]
    errors = rng.random(rates.size) < 0.05 + cell.worse * other
    return np.stack([rewards, errors], axis=1)


def print_splits(runs: int, cells: Sequence[str]) -> None:
    """Print the table of the cells that were asked for."""
    asked = [cell for cell in CELLS if is_asked(cell.name, cells)]
    if not asked:
        return
    print(
        f"\n{runs} splits of at most {DECISIONS:,} decisions, with a lift {LONGEST:,}; "
        f"a look after every {BATCH}, seed {SEED}\n"
    )
    print("| split | rolled back | median decisions until then | completed | median "
          "decisions until then |")  # fmt: skip
    print("| --- | --- | --- | --- | --- |")
    for cell in asked:
        most = LONGEST if cell.lift else DECISIONS
        played = [play(cell, SEED + run, most) for run in range(runs)]
        words = " | ".join(_ended(played, end) for end in ENDS)
        print(f"| {cell.name} | {words} |", flush=True)


ENDS = ("rolled back", "completed")


def _ended(played: Sequence[Played], end: str) -> str:
    """Return the share of runs that ended so, and the median of their decisions."""
    ended = [one.decisions for one in played if one.end == end]
    median = f"{int(np.median(ended)):,}" if ended else "-"
    return f"{len(ended) / len(played):.3f} | {median}"


if __name__ == "__main__":
    asked_for = options(__doc__, 200)
    print_splits(asked_for.runs, asked_for.cells)

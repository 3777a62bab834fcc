"""Learning quality against other bandit libraries, in one run.

Prints each contestant's mean expected reward as a share of the best contestant's
in that world, the smallest propensity, and whether our policies ever fell below
the baseline group. Writes benchmarks/results/quality.json.

Run it with `make bench-quality`, or `python -m benchmarks.quality --help`.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.quality.contestants import CONTESTANTS
from benchmarks.quality.worlds import WORLDS, setting
from simulators.environment import baseline_variant
from simulators.in_process import Rounds, draw_rounds, run
from simulators.regret import floor_cost, shortfall

RESULTS = Path(__file__).parents[1] / "results" / "quality.json"
WARM_UP_ROUNDS = 2_000
# Mean share and smallest share that a contestant of ours has to reach.
GOALS = {"vw": (0.92, 0.80), "linear": (0.97, 0.0)}
# A propensity is a sum of float64 products; this is far above their rounding.
PROPENSITY_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Task:
    """One world with one seed, for all contestants."""

    world: str
    seed: int
    rounds: int
    contestants: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """The result of one contestant in one world with one seed."""

    world: str
    seed: int
    contestant: str
    mean: float
    best_possible: float
    smallest_propensity: float
    floor_per_action: float
    """The smallest allowed propensity: the floor over the number of actions."""
    below_baseline: float | None
    """After the warm-up, how far it was below the baseline's mean; None when the
    run is no longer than the warm-up."""
    floor_cost: float | None
    seconds: float

    @property
    def keeps_floor(self) -> bool:
        """Return whether every propensity was at or above the floor."""
        least = self.floor_per_action - PROPENSITY_TOLERANCE
        return self.smallest_propensity >= least

    @property
    def holds_baseline(self) -> bool:
        """Return whether it was below the baseline by at most the cost of the floor."""
        if self.below_baseline is None or self.floor_cost is None:
            return True
        return self.below_baseline <= self.floor_cost


def play(task: Task) -> list[Outcome]:
    """Run every contestant of a task on the same rounds."""
    place = setting(task.world, task.rounds)
    rounds = draw_rounds(place.world, task.rounds, task.seed, place.channel)
    return [play_one(task, name, rounds, place.window_s) for name in task.contestants]


def play_one(task: Task, name: str, rounds: Rounds, window_s: int) -> Outcome:
    """Run one contestant on the rounds."""
    contestant = CONTESTANTS[name]
    began = time.perf_counter()
    outcome = run(
        rounds,
        lambda: contestant.build(rounds.world, task.seed),
        floor=contestant.floor,
        window_s=window_s,
    )
    keys = [action.key for action in rounds.world.actions]
    baseline = keys.index(baseline_variant(rounds.world))
    below = cost = None
    if task.rounds > WARM_UP_ROUNDS:
        below = shortfall(rounds.expected, outcome.value, baseline, WARM_UP_ROUNDS)
        cost = floor_cost(rounds.expected, baseline, contestant.floor, WARM_UP_ROUNDS)
    return Outcome(
        world=task.world,
        seed=task.seed,
        contestant=name,
        mean=outcome.mean_value,
        best_possible=float(rounds.expected.max(axis=1).mean()),
        smallest_propensity=outcome.smallest_propensity,
        floor_per_action=contestant.floor / len(keys),
        below_baseline=below,
        floor_cost=cost,
        seconds=time.perf_counter() - began,
    )


def mean_table(
    outcomes: Sequence[Outcome], worlds: Sequence[str], contestants: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Return means over seeds: by contestant, by world."""
    return {
        name: {
            world: float(
                np.mean(
                    [
                        outcome.mean
                        for outcome in outcomes
                        if (outcome.world, outcome.contestant) == (world, name)
                    ]
                )
            )
            for world in worlds
        }
        for name in contestants
    }


def share_table(means: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Divide by the best contestant of each world; add the average as "mean"."""
    worlds = list(next(iter(means.values())))
    best = {world: max(row[world] for row in means.values()) for world in worlds}
    shares = {
        name: {world: row[world] / best[world] for world in worlds}
        for name, row in means.items()
    }
    for row in shares.values():
        row["mean"] = float(np.mean([row[world] for world in worlds]))
    return shares


def print_table(title: str, table: dict[str, dict[str, float]]) -> None:
    """Print a row per contestant and a column per world."""
    columns = list(next(iter(table.values())))
    print(f"\n{title}")
    print(" " * 16 + "".join(f"{column:>14}" for column in columns))
    for name, row in table.items():
        print(f"{name:<16}" + "".join(f"{row[column]:>14.3f}" for column in columns))


def verdicts(
    shares: dict[str, dict[str, float]], outcomes: Sequence[Outcome]
) -> list[str]:
    """Return one line per goal of our policies, with its verdict."""
    lines = []
    for name, (mean_goal, least_goal) in GOALS.items():
        if name not in shares:
            continue
        mean = shares[name]["mean"]
        least = min(shares[name].values())
        lines.append(_verdict(mean >= mean_goal, f"{name} mean share", mean, mean_goal))
        if least_goal:
            line = _verdict(
                least >= least_goal, f"{name} least share", least, least_goal
            )
            lines.append(line)
        own = [outcome for outcome in outcomes if outcome.contestant == name]
        tightest = min(
            own, key=lambda one: one.smallest_propensity - one.floor_per_action
        )
        lines.append(
            _verdict(
                all(outcome.keeps_floor for outcome in own),
                f"{name} smallest propensity ({tightest.world})",
                tightest.smallest_propensity,
                tightest.floor_per_action,
            )
        )
        lines += _baseline_verdicts(name, own)
    return lines


def _baseline_verdicts(name: str, own: Sequence[Outcome]) -> list[str]:
    measured = [one for one in own if one.below_baseline is not None]
    lines = []
    for world in dict.fromkeys(one.world for one in measured):
        worst = max(
            (one for one in measured if one.world == world),
            key=lambda one: (one.below_baseline or 0.0) - (one.floor_cost or 0.0),
        )
        claim = f"{name} above baseline after {WARM_UP_ROUNDS} rounds, {world}"
        ahead = -(worst.below_baseline or 0.0)
        allowed = -(worst.floor_cost or 0.0)
        lines.append(_verdict(worst.holds_baseline, claim, ahead, allowed))
    return lines


def _verdict(holds: bool, claim: str, value: float, goal: float) -> str:  # noqa: FBT001
    return (
        f"{'ok    ' if holds else 'MISSED'} {claim}: {value:.4f}, at least {goal:.4f}"
    )


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality")
    parser.add_argument("--rounds", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--worlds", nargs="+", choices=WORLDS, default=WORLDS)
    parser.add_argument(
        "--contestants", nargs="+", choices=CONTESTANTS, default=tuple(CONTESTANTS)
    )
    return parser.parse_args()


def play_all(tasks: Sequence[Task], processes: int) -> list[Outcome]:
    """Run the tasks in fresh processes, with a line on stderr for each."""
    outcomes: list[Outcome] = []
    # Small matrices are slower on many threads, and the processes fill the cores.
    os.environ["OMP_NUM_THREADS"] = "1"
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for done, batch in enumerate(pool.imap_unordered(play, tasks), start=1):
            outcomes += batch
            one = batch[0]
            print(f"{done}/{len(tasks)} {one.world} seed {one.seed}", file=sys.stderr)
    return sorted(outcomes, key=lambda one: (one.world, one.contestant, one.seed))


def main() -> None:
    """Run the benchmark, print the tables, write the results."""
    options = arguments()
    tasks = [
        Task(world, seed, options.rounds, tuple(options.contestants))
        # The data sets take longest, so they go first.
        for world in reversed(options.worlds)
        for seed in range(1, options.seeds + 1)
    ]
    outcomes = play_all(tasks, options.processes)
    means = mean_table(outcomes, options.worlds, options.contestants)
    shares = share_table(means)
    print_table("Mean expected reward", means)
    print_table("Share of the best contestant of each world", shares)
    lines = verdicts(shares, outcomes)
    print("\n" + "\n".join(lines))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "rounds": options.rounds,
        "seeds": options.seeds,
        "means": means,
        "shares": shares,
        "verdicts": lines,
        "outcomes": [asdict(outcome) for outcome in outcomes],
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\nWritten to {RESULTS}")


if __name__ == "__main__":
    main()

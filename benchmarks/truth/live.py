"""Measure how often intervals ever miss on logs of the service's own policies.

A section of benchmarks/truth; alone, `python -m benchmarks.truth.live
[RUNS] [DECISIONS]`. Runs take the kinds of policies in turn, and two exploration
floors; intervals are looked at after every decision. In `hero` pictures differ, so that
the policies learn; in the A/A world nothing does, so that whoever claims a winner is
wrong.
"""

import sys
from collections import Counter
from collections.abc import Mapping

from benchmarks.truth.policies import (
    FLOORS,
    HOLDOUT,
    LOGGING,
    Pool,
    estimates_missed,
    normal_claims_winner,
    policy_log,
    uplift_missed,
    winner_claimed,
)
from simulators.environment import World
from simulators.worlds.hero import HeroWorld
from simulators.worlds.null import NullWorld

RUNS = 1_000
DECISIONS = 10_000
SEED = 21
TARGETS = ("served", "uniform", "baseline", "rare", "candidate")
CLAIMS = ("ours", "normal")


def print_live(runs: int = RUNS, decisions: int = DECISIONS) -> None:
    """Print both tables."""
    print(f"{runs:,} runs of {decisions:,} decisions by policies that learn, floors "
          f"{FLOORS} in turn, holdout {HOLDOUT:.0%}, seed {SEED}\n")  # fmt: skip
    _print_world(HeroWorld(), runs, decisions)
    print()
    _print_world(NullWorld(), runs, decisions)


def _print_world(world: World, runs: int, decisions: int) -> None:
    pool = Pool(world)
    null = bool((pool.expected.min(axis=1) == pool.expected.max(axis=1)).all())
    columns = (*TARGETS, "absolute", "relative", *(CLAIMS if null else ()))
    titles = [f"value of {name}" for name in TARGETS] + ["uplift", "relative uplift"]
    titles += ["claims a winner", "a normal interval does"] if null else []
    print(f"| `{world.key}` logged by | runs | " + " | ".join(titles) + " |")
    print("| --- | --- |" + " --- |" * len(titles))
    wrong: Mapping[str, Counter[str]] = {kind: Counter() for kind in LOGGING}
    for run in range(runs):
        kind = list(LOGGING)[run % len(LOGGING)]
        floor = FLOORS[run // len(LOGGING) % len(FLOORS)]
        log = policy_log(pool, LOGGING[kind], floor, decisions, [SEED, run])
        wrong[kind].update(estimates_missed(log) | uplift_missed(log))
        wrong[kind].update({"ours": winner_claimed(log)})
        wrong[kind].update({"normal": normal_claims_winner(log)})
        wrong[kind].update({"runs": 1})
    for kind, counts in wrong.items():
        _print_row(kind, counts, columns)
    _print_row("all", sum(wrong.values(), Counter()), columns)


def _print_row(name: str, counts: Counter[str], columns: tuple[str, ...]) -> None:
    runs = max(counts["runs"], 1)
    cells = [f"{counts[column] / runs:.1%}" for column in columns]
    print(f"| {name} | {counts['runs']:,} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    print_live(*(int(argument) for argument in sys.argv[1:3]))

"""Learning quality in worlds like real sites, against other libraries, in one run.

Prints the tables that docs/policies.md holds: the mean expected reward of the first
rounds, warm-up included, as a share of the oracle's, by world and over the rounds, with
standard errors over the seeds. Every propensity is checked while it plays. Outcomes are
kept in benchmarks/results/quality.jsonl; what is there is not run again.

    make bench-quality
    python -m benchmarks.quality --horizons 500 2000 10000 50000 --worlds abrupt
    python -m benchmarks.quality --contestants auto '{"kind": "linear", "ridge": 3}'
"""

import argparse
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.quality.contestants import CONTESTANTS, FLOOR
from benchmarks.quality.data_worlds import ALL_WORLDS, WORLDS
from benchmarks.quality.outcomes import YARDSTICKS, Kept, Outcome, Tables
from benchmarks.quality.playing import Task, played

RESULTS = Path(__file__).parents[1] / "results" / "quality.jsonl"
HORIZONS = (500, 2_000, 4_000)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality",
        description="Compare learning with other bandit libraries.",
    )
    parser.add_argument(
        "--horizons",
        nargs="+",
        type=int,
        default=list(HORIZONS),
        help="numbers of rounds, ascending; a run is as long as the last one",
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(1, 6)))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--worlds", nargs="+", choices=ALL_WORLDS, default=list(WORLDS))
    parser.add_argument(
        "--contestants",
        nargs="+",
        default=list(CONTESTANTS),
        help=f"of {', '.join(CONTESTANTS)}, or specs of ours as JSON",
    )
    parser.add_argument("--keep", type=Path, default=RESULTS, help="file of outcomes")
    parser.add_argument(
        "--print-only", action="store_true", help="print what the file has"
    )
    return parser.parse_args()


def tasks_of(asked: argparse.Namespace, kept: Kept) -> list[Task]:
    """Return what is still to run: all worlds of a seed before the next one."""
    horizons = tuple(asked.horizons)
    done = {one.run for one in kept.outcomes}
    tasks = []
    for seed in asked.seeds:
        for world in asked.worlds:
            names = tuple(
                name
                for name in asked.contestants
                if (world, seed, name, horizons) not in done
            )
            tasks.append(Task(world, seed, horizons, names))
    return [one for one in tasks if one.contestants]


def run_all(tasks: Sequence[Task], kept: Kept, processes: int) -> None:
    """Run the tasks, with a line on stderr for each."""
    done = {one.run for one in kept.outcomes}
    for count, batch in enumerate(_outcomes(tasks, processes), start=1):
        kept.add(one for one in batch if one.run not in done)
        words = " ".join(f"{one.contestant} {one.shares[-1]:.3f}" for one in batch)
        first = batch[0]
        line = f"{count}/{len(tasks)} {first.world} seed {first.seed}: {words}\n"
        sys.stderr.write(line)


def _outcomes(tasks: Sequence[Task], processes: int) -> Iterator[list[Outcome]]:
    if processes == 1:
        yield from map(played, tasks)
        return
    # Small matrices are slower on many threads, and the processes fill the cores.
    os.environ["OMP_NUM_THREADS"] = "1"
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap(played, tasks)


def print_tables(kept: Kept, asked: argparse.Namespace) -> None:
    """Print the tables of the runs that were asked for."""
    horizons = tuple(asked.horizons)
    names = {*asked.contestants, *YARDSTICKS}
    mine = [
        one
        for one in kept.outcomes
        if one.horizons == horizons
        and one.seed in asked.seeds
        and one.contestant in names
    ]
    seeds = sorted({one.seed for one in mine})
    tables = Tables(mine, asked.worlds, asked.contestants)
    print(
        f"{len(seeds)} seeds, share of the oracle in the first {horizons[-1]:,} rounds,"
        f" ± standard error; floor of ours {FLOOR}\n"
    )
    print("\n".join(tables.of_worlds(len(horizons) - 1)))
    print()
    print("\n".join(tables.over_rounds(horizons)))
    print()
    for name in asked.contestants:
        spent = [one.ms for one in mine if one.contestant == name]
        if spent:
            print(f"{name}: {sum(spent) / len(spent):.2f} ms of CPU a round")


def main() -> None:
    """Run the benchmark, keep the outcomes, print the tables."""
    asked = arguments()
    kept = Kept(asked.keep)
    if not asked.print_only:
        run_all(tasks_of(asked, kept), kept, asked.processes)
    print_tables(kept, asked)


if __name__ == "__main__":
    main()

"""One world with one seed, played by several contestants on the same rounds.

Owns what a process of the benchmark does.
"""

import time
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.quality.contestants import contestant
from benchmarks.quality.data_worlds import ALL_WORLDS
from benchmarks.quality.outcomes import Outcome
from benchmarks.quality.site_rounds import SiteRounds, Yardsticks, play, yardsticks


class Task(NamedTuple):
    """One world with one seed, and the contestants that are still to play in it."""

    world: str
    seed: int
    horizons: tuple[int, ...]
    contestants: tuple[str, ...]


def played(task: Task) -> list[Outcome]:
    """Run the contestants of a task on the same rounds."""
    world, seed, horizons, names = task
    rounds = ALL_WORLDS[world](max(horizons), seed)
    sticks = [yardsticks(rounds, first) for first in horizons]
    found = [
        Outcome(world, seed, "uniform", horizons, _shares(sticks, "uniform")),
        Outcome(world, seed, "best-fixed", horizons, _shares(sticks, "best_fixed")),
    ]
    some = [
        one for one in names if contestant(one).most_variants >= len(rounds.live[0])
    ]
    return [*found, *(played_by(name, rounds, sticks, task) for name in some)]


def played_by(
    name: str, rounds: SiteRounds, sticks: Sequence[Yardsticks], task: Task
) -> Outcome:
    """Run one contestant."""
    entry = contestant(name)
    began_s = time.process_time()
    value = play(rounds, entry.build(rounds, task.seed), entry.floor)
    spent_ms = (time.process_time() - began_s) * 1e3 / len(value)
    shares = tuple(
        float(value[:first].mean()) / stick.oracle
        for first, stick in zip(task.horizons, sticks, strict=True)
    )
    return Outcome(task.world, task.seed, name, task.horizons, shares, spent_ms)


def _shares(sticks: Sequence[Yardsticks], name: str) -> tuple[float, ...]:
    return tuple(float(getattr(one, name)) / one.oracle for one in sticks)

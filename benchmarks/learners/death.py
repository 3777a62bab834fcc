"""How long the experiments of a learner that is killed have no new model.

Owns the kills: two learners share the experiments, one of them is killed by SIGKILL
while decisions come, and each of its experiments is waited for.
"""

import time
from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

from bandit_svc.eventlog.stream.partitions import partition_of
from benchmarks.learners.drill import LIMIT_S, PAUSE_S
from benchmarks.learners.engines import Engines, Servers
from benchmarks.learners.feed import Feed

NAMES = ("learner-1", "learner-2")
TTL_S = 6.0
GOAL_S = TTL_S + 2.0
EXPERIMENTS, PARTITIONS, RATE = 8, 8, 16.0
# So few that learners keep up on a busy machine: what is measured is the taking over.
LOOK_EVERY_S = 0.05
CALM_S = 3.0
"""Seconds for which both learn before the next kill."""


class Death(NamedTuple):
    """One kill.

    Attributes:
        taken_s: seconds until the other learner held all shards.
        first_s: until the first of the experiments had a newer model.
        last_s: until all of them had.
        experiments: how many the learner had.
    """

    taken_s: float
    first_s: float
    last_s: float
    experiments: int


def deaths(servers: Servers, kills: int, say: Callable[[str], None]) -> list[Death]:
    """Kill one learner after the other."""
    found = []
    with (
        servers.engines("death", PARTITIONS) as engines,
        closing(Feed(engines, EXPERIMENTS, RATE)) as feed,
    ):
        for name in NAMES:
            engines.start(name)
        for at in range(kills):
            _until(feed, lambda: engines.is_fair(*NAMES))
            _until(feed, _passed(CALM_S))
            found.append(_death(engines, feed, NAMES[at % 2]))
            say(
                f"{found[-1].experiments} experiments: taken after "
                f"{found[-1].taken_s:.2f} s, next models after {found[-1].first_s:.2f} "
                f"to {found[-1].last_s:.2f} s"
            )
            engines.start(NAMES[at % 2])
    return found


def _death(engines: Engines, feed: Feed, victim: str) -> Death:
    shards = engines.shards_of(victim)
    versions = engines.storage.model_versions
    waiting = {n for n in feed.made if partition_of(n, PARTITIONS) in shards}
    count = len(waiting)
    began_s = time.monotonic()
    engines.learners[victim].kill()
    before = dict(versions.latest_versions())
    (other,) = (name for name in NAMES if name != victim)
    taken_s = first_s = last_s = 0.0

    def looked() -> bool:
        nonlocal taken_s, first_s, last_s
        elapsed_s = time.monotonic() - began_s
        if not taken_s and engines.is_fair(other):
            taken_s = elapsed_s
        now = versions.latest_versions()
        newer = {n for n in waiting if now.get(n, 0) > before.get(n, 0)}
        if newer and not first_s:
            first_s = elapsed_s
        waiting.difference_update(newer)
        if not waiting and not last_s:
            last_s = elapsed_s
        return bool(taken_s and last_s)

    _until(feed, looked)
    return Death(taken_s, first_s, last_s, count)


def _passed(seconds: float) -> Callable[[], bool]:
    until_s = time.monotonic() + seconds
    return lambda: time.monotonic() > until_s


def _until(feed: Feed, condition: Callable[[], bool]) -> None:
    began_s = looked_s = time.monotonic()
    while True:
        feed.step()
        now_s = time.monotonic()
        if now_s - looked_s >= LOOK_EVERY_S:
            looked_s = now_s
            if condition():
                return
            if now_s - began_s > LIMIT_S:
                raise TimeoutError(f"waited {LIMIT_S:.0f} s in vain")
        time.sleep(PAUSE_S)

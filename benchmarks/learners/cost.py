"""What a decision costs two learners that share, against one learner alone.

Owns the comparison: the same number of decisions of the same experiments is sent at
once, and CPU time is read of learners' processes (with their children) and of the
store's backends, from before it is sent until all of it is in models.
"""

import os
import time
from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

import psycopg

from benchmarks.cluster.processes import descendants_of
from benchmarks.learners.engines import Engines, Servers, cpu_s
from benchmarks.learners.feed import Feed

EXPERIMENTS, PARTITIONS = 16, 8
AT_ONCE = 500
LIMIT_S = 900.0
POLL_S = 0.1
GOAL = 1.1
_BACKENDS = """
    SELECT pid FROM pg_stat_activity WHERE application_name = ANY(%s)"""


class Cost(NamedTuple):
    """CPU time in microseconds a decision."""

    learners: float
    backends: float


def cost(
    servers: Servers, schema: str, names: tuple[str, ...], decisions: int, scorers: int
) -> Cost:
    """Return what these learners need for so many decisions."""
    with (
        servers.engines(schema, PARTITIONS) as engines,
        closing(Feed(engines, EXPERIMENTS, 0.0)) as feed,
    ):
        settings = {"BANDIT_SCORERS": str(scorers), "BANDIT_LEARNER_NICE": "0"}
        for name in names:
            engines.start(name, settings)
        # What is loaded at first is of no decision.
        feed.decide(EXPERIMENTS * 10)
        _learned(engines, feed)
        _wait(lambda: engines.is_fair(*names), feed)
        before = _used(engines)
        for _ in range(0, decisions, AT_ONCE):
            feed.decide(AT_ONCE)
            feed.ship()
        _learned(engines, feed)
        after = _used(engines)
    return Cost(
        *(1e6 * (b - a) / decisions for a, b in zip(before, after, strict=True))
    )


def _learned(engines: Engines, feed: Feed) -> None:
    """Wait until models and candidates have come to every decision."""
    storage = engines.storage

    def all_of_them() -> bool:
        for number, made in feed.made.items():
            newest = storage.model_versions.newest(number)
            if newest is None or newest.cursor < made:
                return False
        return all(
            row.cursor >= made
            for number, made in feed.made.items()
            for row in storage.evaluations.scores(number)
        )

    _wait(all_of_them, feed)


def _wait(condition: Callable[[], bool], feed: Feed) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"waited {LIMIT_S:.0f} s in vain")
        feed.ship()
        time.sleep(POLL_S)


def _used(engines: Engines) -> Cost:
    """Return the CPU seconds of the learners and of their backends so far."""
    learners = [one.pid for one in engines.learners.values()]
    below = [pid for learner in learners for pid in descendants_of(learner)]
    with psycopg.connect(engines.postgres) as plain:
        rows = plain.execute(_BACKENDS, ([*engines.learners],)).fetchall()
    return Cost(
        sum(cpu_s(pid) for pid in (*learners, *below)),
        sum(cpu_s(pid) for (pid,) in rows if pid != os.getpid()),
    )

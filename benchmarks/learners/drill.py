"""Learners join, are killed and are stopped while decisions come.

Owns the sequence, and the waits in between, in which decisions go on.
"""

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Literal, NamedTuple, assert_never

from benchmarks.learners import watched
from benchmarks.learners.engines import Engines, Servers
from benchmarks.learners.feed import Feed

LIMIT_S = 600.0
LOOK_EVERY_S = 0.2
PAUSE_S = 0.01


Event = Literal["kill", "stop", "end"]


class Size(NamedTuple):
    """How large a drill is.

    Attributes:
        rounds: how often each event comes.
        events: of a round, each to another learner.
        rate: decisions a second; few, since each costs a model of its experiment.
        between_s: seconds between two of these events.
    """

    experiments: int = 1_000
    learners: int = 4
    partitions: int = 32
    rounds: int = 4
    events: Sequence[Event] = ("kill", "stop", "end")
    rate: float = 20.0
    between_s: float = 5.0


class Drilled(NamedTuple):
    """The result.

    Attributes:
        made: decisions.
        joined: those that have a position.
        unfair_s: seconds from each event to fair shares, by what it was.
        audit: of the server's notes.
    """

    made: int
    joined: int
    unfair_s: dict[str, list[float]]
    audit: watched.Audit

    @property
    def holds(self) -> bool:
        """True if nothing is missing, double or written by a former holder."""
        return self.audit.holds and self.made == self.joined == self.audit.positions


class Drill:
    """One drill over fresh engines."""

    def __init__(
        self, engines: Engines, feed: Feed, size: Size, say: Callable[[str], None]
    ) -> None:
        self._engines, self._feed, self._size = engines, feed, size
        self._say = say
        self._names = [f"learner-{n}" for n in range(1, size.learners + 1)]
        self._unfair_s: dict[str, list[float]] = {}

    def run(self) -> None:
        """Go through all rounds; all learners run at the end."""
        names = self._names
        for count, name in enumerate(names, start=1):
            self._engines.start(name)
            self._fair("join", *names[:count])
        for at in range(self._size.rounds):
            for place, event in enumerate(self._size.events, start=at):
                self._befall(event, names[place % len(names)])

    def drain(self) -> int:
        """Wait until all that was made is joined; return how much is."""
        self._feed.pause()
        made = sum(self._feed.made.values())
        self.until(lambda: self._joined() >= made, "everything joined")
        return self._joined()

    def until(self, condition: Callable[[], bool], what: str) -> float:
        """Go on deciding until a condition is true; return the seconds it took.

        Raises:
            TimeoutError: it did not become true.
        """
        began_s = looked_s = time.monotonic()
        while True:
            self._feed.step()
            now_s = time.monotonic()
            if now_s - looked_s >= LOOK_EVERY_S:
                looked_s = now_s
                if condition():
                    return now_s - began_s
                if now_s - began_s > LIMIT_S:
                    raise TimeoutError(f"waited {LIMIT_S:.0f} s to see {what}")
            time.sleep(PAUSE_S)

    def _befall(self, event: Event, name: str) -> None:
        match event:
            case "kill":
                self._kill(name)
            case "stop":
                self._stop(name)
            case "end":
                self._end(name)
            case _:
                assert_never(event)

    def _kill(self, name: str) -> None:
        self._engines.learners[name].kill()
        self._fair("kill -9", *self._others(name))
        self._engines.start(name)
        self._fair("join", *self._names)

    def _stop(self, name: str) -> None:
        """Stop a process as a cut network does, and let it go on."""
        pid = self._engines.learners[name].pid
        os.kill(pid, signal.SIGSTOP)
        self._fair("SIGSTOP", *self._others(name))
        os.kill(pid, signal.SIGCONT)
        self._fair("SIGCONT", *self._names)

    def _end(self, name: str) -> None:
        learner = self._engines.learners[name]
        learner.ask_to_stop()
        self._fair("SIGTERM", *self._others(name))
        self.until(lambda: not learner.is_running(), f"{name} ended")
        self._engines.start(name)
        self._fair("join", *self._names)

    def _others(self, name: str) -> list[str]:
        return [other for other in self._names if other != name]

    def _fair(self, event: str, *names: str) -> None:
        took_s = self.until(
            lambda: self._engines.is_fair(*names), f"fair shares after {event}"
        )
        self._unfair_s.setdefault(event, []).append(took_s)
        held = sorted(self._engines.shares().values())
        self._say(f"{event}: shares {held} after {took_s:.1f} s")
        until_s = time.monotonic() + self._size.between_s
        self.until(lambda: time.monotonic() >= until_s, "time passed")

    def _joined(self) -> int:
        return sum(self._engines.storage.joins.last_positions().values())

    @property
    def unfair_s(self) -> dict[str, list[float]]:
        """Seconds from each event to fair shares."""
        return self._unfair_s


def drilled(servers: Servers, size: Size, say: Callable[[str], None]) -> Drilled:
    """Run a drill, and audit what is stored."""
    with servers.engines("drill", size.partitions) as engines:
        watched.install(engines)
        with closing(Feed(engines, size.experiments, size.rate)) as feed:
            say(f"{size.experiments} experiments are made")
            drill = Drill(engines, feed, size, say)
            drill.run()
            joined = drill.drain()
        made = sum(feed.made.values())
        per = engines.storage.joins.last_positions()
        if any(per.get(number, 0) != count for number, count in feed.made.items()):
            joined = -1
        return Drilled(made, joined, drill.unfair_s, watched.audit(engines))

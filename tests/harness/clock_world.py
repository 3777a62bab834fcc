"""A machine whose wall clock is set while a service in this process runs on it.

Owns `ClockWorld`: the real guard, learner and tables over clocks that a test sets.
"""

from bandit_svc.clock import GuardedClock
from bandit_svc.learner.agreed_time import AgreedTime
from bandit_svc.learner.loop import Learner
from bandit_svc.services.serving.decide import Decided
from tests.harness.service import T0_MS, Service


class ClockWorld:
    """A machine whose wall clock is set while a service runs on it."""

    def __init__(self, service: Service, aggregate: str = "sum") -> None:
        reward = {"window_seconds": 3600, "aggregate": aggregate, "maximum": 1000}
        service.create(holdout=0.0, reward=reward)
        self.service = service
        self.started_at_ms = T0_MS
        self.running_ms = 1_000
        self.set_by_ms = 0
        self.boot = "this boot"
        self.start()
        self.tick()

    def start(self) -> None:
        """Start the worker's and the learner's process, anew if they were there."""
        self.learner_time = AgreedTime(self._new_clock(), self.service.storage.clock)
        self.worker_clock = self._new_clock()
        self.learner = Learner(
            self.service.backends,
            self.learner_time.now_ms,
            clock_holds=lambda: self.learner_time.holds,
        )

    def reboot(self, off_ms: int, *, set_by_ms: int = 0) -> None:
        """Start the machine anew, 5 s before the service, with a clock set wrongly."""
        self.started_at_ms += self.running_ms + off_ms
        self.running_ms = 5_000
        self.set_by_ms = set_by_ms
        self.boot += ", and the next"
        self.start()

    def _new_clock(self) -> GuardedClock:
        return GuardedClock(
            self.service.storage.clock.kept(),
            wall_ms=lambda: self.started_at_ms + self.running_ms + self.set_by_ms,
            running_ms=lambda: self.running_ms,
            boot=lambda: self.boot,
        )

    def restart_worker(self) -> None:
        self.worker_clock = self._new_clock()

    def tick(self, after_ms: int = 150) -> int:
        """Let time pass; return how many decisions the learner joined."""
        self.running_ms += after_ms
        self.worker_clock.now_ms()
        joined = self.learner.tick().joined
        self.learner_time.worked()
        return joined

    def decide(self, count: int = 100) -> list[Decided]:
        self.service.now_ms = self.worker_clock.now_ms()
        return [self.service.decide() for _ in range(count)]

    def reward(self, decided: list[Decided], value: float = 1.0) -> None:
        self.service.now_ms = self.worker_clock.now_ms()
        for one in decided:
            self.service.reward(one, value, reward_id=str(value))

    def joined_rewards(self) -> list[float]:
        return [row.reward for row in self.service.storage.joins.after(1, 0, 10**6)]

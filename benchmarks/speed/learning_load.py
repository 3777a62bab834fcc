"""The cost of a training learner for the web workers beside it.

One service, loaded with 1 decision : 0.3 reward, first alone, then while its learner
trains on the same traffic (reward window 1 s), all on the same two cores.
"""

from benchmarks.speed.processes import drive
from benchmarks.speed.rows import Figures, Goal
from benchmarks.speed.service import OneService, learned_count, learning
from benchmarks.speed.serving import CONNECTIONS

REWARD_SHARE = 0.3


class LearningLoad(OneService):
    """The service without and with a running learner."""

    name = "learning_load"
    goals = (
        Goal(
            "mixed load: decision throughput, learner training / idle",
            "mixed decisions_per_s learner training",
            "mixed decisions_per_s learner idle",
            ">=",
            0.85,
        ),
    )

    def measure(self, seconds: float) -> Figures:
        """Measure without, then with a learner that is always busy."""
        found = self._running
        mixed = found.plan("/v1/decisions", self._bodies) | {
            "loop": "closed",
            "connections": CONNECTIONS,
            "seconds": seconds,
            "reward_share": REWARD_SHARE,
        }
        idle = drive(mixed)
        with learning(found):
            before = learned_count(found)
            training = drive(mixed)
            learned = learned_count(found) - before
        return {
            "mixed decisions_per_s learner idle": idle["decisions_per_s"],
            "mixed decisions_per_s learner training": training["decisions_per_s"],
            "mixed rewards_per_s learner training": training["rewards_per_s"],
            "learned_per_s while loaded": learned / training["took_s"],
        }

"""A clock for simulated traffic that never waits.

Owns `LeapingPace`.
"""


class LeapingPace:
    """A clock that jumps ahead at every wait, so that no test sleeps."""

    def __init__(self) -> None:
        self.time_s = 1_800_000_000.0
        self.stop_at_s = float("inf")

    def now_s(self) -> float:
        return self.time_s

    def wait(self, seconds: float) -> bool:
        self.time_s += max(0.0, seconds)
        return self.time_s >= self.stop_at_s

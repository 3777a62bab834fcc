"""How much of the log counts: the age, the time by which models forget, the changes.

Owns what a change does. The age is the number of examples learned until a change is
found; then it starts anew near RESTART. Models forget by the share of a step in the
age, evidence reaches back over a share of it, and exploration fades with it. So after
a change the policy explores, forgets and weighs its models as a young one does, and
what it has learned is not thrown away: a false alarm costs little.
"""

import msgspec

WARM_UP_COUNT = 1000.0
"""Examples that are added to the age, so that a young policy forgets nothing."""

RESTART = 200.0
"""The age after a change: exploration begins again, yet not with a uniform draw."""

TIME_LOST = 0.02
"""The step of the time at a change. With it a model of forgetting 3 loses a sixth of
its evidence, one of 20 all of it."""

KEPT = 100.0
"""The most examples that count in running means after a change."""

MOST_CHANGES = 100
"""Changes whose place is kept."""


class Clock(msgspec.Struct):
    """The count, the age and the time.

    Attributes:
        count: examples learned.
        age: examples that the policy takes itself to have seen.
        kept: examples that count in the running mean of the rewards.
        time: grows by 1 / (age + WARM_UP_COUNT) ** 2 with each example; between two
            times a model keeps exp(-f ** 2 * difference) of what it knew.
        changes: the count at each of the last changes.
        found: the number of changes.
    """

    count: int = 0
    age: float = 0.0
    kept: float = 0.0
    time: float = 0.0
    changes: list[int] = msgspec.field(default_factory=list)
    found: int = 0

    def tick(self, most: float) -> float:
        """Count an example, and return the share that the mean keeps of all before.

        Args:
            most: the age that is not exceeded.
        """
        self.count += 1
        before = self.age + WARM_UP_COUNT
        self.time += 1.0 / before - 1.0 / (before + 1.0)
        self.age = min(self.age + 1.0, most)
        share = 1.0 if self.kept < most else 1.0 - 1.0 / most
        self.kept = self.kept * share + 1.0
        return share

    def change(self) -> float:
        """Start anew, and return the share that running means keep."""
        self.age = min(self.age, RESTART)
        self.time += TIME_LOST
        self.changes = [*self.changes, self.count][-MOST_CHANGES:]
        self.found += 1
        if self.kept <= KEPT:
            return 1.0
        share = KEPT / self.kept
        self.kept = KEPT
        return share

    def begun_again(self) -> "Clock":
        """Return the clock of a policy that begins with nothing at this count."""
        return Clock(count=self.count, changes=self.changes, found=self.found)

    def reaches_back(self, forgetting: float) -> float:
        """Return how many examples a model about knows that forgets at this rate.

        Args:
            forgetting: of the model, times the prior deviation of its weights.
        """
        if forgetting <= 0.0:
            return self.kept
        return min(self.kept, (self.age + WARM_UP_COUNT) / forgetting)

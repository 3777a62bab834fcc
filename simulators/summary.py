"""The summary of a run of simulated traffic, with the true means.

Owns the counts and the means of the expected rewards. The report of the service should
agree with these means within its intervals.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from simulators.environment import FloatArray


@dataclass(frozen=True)
class Summary:
    """The counts and true means of one run so far."""

    experiment: str
    decisions: int
    """Answered by the service."""
    fallbacks: int
    """Chosen by the client, because the service gave no answer."""
    unseen: int
    """Deferred and never activated; not part of any mean."""
    rewards: int
    """Acts of visitors that were reported at least once."""
    deliveries: int
    """Reward requests that the service accepted, duplicates included."""
    lost: int
    """Acts that were never reported, on purpose."""
    undelivered: int
    """Reward requests that the service did not accept after all retries."""
    true_mean: dict[str, float]
    """Mean expected reward by group, of decisions that were seen."""
    true_best: float
    """Mean expected reward of the best variant in each context."""
    true_uniform: float
    """Mean expected reward of variants shown at random."""

    @property
    def true_uplift(self) -> float | None:
        """Treatment minus baseline; None while a group is empty."""
        if {"treatment", "baseline"} <= self.true_mean.keys():
            return self.true_mean["treatment"] - self.true_mean["baseline"]
        return None


@dataclass
class Tally:
    """Counts a run; one thread writes it, any thread may read a summary."""

    experiment: str
    decisions: int = 0
    fallbacks: int = 0
    unseen: int = 0
    rewards: int = 0
    deliveries: int = 0
    lost: int = 0
    undelivered: int = 0
    _sums: dict[str, tuple[int, float]] = field(default_factory=dict)
    _best: float = 0.0
    _uniform: float = 0.0

    def see(self, group: str, expected: FloatArray, shown: int) -> None:
        """Add the expected rewards of a decision that was seen."""
        count, total = self._sums.get(group, (0, 0.0))
        self._sums[group] = (count + 1, total + float(expected[shown]))
        self._best += float(expected.max())
        self._uniform += float(expected.mean())

    def summary(self) -> Summary:
        """Return the counts and means so far."""
        seen = max(1, sum(count for count, _ in self._sums.values()))
        return Summary(
            experiment=self.experiment,
            decisions=self.decisions,
            fallbacks=self.fallbacks,
            unseen=self.unseen,
            rewards=self.rewards,
            deliveries=self.deliveries,
            lost=self.lost,
            undelivered=self.undelivered,
            true_mean={
                group: total / count for group, (count, total) in self._sums.items()
            },
            true_best=self._best / seen,
            true_uniform=self._uniform / seen,
        )


def summary_lines(summary: Summary) -> Sequence[str]:
    """Return a summary as a few plain lines."""
    means = {"best": summary.true_best, "uniform": summary.true_uniform}
    means |= dict(sorted(summary.true_mean.items()))
    listed = ", ".join(f"{name} {mean:.4f}" for name, mean in means.items())
    asked = (
        f"{summary.experiment}: {summary.decisions} decisions, "
        f"{summary.fallbacks} fallbacks, {summary.unseen} never seen"
    )
    rewarded = (
        f"rewards: {summary.rewards} in {summary.deliveries} deliveries, "
        f"{summary.lost} lost in delivery, {summary.undelivered} not accepted"
    )
    lines = [asked, rewarded, f"true mean reward: {listed}"]
    if summary.true_uplift is not None:
        lines.append(f"true uplift: {summary.true_uplift:+.4f}")
    return lines

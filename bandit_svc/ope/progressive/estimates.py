"""Estimate a policy's value from sums that are kept while the log grows.

Owns what each progressive estimator reads from the sums of weighted.py and
corrected.py, and which interval it has; each holds at every look. Values are in
[0, 1].
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from bandit_svc.ope.interval import UNKNOWN, Estimate, Interval, stretched, widened_to
from bandit_svc.ope.progressive.corrected import CorrectedSummary
from bandit_svc.ope.progressive.weighted import Summary, value_intervals
from bandit_svc.ope.sequences.two_sided import intervals


class Look(NamedTuple):
    """One policy's sums at one look, and the two intervals of its value.

    Attributes:
        summary: at least one decision, of which one has a weight above 0.
        weighted: bounds the value without a model.
        corrected: bounds the same value whatever the model; None without a model.
    """

    summary: Summary
    weighted: Interval
    corrected: Interval | None

    def stretched(self, factor: float) -> "Look":
        """Return the look with intervals that are this many times as wide."""
        if factor <= 1:
            return self
        corrected = self.corrected
        return self._replace(
            weighted=stretched(self.weighted, factor, 0.0, 1.0),
            corrected=corrected and stretched(corrected, factor, 0.0, 1.0),
        )


Progressive = Callable[[Look], Estimate]


def looks(summaries: Sequence[Summary], confidence: float) -> list[Look]:
    """Return a look at each summary; all intervals are searched together.

    Each interval holds at every look, by itself.
    """
    weighted = value_intervals(summaries, confidence)
    sequences = [s.corrected.sequence for s in summaries if s.corrected is not None]
    found = iter(intervals(sequences, [confidence] * len(sequences)))
    return [
        Look(summary, interval, None if summary.corrected is None else next(found))
        for summary, interval in zip(summaries, weighted, strict=True)
    ]


def ips(look: Look) -> Estimate:
    """Return IPS with the interval of the weighted rewards."""
    return Estimate(look.summary.sums.ips, look.weighted)


def snips(look: Look) -> Estimate:
    """Return SNIPS; the interval bounds the policy's value, so it is that of IPS."""
    return Estimate(look.summary.sums.snips, look.weighted)


def doubly_robust(look: Look) -> Estimate:
    """Return DR with its own interval; UNKNOWN without a model."""
    found = _modelled(look)
    if found is None:
        return UNKNOWN
    corrected, interval = found
    return Estimate(corrected.doubly_robust, interval)


def direct_method(look: Look) -> Estimate:
    """Return the direct method with DR's interval, widened to hold it.

    The sums do not tell how far the model is off; only DR corrects for that.
    """
    found = _modelled(look)
    if found is None:
        return UNKNOWN
    corrected, interval = found
    return Estimate(corrected.direct, widened_to(interval, corrected.direct))


def _modelled(look: Look) -> tuple[CorrectedSummary, Interval] | None:
    corrected = look.summary.corrected
    if corrected is None or look.corrected is None:
        return None
    return corrected, look.corrected

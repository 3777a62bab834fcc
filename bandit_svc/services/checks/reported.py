"""Check that rewards count as they were reported.

Owns the counts of what was cut to the declared range and of what was refused, by group:
whoever sells dearer things has more of both, so that its mean is too low.
"""

from collections.abc import Mapping
from typing import Final

from bandit_svc.domain.events.refusal import REFUSED_FIELDS
from bandit_svc.domain.experiment import BASELINE, TREATMENT, Group
from bandit_svc.domain.numbers import counted, percent
from bandit_svc.services.checks.check import Check, CheckKind
from bandit_svc.storage.rows import Totals

CLIPPED: Final = "rewards_clipped"
REFUSED: Final = "rewards_refused"
REPEATS: Final = "repeats"
FORCED: Final = "forced"
RESTRICTED: Final = "restricted"

REWARDS_RANGE = CheckKind(
    "rewards_range",
    "Rewards count as they were reported",
    "Look at what the caller sends: a value in another unit, a metric that is not "
    "declared, a field that can't be read. If the values are right, create a new "
    "experiment with a wider range: in this one the means leave out what was cut.",
)
_OWNERS: Mapping[Group, str] = {TREATMENT: "the bandit's", BASELINE: "the baseline's"}
_UNKNOWN = "orphan"
"""Last word of the counters where the decision was not in the store yet."""


def total_of(totals: Totals, name: str) -> int:
    """Return a counter over the groups of the decisions that it is about."""
    places = (*_OWNERS, _UNKNOWN)
    return sum(totals.counts.get(f"{name}_{place}", 0) for place in places)


def rewards_range(totals: Totals) -> Check:
    """Warn if a reward was cut to the declared range, or was refused."""
    clipped, refused = total_of(totals, CLIPPED), total_of(totals, REFUSED)
    shares = _shares(totals)
    sentences = []
    if clipped:
        cut = counted(clipped, "reward was", "rewards were")
        sentences.append(f"{cut} cut to the declared range{_in_words(shares, CLIPPED)}")
    if refused:
        lost = counted(refused, "reward was", "rewards were")
        words = _in_words(shares, REFUSED)
        sentences.append(f"{lost} refused and left out{words}{_fields(totals)}")
    if sentences:
        numbers = {f"{name}_share_{group}": s for (name, group), s in shares.items()}
        return REWARDS_RANGE.warn("; ".join(sentences), **numbers)
    if not any(totals.counts.get(f"reported_{group}") for group in _OWNERS):
        # Earlier versions did not count what they refused.
        return REWARDS_RANGE.early("not tested: no reward has been reported yet")
    return REWARDS_RANGE.ok("no reward was cut to the declared range, and none refused")


_Shares = Mapping[tuple[str, Group], float]


def _shares(totals: Totals) -> _Shares:
    """Return what was cut and what was refused as shares of each group's rewards."""
    counts = totals.counts
    found = {}
    for group in _OWNERS:
        kept = counts.get(f"reported_{group}", 0)
        refused = counts.get(f"{REFUSED}_{group}", 0)
        if kept:
            # What was stored by an earlier version is not in `reported_`.
            share = counts.get(f"{CLIPPED}_{group}", 0) / kept
            found[CLIPPED, group] = min(1.0, share)
        if kept + refused:
            found[REFUSED, group] = refused / (kept + refused)
    return found


def _in_words(shares: _Shares, name: str) -> str:
    parts = [
        f"{percent(shares[name, group])} of {owner}"
        for group, owner in _OWNERS.items()
        if (name, group) in shares
    ]
    return f" ({' and '.join(parts)})" if parts else ""


def _fields(totals: Totals) -> str:
    """Return the fields at fault with their counts, as the end of a sentence."""
    counts = {f: totals.counts.get(f"refused_for_{f}", 0) for f in REFUSED_FIELDS}
    parts = [f"{name} {n:,}" for name, n in counts.items() if n]
    return f", for these fields: {', '.join(parts)}" if parts else ""

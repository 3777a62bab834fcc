"""What corrections, such as refunds, have changed.

Owns the report's `corrections`.
"""

import msgspec

from bandit_svc.domain.times import timestamp_or_none
from bandit_svc.storage.corrections import Corrections


class CorrectedRewards(msgspec.Struct, frozen=True):
    """Rewards of the main metric that have another value than they were reported with.

    Attributes:
        count: of the rewards.
        change: the sum of what was added to them, in reward units; below 0 for refunds.
        newest_at: when the newest correction was received, ISO 8601 in UTC.
        pending: corrections that the numbers of the report do not follow yet.
    """

    count: int = 0
    change: float = 0.0
    newest_at: str | None = None
    pending: int = 0


def corrected_rewards(corrections: Corrections, number: int) -> CorrectedRewards:
    """Return what the corrections of an experiment come to."""
    sums = corrections.sums(number)
    return CorrectedRewards(
        count=sums.rewards,
        change=sums.change,
        newest_at=timestamp_or_none(sums.newest_ms),
        pending=sums.pending,
    )

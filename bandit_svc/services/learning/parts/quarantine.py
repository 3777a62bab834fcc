"""Rewards of units that wait for a decision, between two batches of the log.

Owns when they are looked at again because somebody asks, and when they are given up.
What turns up in a batch is credited with it (`Facts.ingest`).
"""

from collections.abc import Mapping

from bandit_svc.storage.interface import Storage


def tend_quarantine(
    storage: Storage, now_ms: int, keep_ms: int
) -> Mapping[tuple[int, str], int]:
    """Do what is due; return counts by (experiment number, name).

    Args:
        storage: of the learner.
        now_ms: the time.
        keep_ms: how long a reward waits.
    """
    counts: dict[tuple[int, str], int] = {}
    if storage.credits.redrive_is_asked():
        # Nothing new: what waits is looked at in the transaction.
        counts |= storage.facts.ingest((), {}).counts
    for key, count in storage.credits.age(now_ms, keep_ms).counts.items():
        counts[key] = counts.get(key, 0) + count
    return counts

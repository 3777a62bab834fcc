"""Counts of messages of Segment's protocol.

Owns the labels that they are counted under.
"""

from typing import Final

from bandit_svc import metrics
from bandit_svc.http.doors.segment.messages import KINDS
from bandit_svc.metric_counts import count

UNKNOWN: Final = "unknown"
"""The type of a message that has none of the protocol's."""
LINK_REFUSED: Final = "link_refused"
COUNTED_KINDS: Final = (*KINDS, UNKNOWN)
COUNTED_OUTCOMES: Final = (
    *("accepted", "duplicate", "dropped", "ignored", "refused"),
    LINK_REFUSED,
)


def count_taken(kind: str, status: str, *, link_refused: bool) -> None:
    """Count what became of one message."""
    count_message(kind, status)
    if link_refused:
        count_message(kind, LINK_REFUSED)


def count_message(kind: str, outcome: str) -> None:
    """Count one message."""
    count(metrics.SEGMENT_MESSAGES.labels(kind, outcome))

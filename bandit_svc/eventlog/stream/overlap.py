"""Which records of a run are new, where messages come twice, overlap or are missing.

Owns the rule of each source: what lies before what is known was taken already, and what
begins behind it waits for the messages in between, which the shipper sends again.
Pure.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from bandit_svc.domain.events.record import Record
from bandit_svc.domain.stream.progress import Taken
from bandit_svc.eventlog.stream.shipment import NO_OUTBOX, Unpacked


class New(NamedTuple):
    """What of a run is new.

    Attributes:
        records: in their order.
        taken: up to where the source is known now.
        is_gap: something is missing before the run; nothing of it is taken.
    """

    records: Sequence[Record]
    taken: Taken
    is_gap: bool = False


def new_of(run: Unpacked, known: Taken) -> New:
    """Return what of a run is new.

    Args:
        run: of one source.
        known: up to where that source was taken before; START for a new one.
    """
    source, after, upto, _ = run.run
    if source == NO_OUTBOX:
        return New(run.records, known)
    at = known.cursor.sequence
    if after.sequence > at and not known.resumes:
        return New((), known, is_gap=True)
    if upto.sequence < at or upto <= known.cursor:
        return New((), known)
    return New(run.records[bisect_left(run.sequences, at) :], Taken(upto))

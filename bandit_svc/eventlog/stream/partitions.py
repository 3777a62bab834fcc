"""Which partition of a stream a record belongs to.

Owns the names of the partitions. All records of one experiment lie in one partition,
so that a learner which reads the partition has all that its experiments need. Pure.
"""

import functools
import hashlib
from typing import Final

from bandit_svc.domain.events.decision_id import number_of
from bandit_svc.domain.events.record import LINE, UNIT, Record

UNIT_PARTITION: Final = "u0"
"""Where records lie that name no experiment, such as facts about units."""
MOST_PARTITIONS: Final = 1024

LINES_ARE_NOT_SENT: Final = (
    "a line of the log's format 1 is not sent; let a learner of this folder read it "
    "first"
)
_DIGEST_BYTES: Final = 8


@functools.lru_cache(maxsize=4096)
def partition_of(number: int, partitions: int) -> str:
    """Return the partition of an experiment.

    Args:
        number: the experiment's.
        partitions: how many the stream has, besides UNIT_PARTITION; it never changes.
    """
    digest = hashlib.blake2b(
        number.to_bytes(8, "big"), digest_size=_DIGEST_BYTES
    ).digest()
    return str(int.from_bytes(digest, "big") % partitions)


def partition_names(partitions: int) -> list[str]:
    """Return the names of all partitions of a stream, UNIT_PARTITION last."""
    return [*map(str, range(partitions)), UNIT_PARTITION]


def number_in(record: Record) -> int | None:
    """Return the number of the experiment that a record names, None without one.

    Raises:
        ValueError: it is a line of format 1, which no message carries.
    """
    if record.kind == LINE:
        raise ValueError(LINES_ARE_NOT_SENT)
    return None if record.kind == UNIT else number_of(record.payload)

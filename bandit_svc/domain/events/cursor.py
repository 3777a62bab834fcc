"""A place in the event log.

Owns the one value that the log gives, the store keeps and the learner carries
between them. Pure.
"""

from typing import NamedTuple


class Cursor(NamedTuple):
    """A place in one partition: everything before it has been read.

    For files: the number of the segment, a byte offset in it, and the sequence number
    of the next record (0 in format 1, which has none). For a stream: 0 and the offset
    of the next record.
    """

    segment: int
    offset: int
    sequence: int = 0


START = Cursor(0, 0)

"""Up to when a node has sent all that it has stamped.

Owns the value that a message carries, the store keeps and the join waits for. Pure.
"""

from typing import NamedTuple


class Mark(NamedTuple):
    """What one node last said in one partition of a stream.

    Attributes:
        node: its name.
        mark_ms: all that it stamped before it, and that belongs to the partition, has
            been read.
        seen_ms: the learner's clock when a message of the node was last read.
        closed: it has ended in good order.
    """

    node: str
    mark_ms: int
    seen_ms: int
    closed: bool = False

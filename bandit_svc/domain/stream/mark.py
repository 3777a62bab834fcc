"""Up to when a node has sent all that it has stamped, and which nodes are waited for.

Owns the value that a message carries and the store keeps, and the watermark that
follows: the time before which no fact is missing. Pure.
"""

from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple

MARGIN_MS = 50
"""A fact is stamped just before it is appended.

So long after a time, no append that was stamped before it is still under way.
"""

ANY_CHAIN = -1
"""The next message of the node is believed, whatever its number."""
NodeState = Literal["live", "closed", "silent"]
"""closed: it has ended in good order. silent: nothing came of it for too long."""


class Mark(NamedTuple):
    """What one node last said in one partition of a stream.

    Attributes:
        mark_ms: all that it stamped before it, and that belongs to the partition, has
            been read.
        seen_ms: the learner's clock when a message of the node was last read.
        state: joining waits for nodes that live.
        ahead_ms: how far its clock is before the stream's, as its last message said.
        chain: of its last message that was believed; ANY_CHAIN behind a loss.
        number: of that message in its chain.
    """

    mark_ms: int
    seen_ms: int
    state: NodeState = "live"
    ahead_ms: int = 0
    chain: int = 0
    number: int = 0

    def followed_by(self, said: "Mark") -> "Mark":
        """Return what is known of the node behind its next message.

        A mark says that all before it was sent. That is true for a reader who has every
        message of the chain: one may be missing that the node sends again.
        """
        is_next = (said.chain, said.number) == (self.chain, self.number + 1)
        if is_next or said.number == 0 or self.chain == ANY_CHAIN:
            return said
        return self._replace(seen_ms=said.seen_ms, ahead_ms=said.ahead_ms, state="live")


NOTHING_SAID = Mark(0, 0)
"""What is known of a node before its first message."""


def watermark_of(marks: Collection[Mark], now_ms: int) -> int:
    """Return the time before which no fact of any live node is missing.

    Args:
        marks: of all nodes of a partition that was read to its end.
        now_ms: read before its end was.
    """
    live = [mark.mark_ms for mark in marks if mark.state == "live"]
    return min(now_ms, *live) - MARGIN_MS if live else now_ms - MARGIN_MS


def fallen_silent(
    marks: Mapping[str, Mark], now_ms: int, since_ms: int, timeout_ms: int
) -> dict[str, Mark]:
    """Return the live nodes of which nothing has come for too long, as silent ones.

    Args:
        marks: by node, of a partition that was read to its end.
        now_ms: read before that.
        since_ms: since when it could be read without a pause; what a node sent before
            may not have come through.
        timeout_ms: how long joining waits for a node.
    """
    return {
        node: mark._replace(state="silent")
        for node, mark in marks.items()
        if mark.state == "live" and now_ms - max(mark.seen_ms, since_ms) > timeout_ms
    }

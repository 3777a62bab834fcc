"""What was read and joined of the parts of one learner's work, put together."""

from collections import Counter
from collections.abc import Mapping

import msgspec

from bandit_svc.services.learning.ingest import Ingested
from bandit_svc.services.learning.join import Closed
from bandit_svc.services.people.following import Followed


class Gathered(msgspec.Struct):
    """The work of one tick before its training.

    Attributes:
        ingested: of all parts.
        joined: how many decisions.
        counts: counters that the join has raised, by (experiment number, name).
        followed: facts about units, where there are the main duties.
        more: true if others may be due.
    """

    ingested: Ingested
    joined: int = 0
    counts: Mapping[tuple[int, str], int] = {}
    followed: Followed = msgspec.field(default_factory=Followed)
    more: bool = False

    def read(self, other: Ingested) -> None:
        """Add what was read of a part."""
        mine = self.ingested
        mine.records += other.records
        mine.torn += other.torn
        mine.gaps += other.gaps
        mine.counts = dict(Counter(mine.counts) + Counter(other.counts))
        mine.damages = [*mine.damages, *other.damages]
        mine.waits = [*mine.waits, *other.waits]
        mine.partitions = [*mine.partitions, *other.partitions]
        mine.watermarks = mine.watermarks | other.watermarks
        mine.watermark_ms = min(mine.watermark_ms, other.watermark_ms)

    def close(self, closed: Closed) -> None:
        """Add what was joined of a part."""
        self.joined += closed.decisions
        self.counts = {**self.counts, **closed.counts}
        self.more |= closed.more

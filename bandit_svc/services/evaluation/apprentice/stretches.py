"""Agreement over time, in a bounded number of stretches.

Owns how many decisions a stretch has: twice as many whenever there are too many
stretches. Pure.
"""

import msgspec

FIRST = 50
"""Decisions of a stretch, at first."""
MOST = 100


class Stretches(msgspec.Struct):
    """Stretches of equally many decisions; the last one may have fewer.

    Attributes:
        size: decisions of a stretch.
        points: the end of each in milliseconds since the epoch, its decisions, and
            those that agree.
    """

    size: int = FIRST
    points: tuple[tuple[int, int, float], ...] = ()

    def add(self, at_ms: int, agrees: float) -> None:
        """Add a decision."""
        *before, last = self.points or ((at_ms, 0, 0.0),)
        if last[1] >= self.size:
            if len(self.points) >= MOST:
                self._halve()
                self.add(at_ms, agrees)
                return
            before, last = [*before, last], (at_ms, 0, 0.0)
        now = max(at_ms, last[0]), last[1] + 1, last[2] + agrees
        self.points = (*before, now)

    def _halve(self) -> None:
        """Put each two stretches together."""
        self.size *= 2
        pairs = zip(self.points[::2], self.points[1::2], strict=True)
        self.points = tuple([(b[0], a[1] + b[1], a[2] + b[2]) for a, b in pairs])

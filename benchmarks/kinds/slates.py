"""A page of five slots in one decision, against a decision for one place.

Eight rows with features, of which five are drawn one below the other. One connection
asks for both in turn; the models have learned before, and no learner runs while it is
measured.
"""

import contextlib
import random
import statistics
from typing import Any

from benchmarks.kinds.learned import Connection, LearnedService
from benchmarks.speed.rows import Figures, Goal
from benchmarks.speed.service import contexts

ROWS, SLOTS = 8, 5
KINDS = ("auto", "vw", "linear")
LEARNED = 600
_WINDOW_S = 1.0
_ASKED = 300
_BATCH = 50


class Slates(LearnedService):
    """A page of slots."""

    name = "slates"
    kinds = KINDS
    least = LEARNED
    goals = tuple(
        Goal(
            f"page of {SLOTS} slots / one decision, {kind}",
            f"ms a page {kind}",
            f"ms a decision {kind}",
            "<=",
            3.0,
        )
        for kind in KINDS
    )

    def definition(self, kind: str) -> dict[str, Any]:
        """Return an experiment of eight rows."""
        rows = [
            {"key": f"row-{at}", "features": {"genre": "abcd"[at % 4], "size": at}}
            for at in range(ROWS)
        ]
        return {
            "variants": rows,
            "policy": {"kind": kind},
            "reward": {"window_seconds": _WINDOW_S, "maximum": SLOTS},
        }

    def teach(self, kind: str) -> None:
        """Let a policy learn from pages."""
        random_ = random.Random(1)  # noqa: S311 - a benchmark's own numbers
        given = contexts(LEARNED, 2)
        for at in range(0, LEARNED, _BATCH):
            pages = self.decide(
                [
                    {
                        "experiment": kind,
                        "unit_id": f"v{n}",
                        "context": one,
                        "slots": SLOTS,
                    }
                    for n, one in enumerate(given[at : at + _BATCH], at)
                ]
            )
            slots = [slot for page in pages for slot in page["slots"]]
            self.reward([s["decision_id"] for s in slots if random_.random() < 0.2])

    def measure(self, seconds: float) -> Figures:
        """Measure one round; its length is that of its requests."""
        del seconds
        figures: Figures = {}
        given = contexts(_ASKED)
        for kind in KINDS:
            one: list[float] = []
            page: list[float] = []
            with contextlib.closing(Connection(self._running)) as connection:
                for number, context in enumerate(given):
                    body: dict[str, Any] = {
                        "experiment": kind,
                        "unit_id": f"u{number}",
                        "context": context,
                    }
                    one.append(connection.timed_ms("/v1/decisions", body))
                    body["slots"] = SLOTS
                    page.append(connection.timed_ms("/v1/decisions", body))
            figures[f"ms a decision {kind}"] = statistics.median(one)
            figures[f"ms a page {kind}"] = statistics.median(page)
        return figures

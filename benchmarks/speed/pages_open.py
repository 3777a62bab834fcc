"""The cost of open pages for decisions: the same load without and with readers.

Ten windows are open; each requests its live part as often as a browser does. They share
the two cores and the web workers with the decisions, but no lock.
"""

import contextlib
import threading
import time
import urllib.request
from collections.abc import Iterator

from benchmarks.speed.processes import drive
from benchmarks.speed.rows import Figures, Goal
from benchmarks.speed.service import EXPERIMENT, OneService, Service
from benchmarks.speed.serving import CONNECTIONS

# Each with the seconds between two of its requests, as in its template.
WINDOWS = (
    *(("/", 3.0),) * 2,
    *((f"/experiments/{EXPERIMENT}/live", 4.0),) * 4,
    *((f"/experiments/{EXPERIMENT}/decisions", 4.0),) * 2,
    *(("/ops", 4.0),) * 2,
)


class PagesOpen(OneService):
    """Decisions alone, and beside ten open windows."""

    name = "pages_open"
    goals = (
        Goal(
            "decision throughput, ten pages open / none",
            "decisions_per_s pages open",
            "decisions_per_s no page",
            ">=",
            0.8,
        ),
        Goal(
            "decision p99, ten pages open / none",
            "decision_p99_ms pages open",
            "decision_p99_ms no page",
            "<=",
            2.0,
        ),
    )

    def __init__(self) -> None:
        super().__init__()
        self._turn = 0

    def measure(self, seconds: float) -> Figures:
        """Measure both ways; the order alternates."""
        figures: Figures = {}
        self._turn += 1
        for way in ("no page", "pages open")[:: 1 if self._turn % 2 else -1]:
            found = self._load(seconds, pages_open=way == "pages open")
            figures |= {f"{name} {way}": value for name, value in found.items()}
        return figures

    def _load(self, seconds: float, *, pages_open: bool) -> Figures:
        found = self._running
        plan = found.plan("/v1/decisions", self._bodies) | {
            "loop": "closed",
            "connections": CONNECTIONS,
            "seconds": seconds,
        }
        with _windows(found) if pages_open else contextlib.nullcontext([0]) as seen:
            measured = drive(plan)
        return {
            "decisions_per_s": measured["decisions_per_s"],
            "decision_p99_ms": measured["p99_ms"],
            "pages_per_s": seen[0] / measured["took_s"],
        }


@contextlib.contextmanager
def _windows(found: Service) -> Iterator[list[int]]:
    """Open every window; yield a list whose one entry counts the loaded parts."""
    stop, seen = threading.Event(), [0]

    def look(path: str, pause_s: float, first_s: float) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{found.port}{path}",
            headers={"Authorization": f"Bearer {found.secret}", "HX-Request": "true"},
        )
        wait_s = first_s
        while not stop.wait(wait_s):
            began_s = time.monotonic()
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
                answer.read()
            seen[0] += 1
            wait_s = max(0.0, pause_s - (time.monotonic() - began_s))

    # People open their windows at different moments.
    threads = [
        threading.Thread(target=look, args=(path, pause_s, n * pause_s / len(WINDOWS)))
        for n, (path, pause_s) in enumerate(WINDOWS)
    ]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()

"""The cost of pages at many decisions, against few: they read sums and the newest rows.

Owns two pairs of stores, with few and with many decisions: LISTED experiments that
share them, for the list and `/ops`; and one that has them all, for its own pages. Each
page is requested through Flask, with a fixed clock; the unit is CPU time of whole
answers, so a cold disk does not count. BENCH=full compares 10^6 decisions with 10^4,
otherwise 10^5 with 10^4. Both show as many time intervals, segments and models.
"""

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bandit_svc.http.request_context import RequestContext
from bandit_svc.server.app import create_app
from bandit_svc.services.report.build import build_report
from bandit_svc.services.report.headline import headline_of
from benchmarks.growth.stores import START_MS, definition, multiply, trained, worker_of
from benchmarks.speed.rows import Figures, Goal

if TYPE_CHECKING:
    from flask.testing import FlaskClient

FEW = 10_000
MANY = 1_000_000 if os.environ.get("BENCH") == "full" else 100_000
LISTED = 200
EVERY_MS = 20
"""Gives the charts the 100 to 200 time intervals that they show at most."""
LOOKED_AT_MS = START_MS + 10**7
PAGES_A_SECOND = 5
LIMIT = 1.5
_ONE = "/experiments/bench-0"
# Each with its store, named by the number of its experiments.
PAGES = {
    "list": ("/", LISTED),
    "ops": ("/ops", LISTED),
    "detail": (_ONE, 1),
    "live part": (f"{_ONE}/live", 1),
    "decisions": (f"{_ONE}/decisions", 1),
}


class PageGrowth:
    """Each page over a small and a large store."""

    name = "page_growth"
    goals = tuple(
        Goal(
            f"page {page} ({experiments} exp.): CPU at {MANY:,} decisions / at {FEW:,}",
            f"page {page} cpu_ms at {MANY}",
            f"page {page} cpu_ms at {FEW}",
            "<=",
            LIMIT,
        )
        for page, (_, experiments) in PAGES.items()
    )

    def __init__(self) -> None:
        self._clients: dict[tuple[int, int], FlaskClient] = {}
        self._turn = 0

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Make the stores and open each as a web worker does."""
        with contextlib.ExitStack() as stack:
            root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            for experiments in (LISTED, 1):
                for count in (FEW, MANY):
                    print(
                        f"page_growth: making a store of {count:,} decisions"
                        f" in {experiments} experiments",
                        flush=True,
                    )
                    folder = root / f"{experiments}-{count}"
                    make_store(folder, experiments, count)
                    client = stack.enter_context(_client(folder))
                    self._clients[experiments, count] = client
            yield

    def measure(self, seconds: float) -> Figures:
        """Request each page of both stores; the order alternates."""
        times = max(3, int(seconds * PAGES_A_SECOND))
        self._turn += 1
        figures: Figures = {}
        for page, (path, experiments) in PAGES.items():
            for count in (FEW, MANY)[:: 1 if self._turn % 2 else -1]:
                ask = _asking(self._clients[experiments, count], path)
                ask()
                began_s = time.process_time()
                for _ in range(times):
                    ask()
                used_s = time.process_time() - began_s
                figures[f"page {page} cpu_ms at {count}"] = 1e3 * used_s / times
        return figures


def make_store(folder: Path, experiments: int, decisions: int) -> None:
    """Make a store of experiments that share this many decisions, all with a report.

    Raises:
        ValueError: the number of decisions is no multiple of FEW.
    """
    times, rest = divmod(decisions, FEW)
    if rest or not times:
        raise ValueError(f"decisions is {decisions}; it must be a multiple of {FEW}")
    definitions = [definition(f"bench-{n}", 5, holdout=0.2) for n in range(experiments)]
    trained(folder, FEW, definitions=definitions, busy=experiments, every_ms=EVERY_MS)
    multiply(folder, times)
    with worker_of(folder) as worker:
        storage = worker.storage
        storage.overview.keep(
            [
                headline_of(
                    build_report(storage, one, LOOKED_AT_MS), one.number, LOOKED_AT_MS
                )
                for one in storage.experiments.all()
            ]
        )


@contextlib.contextmanager
def _client(folder: Path) -> Iterator["FlaskClient"]:
    """Yield a client of a web worker whose clock is just after the log."""
    with worker_of(folder) as worker:
        yield create_app(
            RequestContext(worker, lambda: LOOKED_AT_MS, os.urandom)
        ).test_client()


def _asking(client: "FlaskClient", path: str) -> Callable[[], None]:
    def ask() -> None:
        answer = client.get(path)
        if answer.status_code != 200:
            raise RuntimeError(f"{path} answered {answer.status}: {answer.text[:500]}")

    return ask

"""Decisions in the caller's own process, against those over HTTP.

One connection and one `LocalBandit` decide in turn for the same contexts, with the
first example of each kind of policy and 5 variants; the models have learned before, and
no learner runs while it is measured.
"""

import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from bandit_svc.client import LocalBandit
from bandit_svc.client.local.model import LocalModel
from benchmarks.kinds.learned import LONGEST_S, Connection, LearnedService
from benchmarks.speed.rows import Figures, Goal
from benchmarks.speed.service import contexts
from policies.spec import KINDS

VARIANTS = ("boots", "sandals", "dress", "coat", "scarf")
LEARNED = 600
_ASKED = 400
_BATCH = 100
_COPIES = 5


class Local(LearnedService):
    """Decisions without a request."""

    name = "local"
    kinds = tuple(KINDS)
    # The treatment's; the holdout teaches nothing.
    least = LEARNED // 2
    goals = tuple(
        Goal(
            f"decision in process / over HTTP, {kind}",
            f"us local {kind}",
            f"us http {kind}",
            "<=",
            0.5,
        )
        for kind in KINDS
    )

    def definition(self, kind: str) -> dict[str, Any]:
        """Return an experiment of the first example of a kind."""
        return {
            "variants": [
                {"key": key, "features": {"category": key[:2], "price": 9.5 * at}}
                for at, key in enumerate(VARIANTS)
            ],
            "policy": KINDS[kind].examples[0],
            "reward": {"window_seconds": 1.0},
        }

    def teach(self, kind: str) -> None:
        """Let a policy learn that each fourth decision is worth something."""
        given = contexts(LEARNED, 2)
        for at in range(0, LEARNED, _BATCH):
            made = self.decide(
                [
                    {"experiment": kind, "unit_id": f"v{n}", "context": one}
                    for n, one in enumerate(given[at : at + _BATCH], at)
                ]
            )
            self.reward([one["decision_id"] for one in made[::4]])

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Start the web workers, let the models learn, and load them."""
        with super().running(), tempfile.TemporaryDirectory() as made:
            found = self._running
            url = f"http://127.0.0.1:{found.port}"
            with LocalBandit(
                url, found.secret, experiments=KINDS, timeout_s=LONGEST_S, folder=made
            ) as self._local:
                yield

    def measure(self, seconds: float) -> Figures:
        """Measure one round; its length is that of its requests."""
        del seconds
        figures: Figures = {}
        given = contexts(_ASKED)
        for kind in KINDS:
            here: list[float] = []
            there: list[float] = []
            with contextlib.closing(Connection(self._running)) as connection:
                for number, context in enumerate(given):
                    body: dict[str, Any] = {
                        "experiment": kind,
                        "unit_id": f"u{number}",
                        "context": context,
                    }
                    there.append(1e3 * connection.timed_ms("/v1/decisions", body))
                    began_s = time.perf_counter()
                    self._local.decide(kind, f"u{number}", context)
                    here.append(1e6 * (time.perf_counter() - began_s))
            figures[f"us local {kind}"] = statistics.median(here)
            figures[f"us local p99 {kind}"] = statistics.quantiles(here, n=100)[98]
            figures[f"us http {kind}"] = statistics.median(there)
            figures[f"kB a model {kind}"] = self._kilobytes(kind)
        return figures

    def _kilobytes(self, kind: str) -> float:
        """Return the memory that one more copy of a model takes."""
        found = self._running
        address = f"http://127.0.0.1:{found.port}/v1/experiments/{kind}"
        asked = Request(  # noqa: S310 - our own service
            f"{address}/models/latest/download",
            headers={"Authorization": f"Bearer {found.secret}"},
        )
        with urlopen(asked) as answer:  # noqa: S310 - our own service
            content = answer.read()
        kept = [LocalModel(content)]
        before = _resident_bytes()
        kept += [LocalModel(content) for _ in range(_COPIES)]
        return max(_resident_bytes() - before, 0) / _COPIES / 1024


def _resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")

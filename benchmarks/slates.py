"""A page of five slots in one decision, against a decision for one place.

Eight rows with features, of which five are drawn one below the other. One connection
asks for both in turn; the models have learned before, and no learner runs while it is
measured.
"""

import contextlib
import random
import statistics
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.speed.processes import BANDIT_SVC, ask, running
from benchmarks.speed.rows import Figures, Goal
from benchmarks.speed.service import OneService, Service, contexts
from benchmarks.titles import Connection

ROWS, SLOTS = 8, 5
KINDS = ("auto", "vw", "linear")
LEARNED = 600
LONGEST_S = 60.0
_WINDOW_S = 1.0
_ASKED = 300
_BATCH = 50


class Slates(OneService):
    """A page of slots."""

    name = "slates"
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

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Start the web workers, and let the models learn."""
        with super().running():
            found = self._running
            for kind in KINDS:
                _create(found, kind)
            command = (BANDIT_SVC, "learner", "--data", str(found.folder / "data"))
            with running(command, found.folder / "learner.log"):
                for kind in KINDS:
                    _learn(found, kind)
            yield

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


def _create(found: Service, kind: str) -> None:
    rows = [
        {"key": f"row-{at}", "features": {"genre": "abcd"[at % 4], "size": at}}
        for at in range(ROWS)
    ]
    definition = {
        "key": kind,
        "variants": rows,
        "policy": {"kind": kind},
        "reward": {"window_seconds": _WINDOW_S, "maximum": SLOTS},
    }
    ask(found.port, "POST", "/v1/experiments", found.secret, definition)


def _learn(found: Service, kind: str) -> None:
    """Let a policy learn from pages; return when its model serves."""
    random_ = random.Random(1)  # noqa: S311 - a benchmark's own numbers
    given = contexts(LEARNED, 2)
    for at in range(0, LEARNED, _BATCH):
        asked = [
            {"experiment": kind, "unit_id": f"v{n}", "context": one, "slots": SLOTS}
            for n, one in enumerate(given[at : at + _BATCH], at)
        ]
        pages = ask(
            found.port,
            "POST",
            "/v1/decisions/batch",
            found.secret,
            {"decisions": asked},
        )
        rewards = [
            {"decision_id": slot["decision_id"], "value": 1}
            for page in pages["decisions"]
            for slot in page["slots"]
            if random_.random() < 0.2
        ]
        body = {"rewards": rewards}
        ask(found.port, "POST", "/v1/rewards/batch", found.secret, body)
    deadline_s = time.monotonic() + LONGEST_S
    while _learned(found, kind) < LEARNED:
        if time.monotonic() > deadline_s:
            raise RuntimeError(f"{kind} has learned too little; see learner.log")
        time.sleep(0.1)


def _learned(found: Service, kind: str) -> int:
    path = f"/v1/experiments/{kind}/models"
    models = ask(found.port, "GET", path, found.secret)["models"]
    return max((model["learned"] for model in models), default=0)

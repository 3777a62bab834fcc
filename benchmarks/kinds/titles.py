"""A screen of 40 titles in one batch, against a request for one of them.

Each title brings eight stills with features of its own, as a streaming page does. One
connection sends single requests and batches in turn; the models have learned before,
and no learner runs while it is measured.
"""

import contextlib
import random
import statistics
from collections.abc import Iterator
from typing import Any

from benchmarks.kinds.learned import Connection, LearnedService
from benchmarks.speed.rows import Figures, Goal

TITLES, STILLS = 40, 8
KINDS = ("auto", "vw")
LEARNED = 1_500
_WINDOW_S = 1.0
_BATCHES, _SINGLES = 20, 100
_GENRES, _MOODS = ("action", "comedy", "drama", "romance"), ("calm", "loud", "dark")


class Titles(LearnedService):
    """A screen of titles."""

    name = "titles"
    kinds = KINDS
    least = LEARNED // 2
    goals = tuple(
        Goal(
            f"batch of {TITLES} titles / one request, {kind}",
            f"ms a batch {kind}",
            f"ms a request {kind}",
            "<=",
            3.0,
        )
        for kind in KINDS
    )

    def definition(self, kind: str) -> dict[str, Any]:
        """Return an experiment whose variants come with the requests."""
        return {
            "variants": [{"key": "still"}],
            "request_variants": "replace",
            "policy": {"kind": kind},
            "reward": {"window_seconds": _WINDOW_S},
        }

    def teach(self, kind: str) -> None:
        """Let a policy learn that one title in two or three is liked."""
        random_ = random.Random(1)  # noqa: S311 - a benchmark's own numbers
        for at in range(0, LEARNED, TITLES):
            made = self.decide([_asked(kind, at, title) for title in range(TITLES)])
            self.reward([d["decision_id"] for d in made if random_.random() < 0.4])

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Start the web workers, and let the models learn."""
        with super().running():
            for kind in KINDS:
                # The models stay as they are from now on.
                longer = {"reward": {"window_seconds": 3_600}}
                self.ask("PATCH", f"/v1/experiments/{kind}", longer)
            yield

    def measure(self, seconds: float) -> Figures:
        """Measure one round; its length is that of its requests."""
        del seconds
        figures: Figures = {}
        for kind in KINDS:
            one, many = [], []
            with contextlib.closing(Connection(self._running)) as connection:
                for number in range(_BATCHES):
                    for title in range(_SINGLES // _BATCHES):
                        body = _asked(kind, number, title)
                        one.append(connection.timed_ms("/v1/decisions", body))
                    screen = [_asked(kind, number, title) for title in range(TITLES)]
                    body = {"decisions": screen}
                    many.append(connection.timed_ms("/v1/decisions/batch", body))
            figures[f"ms a request {kind}"] = statistics.median(one)
            figures[f"ms a batch {kind}"] = statistics.median(many)
        return figures


def _asked(kind: str, unit: int, title: int) -> dict[str, Any]:
    stills = [
        {
            "key": f"t{title}-s{still}",
            "features": {
                "genre": _GENRES[(title + still) % len(_GENRES)],
                "mood": _MOODS[(title * 2 + still) % len(_MOODS)],
                "face": still % 2 == 0,
            },
        }
        for still in range(STILLS)
    ]
    tastes = {"action": unit % 97 / 97, "drama": 0.7}
    return {
        "experiment": kind,
        "unit_id": f"u{unit}",
        "context": {"device": "tv", "tastes": tastes},
        "variants": stills,
    }

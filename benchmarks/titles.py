"""A screen of 40 titles in one batch, against a request for one of them.

Each title brings eight stills with features of its own, as a streaming page does. One
connection sends single requests and batches in turn; the models have learned before,
and no learner runs while it is measured.
"""

import contextlib
import http.client
import json
import random
import statistics
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.speed.processes import BANDIT_SVC, ask, running
from benchmarks.speed.rows import Figures, Goal
from benchmarks.speed.service import OneService, Service

TITLES, STILLS = 40, 8
KINDS = ("auto", "vw")
LEARNED = 1_500
LONGEST_S = 60.0
_WINDOW_S = 1.0
_BATCHES, _SINGLES = 20, 100
_GENRES, _MOODS = ("action", "comedy", "drama", "romance"), ("calm", "loud", "dark")


class Titles(OneService):
    """A screen of titles."""

    name = "titles"
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
            for kind in KINDS:
                # The models stay as they are from now on.
                longer = {"reward": {"window_seconds": 3_600}}
                ask(
                    found.port, "PATCH", f"/v1/experiments/{kind}", found.secret, longer
                )
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


class Connection:
    """One connection, as a page's server keeps it."""

    def __init__(self, found: Service) -> None:
        self._key = found.secret
        self._http = http.client.HTTPConnection("127.0.0.1", found.port)

    def timed_ms(self, path: str, body: object) -> float:
        """Send a body; return how long the answer took."""
        sent = json.dumps(body)
        headers = {"Authorization": f"Bearer {self._key}"}
        begun_s = time.perf_counter()
        self._http.request("POST", path, sent, headers)
        answer = self._http.getresponse()
        answered = answer.read()
        took_s = time.perf_counter() - begun_s
        if answer.status >= http.HTTPStatus.BAD_REQUEST or b'"errors"' in answered:
            raise RuntimeError(f"{path} answered {answer.status}: {answered[:200]!r}")
        return took_s * 1_000

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


def _create(found: Service, kind: str) -> None:
    definition = {
        "key": kind,
        "variants": [{"key": "still"}],
        "request_variants": "replace",
        "policy": {"kind": kind},
        "reward": {"window_seconds": _WINDOW_S},
    }
    ask(found.port, "POST", "/v1/experiments", found.secret, definition)


def _learn(found: Service, kind: str) -> None:
    """Let a policy learn that one genre is liked; return when its model serves."""
    random_ = random.Random(1)  # noqa: S311 - a benchmark's own numbers
    for at in range(0, LEARNED, TITLES):
        screen = [_asked(kind, at, title) for title in range(TITLES)]
        made = ask(
            found.port,
            "POST",
            "/v1/decisions/batch",
            found.secret,
            {"decisions": screen},
        )
        rewards = [
            {"decision_id": one["decision_id"], "value": 1}
            for one in made["decisions"]
            if random_.random() < 0.4
        ]
        body = {"rewards": rewards}
        ask(found.port, "POST", "/v1/rewards/batch", found.secret, body)
    deadline_s = time.monotonic() + LONGEST_S
    while _learned(found, kind) < LEARNED // 2:
        if time.monotonic() > deadline_s:
            raise RuntimeError(f"{kind} has learned too little; see learner.log")
        time.sleep(0.1)


def _learned(found: Service, kind: str) -> int:
    path = f"/v1/experiments/{kind}/models"
    models = ask(found.port, "GET", path, found.secret)["models"]
    return max((model["learned"] for model in models), default=0)


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

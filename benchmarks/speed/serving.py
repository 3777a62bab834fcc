"""Decisions, rewards and batches against bare Flask, a naive service and raw servers.

All run under gunicorn at the same time and are loaded in turn: ours in its own worker
class, an empty handler in gunicorn's asgi worker, the others in its thread worker. No
learner runs; fsync=interval and keys as shipped.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from bandit_svc.settings import Settings
from benchmarks.speed.processes import (
    ROOT,
    Listening,
    contestant,
    cpu_seconds,
    drive,
)
from benchmarks.speed.rows import Figures, Goal
from benchmarks.speed.service import (
    VARIANTS,
    Service,
    batch_bodies,
    contexts,
    decision_bodies,
    service,
)
from policies.base import Action
from policies.vw.examples import ExampleWriter, shared_line

CONNECTIONS = 16
OPEN_CONNECTIONS = 64
BATCH = 100
SHARE_OF_NAIVE_PEAK = 0.7
SHARE_OF_BARE_PEAK = 0.5
_DECISIONS, _REWARDS = "/v1/decisions", "/v1/rewards"


class Serving:
    """Ours, bare Flask, the naive service, raw WSGI, raw ASGI, predict."""

    name = "serving"
    goals = (
        Goal(
            "decision throughput / bare Flask",
            "decisions_per_s ours",
            "decisions_per_s bare_flask",
            ">=",
            2.2,
        ),
        Goal(
            "CPU a decision / bare Flask's",
            "cpu_us a decision ours",
            "cpu_us a decision bare_flask",
            "<=",
            0.3,
        ),
        Goal(
            "decision throughput / gunicorn asgi with an empty handler",
            "decisions_per_s ours",
            "decisions_per_s empty_asgi",
            ">=",
            0.6,
        ),
        Goal(
            "decision throughput / naive service",
            "decisions_per_s ours",
            "decisions_per_s naive",
            ">=",
            2.0,
        ),
        Goal(
            "decision p99 / naive service's, at 70 % of naive's peak",
            "p99_ms at naive's load ours",
            "p99_ms at naive's load naive",
            "<=",
            0.5,
        ),
        Goal(
            "decision p99 / bare Flask's, at 50 % of bare Flask's peak",
            "p99_ms at half bare's peak ours",
            "p99_ms at half bare's peak bare_flask",
            "<=",
            0.7,
        ),
        Goal(
            "reward throughput / bare Flask",
            "rewards_per_s ours",
            "rewards_per_s bare_flask",
            ">=",
            2.5,
        ),
        Goal(
            "batch of 100: decisions/s / predict in a loop",
            "batch decisions_per_s ours",
            "predictions_per_s in process",
            ">=",
            0.5,
        ),
    )

    def __init__(self) -> None:
        self._settings = Settings()
        self._others: dict[str, Listening] = {}
        self._bodies = decision_bodies()
        self._rewards: list[str] = []
        self._service: Service | None = None

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Start all contestants."""
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            for name in ("bare_flask", "naive", "raw_wsgi", "empty_asgi"):
                self._others[name] = stack.enter_context(
                    contestant(name, folder, self._settings)
                )
            self._service = stack.enter_context(service(folder, self._settings))
            self._rewards = self._reward_bodies()
            yield

    def measure(self, seconds: float) -> Figures:
        """Measure each contestant once."""
        figures: Figures = {}
        for name in ("bare_flask", "naive", "raw_wsgi", "empty_asgi", "ours"):
            got = self._closed(name, _DECISIONS, self._bodies, seconds)
            figures[f"decisions_per_s {name}"] = got["decisions_per_s"]
            figures[f"cpu_us a decision {name}"] = got["cpu_us"]
            figures[f"driver_cpu_share {name}"] = got["driver_cpu_share"]
        for name in ("bare_flask", "ours"):
            got = self._closed(name, _REWARDS, self._rewards, seconds)
            figures[f"rewards_per_s {name}"] = got["rewards_per_s"]
            figures[f"cpu_us a reward {name}"] = got["cpu_us"]
        naive = SHARE_OF_NAIVE_PEAK * figures["decisions_per_s naive"]
        bare = SHARE_OF_BARE_PEAK * figures["decisions_per_s bare_flask"]
        for load, rate, names in (
            ("at naive's load", naive, ("naive", "ours")),
            ("at half bare's peak", bare, ("bare_flask", "ours")),
        ):
            for name in names:
                # A percentile needs more answers than a mean.
                got = self._open(name, rate, 1.5 * seconds)
                figures[f"p50_ms {load} {name}"] = got["p50_ms"]
                figures[f"p99_ms {load} {name}"] = got["p99_ms"]
        batches = batch_bodies(BATCH)
        got = self._closed("ours", f"{_DECISIONS}/batch", batches, seconds, 4)
        figures["batch decisions_per_s ours"] = BATCH * got["decisions_per_s"]
        figures["predictions_per_s in process"] = _predictions_per_s(seconds)
        return figures

    def _closed(
        self,
        name: str,
        path: str,
        bodies: list[str],
        seconds: float,
        connections: int = CONNECTIONS,
    ) -> dict[str, Any]:
        load = {"loop": "closed", "connections": connections, "seconds": seconds}
        group = self._ours.group if name == "ours" else self._others[name].group
        before_s = cpu_seconds(group)
        got = drive(self._plan(name, path, bodies) | load)
        used_s = cpu_seconds(group) - before_s
        # The warm-up is not in the number of answers, but in the time used.
        answered = got["answered"] * (1.0 + got["warm_up_s"] / got["took_s"])
        return got | {"cpu_us": 1e6 * used_s / answered}

    def _open(self, name: str, rate: float, seconds: float) -> dict[str, Any]:
        load = {
            "loop": "open",
            "rate": rate,
            "connections": OPEN_CONNECTIONS,
            "seconds": seconds,
        }
        return drive(self._plan(name, _DECISIONS, self._bodies) | load)

    @property
    def _ours(self) -> Service:
        assert self._service is not None, "only inside running()"  # noqa: S101
        return self._service

    def _plan(self, name: str, path: str, bodies: list[str]) -> dict[str, Any]:
        plan = self._ours.plan(path, bodies)
        # The others get the same bytes; they ignore the key.
        return plan if name == "ours" else plan | {"port": self._others[name].port}

    def _reward_bodies(self) -> list[str]:
        """Return rewards for decisions that it has just requested."""
        load = {"loop": "closed", "connections": 8, "seconds": 1.0, "keep_ids": True}
        got = drive(self._plan("ours", _DECISIONS, self._bodies) | load)
        return [
            json.dumps({"decision_id": found, "value": 1.0, "reward_id": f"order-{n}"})
            for n, found in enumerate(got["ids"][:500])
        ]


def _predictions_per_s(seconds: float) -> float:
    actions = [Action(f"hero-{n}", {"price": n / 5}) for n in range(VARIANTS)]
    writer = ExampleWriter()
    texts = [
        writer.unlabelled(shared_line(context), actions) for context in contexts(200)
    ]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.speed.contestants.predict_loop",
            str(seconds),
        ],
        cwd=ROOT,
        input=json.dumps(list(islice(cycle(texts), 200))),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(done.stdout)

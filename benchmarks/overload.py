"""Many callers without a pause, and the same application under other servers.

Owns the load of an overload: so many connections that each worker sheds or delays most
requests. Goodput counts decisions that were made; latencies are theirs alone. The
servers run one worker each, and are compared by CPU time and throughput.
"""

import contextlib
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bandit_svc.settings import Settings
from benchmarks.speed.processes import (
    Listening,
    cpu_seconds,
    drive,
    driven,
    free_port,
    running,
    wait_for_port,
)
from benchmarks.speed.rows import Figures, Goal
from benchmarks.speed.service import OneService, decision_bodies, service
from benchmarks.speed.serving import CONNECTIONS

MANY = 900
"""Connections of an overload; a process may have 1,024 files by default."""
OVERLOADED_S = 30.0
_APPLICATION = "bandit_svc.server.asgi:application"
_SERVERS: Mapping[str, tuple[str, ...]] = {
    "uvicorn": ("uvicorn", "--log-level", "warning", "--no-access-log"),
    "granian": ("granian", "--interface", "asgi", "--log-level", "warning"),
}


class Overload(OneService):
    """Decisions of usual callers, and of far too many."""

    name = "overload"
    goals = (
        Goal(
            f"goodput, {MANY} callers without a pause for 30 s / {CONNECTIONS} callers",
            "decisions_per_s overloaded",
            "decisions_per_s usual",
            ">=",
            0.8,
        ),
        Goal(
            f"p99 of decisions made, {MANY} callers / {CONNECTIONS} callers",
            "p99_ms overloaded",
            "p99_ms usual",
            "<=",
            5.0,
        ),
    )

    def measure(self, seconds: float) -> Figures:
        """Measure both loads."""
        plan = self._running.plan("/v1/decisions", self._bodies) | {"loop": "closed"}
        usual = drive(plan | {"connections": CONNECTIONS, "seconds": 2 * seconds})
        many = driven(plan | {"connections": MANY, "seconds": OVERLOADED_S})
        return {
            "decisions_per_s usual": usual["decisions_per_s"],
            "p99_ms usual": usual["p99_ms"],
            "decisions_per_s overloaded": many["decisions_per_s"],
            "p99_ms overloaded": many["p99_ms"],
            "shed_per_s overloaded": many["failed"] / many["took_s"],
        }


class Servers:
    """The application under our worker of gunicorn, uvicorn and granian."""

    name = "servers"
    goals = tuple(
        Goal(
            f"CPU a decision, gunicorn with our worker / {server}",
            "cpu_us a decision gunicorn",
            f"cpu_us a decision {server}",
            "<=",
            1.0,
        )
        for server in _SERVERS
    )

    def __init__(self) -> None:
        self._plan: dict[str, Any] = {}
        self._servers: dict[str, Listening] = {}

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Start all three over one data folder."""
        settings = Settings(workers=1)
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            ours = stack.enter_context(service(folder, settings))
            self._plan = ours.plan("/v1/decisions", decision_bodies()) | {
                "loop": "closed",
                "connections": CONNECTIONS,
            }
            self._servers["gunicorn"] = Listening(ours.port, ours.group)
            for name, command in _SERVERS.items():
                port, output = free_port(), folder / f"{name}.log"
                environment = Settings(data=str(folder / "data"), workers=1)
                process = stack.enter_context(
                    running(
                        (
                            *(sys.executable, "-m", *command),
                            *("--port", str(port), _APPLICATION),
                        ),
                        output,
                        environment.environment(),
                    )
                )
                wait_for_port(process, port, output)
                self._servers[name] = Listening(port, process.pid)
            yield

    def measure(self, seconds: float) -> Figures:
        """Measure each server once."""
        figures: Figures = {}
        for name, listening in self._servers.items():
            before_s = cpu_seconds(listening.group)
            got = drive(self._plan | {"port": listening.port, "seconds": seconds})
            used_s = cpu_seconds(listening.group) - before_s
            answered = got["answered"] * (1.0 + got["warm_up_s"] / got["took_s"])
            figures[f"cpu_us a decision {name}"] = 1e6 * used_s / answered
            figures[f"decisions_per_s {name}"] = got["decisions_per_s"]
        return figures

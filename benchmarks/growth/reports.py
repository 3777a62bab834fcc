"""The cost of a report at many decisions, against few: it reads sums, not the log.

Two stores of the same world are written once, without HTTP; the real service runs over
each, and its report is requested in turn. BENCH=full compares 10^6 decisions with
10^4, otherwise 10^5 with 10^4: writing a million takes minutes.
"""

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bandit_svc.settings import Settings
from benchmarks.speed.processes import (
    BANDIT_SVC,
    ask,
    cpu_seconds,
    free_port,
    running,
    wait_for_port,
)
from benchmarks.speed.rows import Figures, Goal
from benchmarks.world_log import write_world_log
from simulators.worlds.hero import HeroWorld

FEW = 10_000
MANY = 1_000_000 if os.environ.get("BENCH") == "full" else 100_000
EVERY_MS = 20
"""Gives both the 100 to 200 time intervals that a report shows at most."""
REPORTS_A_SECOND = 25


class ReportGrowth:
    """The report endpoint over a small and a large store."""

    name = "report_growth"
    goals = (
        Goal(
            f"report endpoint: CPU at {MANY:,} decisions / at {FEW:,}",
            f"report cpu_ms at {MANY}",
            f"report cpu_ms at {FEW}",
            "<=",
            1.3,
        ),
    )

    def __init__(self) -> None:
        self._services: dict[int, tuple[int, int, str]] = {}

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Write both stores and start a service over each."""
        with contextlib.ExitStack() as stack:
            root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            for count in (FEW, MANY):
                print(f"report_growth: writing {count:,} decisions", flush=True)
                data = root / str(count)
                data.mkdir()
                made = write_world_log(data, HeroWorld(), count, 1, every_ms=EVERY_MS)
                key = made.key
                port, output = free_port(), root / f"{count}.log"
                command = (
                    *(BANDIT_SVC, "web", "--dev", "--data", str(data)),
                    *("--port", str(port), "--workers", str(Settings().workers)),
                    *("--log-level", "warning"),
                )
                process = stack.enter_context(running(command, output))
                wait_for_port(process, port, output)
                self._services[count] = (port, process.pid, key)
            yield

    def measure(self, seconds: float) -> Figures:
        """Request reports of both stores in turn."""
        times = max(3, int(seconds * REPORTS_A_SECOND))
        figures: Figures = {}
        for count, (port, group, key) in self._services.items():
            path = f"/v1/experiments/{key}/report"
            ask(port, "GET", path, "")
            used_s, began_s = cpu_seconds(group), time.monotonic()
            for _ in range(times):
                ask(port, "GET", path, "")
            wall_s = time.monotonic() - began_s
            figures[f"report cpu_ms at {count}"] = (
                1e3 * (cpu_seconds(group) - used_s) / times
            )
            figures[f"report ms at {count}"] = 1e3 * wall_s / times
        return figures

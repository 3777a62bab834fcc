"""The cost of real processes by size: start, memory, idling.

Owns the service as `bandit-svc` runs it, over the stores of stores.py.
"""

import contextlib
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from benchmarks.growth.decisions import Probes
from benchmarks.growth.stores import definition, trained, with_events
from benchmarks.speed.processes import (
    BANDIT_SVC,
    START_TIMEOUT_S,
    cpu_seconds,
    drive,
    free_port,
    running,
    wait_for_port,
)
from benchmarks.speed.service import contexts

IDLE_S = 10.0
HTTP_S = 2.0


def events_store(root: Path, size: int) -> Path:
    """Return the store of this many events, made if it does not exist; 0 for none."""
    folder = root / f"events-{size}"
    if not folder.exists():
        if size:
            with_events(folder, size)
        else:
            trained(folder, 0)
    return folder


@contextmanager
def by_log(root: Path, sizes: Sequence[int]) -> Iterator[Probes]:
    """Probe ms from `bandit-svc serve` to a 200 of /readyz."""
    yield {size: _Start(events_store(root, size)) for size in sizes}


class _Start:
    """Starts the service, waits until it is ready, and stops it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self) -> float:
        port = free_port()
        command = (
            *(BANDIT_SVC, "serve", "--dev", "--data", str(self._folder)),
            *("--port", str(port), "--log-level", "warning"),
        )
        begun_s = time.perf_counter()
        with running(command, self._folder / "serve.log"):
            while time.perf_counter() - begun_s < START_TIMEOUT_S:
                with contextlib.suppress(OSError, urllib.error.URLError):
                    url = f"http://127.0.0.1:{port}/readyz"
                    urllib.request.urlopen(url, timeout=5).close()
                    return (time.perf_counter() - begun_s) * 1e3
                time.sleep(0.01)
        raise RuntimeError(f"{self._folder} was not ready after {START_TIMEOUT_S} s")


@contextmanager
def over_http(root: Path, sizes: Sequence[int]) -> Iterator[Probes]:
    """Probe CPU µs per decision in a gunicorn worker, over all experiments in turn."""
    with ExitStack() as stack:
        probes: Probes = {}
        for size in sizes:
            folder = _experiments_store(root, size)
            port, group = stack.enter_context(_web(folder))
            _decide_everywhere(port, size)
            probes[size] = partial(_http_probe, port, group, _bodies(size))
        yield probes


def _http_probe(port: int, group: int, bodies: Sequence[str]) -> float:
    plan = {"port": port, "key": "", "path": "/v1/decisions", "bodies": bodies}
    began = cpu_seconds(group)
    load = {"loop": "closed", "connections": 4, "seconds": HTTP_S}
    answered = drive(plan | load)["answered"]
    return (cpu_seconds(group) - began) / float(answered) * 1e6


def _bodies(experiments: int) -> list[str]:
    drawn = contexts(499)
    return [
        json.dumps(
            {
                "experiment": f"bench-{n % experiments}",
                "unit_id": f"u-{n}",
                "context": drawn[n % len(drawn)],
            }
        )
        for n in range(max(1_000, experiments))
    ]


@contextmanager
def by_experiments(root: Path, sizes: Sequence[int]) -> Iterator[Probes]:
    """Probe MB (PSS) of a gunicorn worker that has served each experiment's model."""
    yield {size: _Memory(_experiments_store(root, size)) for size in sizes}


def idle(root: Path, experiments: int) -> dict[str, float]:
    """Measure a service with models loaded and no traffic.

    Returns:
        Percent of a core of web worker and learner, MB of both, ms of one /metrics.
    """
    folder = _experiments_store(root, experiments)
    with _web(folder) as (port, group):
        _decide_everywhere(port, experiments)
        began = cpu_seconds(group)
        time.sleep(IDLE_S)
        web = (cpu_seconds(group) - began) / IDLE_S * 100
        web_mb = _largest_mb(group)
        began_s = time.perf_counter()
        url = f"http://127.0.0.1:{port}/metrics"
        size = len(urllib.request.urlopen(url, timeout=60).read())
        metrics_ms = (time.perf_counter() - began_s) * 1e3
        command = (BANDIT_SVC, "learner", "--data", str(folder))
        with running(command, folder / "learner.log") as learner:
            # The first refresh of all experiments, and the decisions above.
            time.sleep(60.0)
            began = cpu_seconds(learner.pid)
            time.sleep(IDLE_S)
            learning = (cpu_seconds(learner.pid) - began) / IDLE_S * 100
            learner_mb = _largest_mb(learner.pid)
    return {
        "idle web worker, % of a core": web,
        "web worker, MB": web_mb,
        "idle learner, % of a core": learning,
        "learner, MB": learner_mb,
        "/metrics, ms": metrics_ms,
        "/metrics, kB": size / 1e3,
    }


class _Memory:
    """Starts a worker, requests a decision of each experiment, reads the memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self) -> float:
        experiments = int(self._folder.name.rpartition("-")[2])
        with _web(self._folder) as (port, group):
            _decide_everywhere(port, experiments)
            return _largest_mb(group)


def _experiments_store(root: Path, size: int) -> Path:
    folder = root / f"experiments-{size}"
    if not folder.exists():
        trained(folder, definitions=[definition(f"bench-{n}", 5) for n in range(size)])
    return folder


@contextmanager
def _web(folder: Path) -> Iterator[tuple[int, int]]:
    """Run one web worker; yield its port and process group."""
    port = free_port()
    command = (
        *(BANDIT_SVC, "web", "--dev", "--data", str(folder), "--workers", "1"),
        *("--port", str(port), "--log-level", "warning"),
    )
    with running(command, folder / "web.log") as process:
        wait_for_port(process, port, folder / "web.log")
        yield port, process.pid


def _decide_everywhere(port: int, experiments: int, times: int = 20) -> None:
    drawn = contexts(499)
    for n in range(0, experiments * times, 100):
        asked = [
            {
                "experiment": f"bench-{m % experiments}",
                "unit_id": f"u-{m}",
                "context": drawn[m % len(drawn)],
            }
            for m in range(n, n + 100)
        ]
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/decisions/batch",
            json.dumps({"decisions": asked}).encode(),
        )
        urllib.request.urlopen(request, timeout=60).close()  # noqa: S310 - loopback


def _largest_mb(group: int) -> float:
    """Return the PSS of the largest process of a group (Linux)."""
    found = [0.0]
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                text = stat.with_name("smaps_rollup").read_text()
                (pss,) = re.findall(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
                found.append(int(pss) / 1024)
    return max(found)

"""Start and end the processes of a benchmark.

Owns every process that a benchmark starts: each is the leader of its own group, dies
with the benchmark (Linux), and is ended by its own pid when its block is left, also
by Ctrl-C or SIGTERM. Listens on loopback alone.
"""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from bandit_svc.settings import Settings

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 180.0
_PR_SET_PDEATHSIG = 1
ASGI = frozenset({"empty_asgi"})
"""Contestants that gunicorn's own asgi worker runs; the others its thread worker."""
BANDIT_SVC = str(Path(sys.executable).with_name("bandit-svc"))


def end_on_sigterm() -> None:
    """Make SIGTERM leave every `with` block, as Ctrl-C does."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(143)

    signal.signal(signal.SIGTERM, leave)


@contextlib.contextmanager
def running(
    command: Sequence[str], output: Path, environment: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command until the block is left; its output goes to a file."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("BANDIT_")}
    with output.open("ab") as file:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=clean | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            process_group=0,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - no threads here
        )
    try:
        yield process
    finally:
        _end(process)


def _end_with_parent() -> None:
    """Let the kernel end this process when the benchmark is killed (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Terminate a process; kill its whole group if it does not end."""
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT_S)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(process: "subprocess.Popen[bytes]", port: int, output: Path) -> None:
    """Wait until something listens on a port.

    Raises:
        RuntimeError: the process ended, or nothing listens for a minute.
    """
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline_s:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on {port}: {output.read_text()[-2000:]}")


def cpu_seconds(group: int) -> float:
    """Return the CPU time that a process group has used so far (Linux).

    A shared machine adds far less noise to it than to throughput.
    """
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


class Listening(NamedTuple):
    """The port of a contestant, and its process group."""

    port: int
    group: int


@contextlib.contextmanager
def contestant(name: str, folder: Path, settings: Settings) -> Iterator[Listening]:
    """Run benchmarks.speed.contestants/NAME.py under the service's gunicorn flags."""
    port, output = free_port(), folder / f"{name}.log"
    environment = {
        "BANDIT_PORT": str(port),
        "BANDIT_WORKERS": str(settings.workers),
        "BANDIT_THREADS": str(settings.threads),
        "NAIVE_DATABASE": str(folder / "naive.db"),
        "CONTESTANT_WORKER": "asgi" if name in ASGI else "gthread",
    }
    command = (
        *(sys.executable, "-m", "gunicorn"),
        *("--config", "python:benchmarks.speed.contestants.gunicorn_conf"),
        f"benchmarks.speed.contestants.{name}:application",
    )
    with running(command, output, environment) as process:
        wait_for_port(process, port, output)
        yield Listening(port, process.pid)


def driven(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Run the driver with a plan, in its own process; failed requests are counted."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.driver"],
        cwd=ROOT,
        input=json.dumps(plan),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def drive(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Run the driver with a plan, in its own process.

    Raises:
        RuntimeError: a request failed or got no answer, so the run can't be used.
    """
    measured = driven(plan)
    if measured["failed"] or measured["lost"]:
        raise RuntimeError(
            f"{measured['failed']} answers on {plan['path']} were no success and "
            f"{measured['lost']} did not come, of {measured['answered']}"
        )
    return measured


def ask(port: int, method: str, path: str, key: str, body: object = None) -> Any:  # noqa: ANN401 - any JSON
    """Send one request with a key and give the JSON of its answer."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Bearer {key}"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - loopback
        return json.load(answer)

"""Real services for end-to-end tests: `bandit-svc serve` on a free loopback port."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

START_TIMEOUT_S = 60.0


class Service:
    """One `bandit-svc serve --dev`, and the processes below it."""

    def __init__(self, data: Path, **settings: str) -> None:
        self.data = data
        self._settings = settings
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = data.with_suffix(".log")
        self.process = self._launch()

    def _launch(self) -> "subprocess.Popen[bytes]":
        environment = {k: v for k, v in os.environ.items() if "BANDIT" not in k}
        environment.update(
            {f"BANDIT_{name.upper()}": value for name, value in self._settings.items()}
        )
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [
                    str(Path(sys.executable).with_name("bandit-svc")),
                    "serve",
                    "--dev",
                    "--data",
                    str(self.data),
                    "--port",
                    str(self.port),
                    "--workers",
                    "2",
                ],
                stdout=log,
                stderr=log,
                env=environment,
            )

    def wait_ready(self) -> None:
        """Return once a decision could be made durably."""
        self.wait_for(lambda: self.get("/readyz") is not None, "be ready")

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Poll until a condition holds; show the service's log if it never does."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if condition():
                return
            time.sleep(0.05)
        pytest.fail(f"the service did not {what}: {self.log.read_text()[-3000:]}")

    def restart(self) -> None:
        """Start again on the same folder and port, after `kill` or `stop`."""
        self.process = self._launch()

    def get(self, path: str) -> Any:
        """GET JSON, or None where no good answer came."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:  # noqa: S310 - loopback
                return json.load(answer)
        except urllib.error.HTTPError as error:
            error.close()
            return None
        except OSError:
            return None

    def post(self, path: str, body: object) -> Any:
        """POST JSON and give the JSON answer, or None where no good one came."""
        request = urllib.request.Request(  # noqa: S310 - loopback
            self.url + path, json.dumps(body).encode(), method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - loopback
                return json.load(answer)
        except urllib.error.HTTPError as error:
            error.close()
            return None
        except OSError:
            return None

    def children(self) -> dict[str, list[int]]:
        """Give the pids below the supervisor: gunicorn's master, workers, learner."""
        found: dict[str, list[int]] = {"master": [], "worker": [], "learner": []}
        for child in _children(self.process.pid):
            if "bandit_svc.learner" in _command(child):
                found["learner"].append(child)
            elif "gunicorn" in _command(child):
                found["master"].append(child)
                found["worker"].extend(_children(child))
        return found

    def stop(self) -> int:
        """Ask for a clean end; give the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def kill(self) -> None:
        """Kill the supervisor; wait until nothing of it listens any more."""
        below = [pid for pids in self.children().values() for pid in pids]
        self.process.kill()
        self.process.wait()
        deadline = time.monotonic() + START_TIMEOUT_S
        while any(_alive(pid) for pid in below):
            assert time.monotonic() < deadline, f"left behind: {below}"
            time.sleep(0.02)


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " ")
    except OSError:
        return ""


def _alive(pid: int) -> bool:
    try:
        # After the name in brackets comes the state; Z is dead, but not yet buried.
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.fixture
def start_service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Give a function that starts a service; all are stopped at the end."""
    services: list[Service] = []

    def start(**settings: str) -> Service:
        service = Service(tmp_path / f"data{len(services)}", **settings)
        services.append(service)
        service.wait_ready()
        return service

    yield start
    for service in services:
        if service.process.poll() is None:
            service.kill()

"""The files of grafana/, a real service and a real Prometheus that scrapes it."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

GRAFANA = Path(__file__).parents[2] / "grafana"
TIMEOUT_S = 60.0


@pytest.fixture(scope="session")
def grafana() -> Path:
    """The folder that is copied to Grafana and Prometheus."""
    return GRAFANA


@pytest.fixture(scope="session")
def dashboards() -> dict[str, dict[str, Any]]:
    """Every dashboard by its file's name."""
    return {
        path.stem: json.loads(path.read_text())
        for path in sorted((GRAFANA / "dashboards").glob("*.json"))
    }


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """Find a program of Prometheus; a machine without it fails, and says why."""

    def find(name: str) -> str:
        found = shutil.which(name)
        if found is None:
            pytest.fail(
                f"{name} is missing, so alerts and dashboards can't be tested: "
                "apt-get install prometheus"
            )
        return found

    return find


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Started:
    """A process of a test that answers over HTTP on loopback."""

    def __init__(
        self, command: list[str], port: int, ready: str, log: Path, **variables: str
    ) -> None:
        environment = {k: v for k, v in os.environ.items() if "BANDIT" not in k}
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment | variables,
            )
        self.wait_for(lambda: self.text(ready) is not None, "ready")

    def text(self, path: str, body: object = None) -> str | None:
        """GET a path, or POST JSON to it; None where no good answer came."""
        sent = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, sent)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            error.close()
            return None
        except OSError:
            return None

    def ask(self, path: str, **parameters: str) -> Any:
        """Give `data` of Prometheus' answer.

        Raises:
            AssertionError: there was none; a query is malformed, say.
        """
        answer = self.text(f"{path}?{urllib.parse.urlencode(parameters)}")
        assert answer is not None, f"no answer to {path} with {parameters}"
        return json.loads(answer)["data"]

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Poll until a condition holds."""
        deadline = time.monotonic() + TIMEOUT_S
        while not condition():
            assert time.monotonic() < deadline, f"not {what}: {self._log.read_text()}"
            time.sleep(0.1)

    def children(self, pid: int | None = None) -> list[int]:
        """Pids right below its process, or below another one of its own."""
        pid = self.process.pid if pid is None else pid
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(word) for word in text.split()]

    def child(self, word: str) -> int:
        """Pid of the one child whose command holds a word."""
        (found,) = (
            pid
            for pid in self.children()
            if word in Path(f"/proc/{pid}/cmdline").read_bytes().decode()
        )
        return found

    def end(self) -> None:
        """Let it finish; it drains in good order."""
        self.process.terminate()
        self.process.wait(TIMEOUT_S)


@pytest.fixture
def start_service(tmp_path: Path) -> Iterator[Callable[[Path], Started]]:
    """Start `bandit-svc serve --dev` over a folder; end it after the test."""
    services: list[Started] = []
    command = str(Path(sys.executable).with_name("bandit-svc"))

    def start(data: Path) -> Started:
        port = free_port()
        options = ["--data", str(data), "--port", str(port), "--workers", "2"]
        log = tmp_path / "service.log"
        services.append(
            Started([command, "serve", "--dev", *options], port, "/readyz", log)
        )
        return services[-1]

    yield start
    for service in services:
        service.end()


@pytest.fixture
def start_prometheus(
    tmp_path: Path, tool: Callable[[str], str]
) -> Iterator[Callable[[str], Started]]:
    """Start Prometheus with our files, but each second, on one address."""
    started: list[Started] = []
    program = tool("prometheus")

    def start(target: str) -> Started:
        config = tmp_path / "prometheus.yml"
        text = (GRAFANA / "prometheus.yml").read_text()
        text = text.replace("15s", "1s").replace("127.0.0.1:8000", target)
        text = text.replace("alerts.yml\n\n", f"{GRAFANA / 'alerts.yml'}\n\n")
        config.write_text(text)
        port = free_port()
        command = [
            program,
            f"--config.file={config}",
            f"--storage.tsdb.path={tmp_path / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
        ]
        log = tmp_path / "prometheus.log"
        started.append(Started(command, port, "/-/ready", log))
        return started[-1]

    yield start
    for prometheus in started:
        prometheus.end()

"""The files of grafana/, a real service and a real Prometheus that scrapes it."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.prometheus import Prometheus
from tests.harness.served import Served, StartServed

GRAFANA = Path(__file__).parents[2] / "grafana"


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


@pytest.fixture
def start_service(tmp_path: Path) -> Iterator[StartServed]:
    """Return a function that starts a service without keys; it ends with the test."""
    services: list[Served] = []

    def start(**settings: str) -> Served:
        service = Served(tmp_path / "data", **settings)
        services.append(service)
        service.wait_until_ready()
        return service

    yield start
    for service in services:
        service.stop()


@pytest.fixture
def start_prometheus(
    tmp_path: Path, tool: Callable[[str], str]
) -> Iterator[Callable[[str], Prometheus]]:
    """Return a function that starts Prometheus with our files, but each second."""
    started: list[Prometheus] = []
    program = tool("prometheus")

    def start(target: str) -> Prometheus:
        text = (GRAFANA / "prometheus.yml").read_text()
        text = text.replace("15s", "1s").replace("127.0.0.1:8000", target)
        text = text.replace("alerts.yml\n\n", f"{GRAFANA / 'alerts.yml'}\n\n")
        started.append(Prometheus(program, text, tmp_path))
        return started[-1]

    yield start
    for prometheus in started:
        prometheus.terminate()

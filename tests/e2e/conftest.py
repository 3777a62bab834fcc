"""Real services for end-to-end tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.served import Served, StartServed


@pytest.fixture
def start_service(tmp_path: Path) -> Iterator[StartServed]:
    """Return a function that starts a service; all are stopped at the end."""
    services: list[Served] = []

    def start(**settings: str) -> Served:
        service = Served(tmp_path / f"data{len(services)}", **settings)
        services.append(service)
        service.wait_until_ready()
        return service

    yield start
    for service in services:
        if service.process.poll() is None:
            service.kill()

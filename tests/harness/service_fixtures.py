"""Whole services in one process, as fixtures that several rooms share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.service import Service


@pytest.fixture
def new_service(tmp_path: Path) -> Iterator[Callable[[str], Service]]:
    """Return a function that makes services over folders; one may hold data."""
    services: list[Service] = []

    def make(name: str) -> Service:
        service = Service(tmp_path / name)
        services.append(service)
        return service

    yield make
    for service in services:
        service.close()


@pytest.fixture
def service(new_service: Callable[[str], Service]) -> Service:
    service = new_service("data")
    service.start()
    return service

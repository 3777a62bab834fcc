"""A real HTTP server that answers what a test scripts, and a client of it."""

from collections.abc import Iterator

import pytest

from bandit_svc.client import BanditClient
from tests.harness.fakes.json_server import json_server
from tests.harness.fakes.scripted_service import ScriptedService
from tests.harness.waiting import GENEROUS_S


@pytest.fixture
def stub() -> Iterator[ScriptedService]:
    """Return a running service; it stops with the test."""
    scripted = ScriptedService()
    with json_server(scripted.respond) as scripted.url:
        yield scripted
        scripted.released.set()


@pytest.fixture
def client(stub: ScriptedService) -> Iterator[BanditClient]:
    """Return a client of the scripted service."""
    with BanditClient(stub.url, key="bsk_test", timeout_s=GENEROUS_S) as connected:
        yield connected

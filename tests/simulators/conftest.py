"""A policy to follow by hand, a fake of the service, a fast clock."""

from collections.abc import Callable, Iterator

import pytest

from policies.base import Policy
from tests.harness.fakes.fake_service import FakeService
from tests.harness.fakes.json_server import json_server
from tests.harness.fakes.leaping_pace import LeapingPace
from tests.harness.fakes.tally_policy import TallyPolicy


@pytest.fixture
def build_tally() -> Callable[[], Policy]:
    """Return the builder of a fresh tally policy."""
    return TallyPolicy


@pytest.fixture
def service() -> Iterator[FakeService]:
    """Return a running fake of the service; it stops with the test."""
    fake = FakeService()
    with json_server(fake.respond) as fake.url:
        yield fake


@pytest.fixture
def pace() -> LeapingPace:
    """Return a clock that never makes a test wait."""
    return LeapingPace()

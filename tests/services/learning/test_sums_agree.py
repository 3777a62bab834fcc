"""A store has no contradiction between its sums and its facts, whatever was decided.

The store is newer than its tables, as those of `init` are, so that no fact may be
missing in a sum.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.raw_store import change_store
from tests.harness.service import T0_MS, Service

LATER_MS = 2 * T0_MS


@pytest.fixture
def service(new_service: Callable[[str], Service]) -> Service:
    service = new_service("data")
    service.start(created_at_ms=LATER_MS)
    return service


def test_each_slot_of_a_page_is_a_choice(service: Service) -> None:
    service.create(variants=[{"key": key} for key in "abcd"])
    for slots in (None, 2, 3, 1):
        service.now_ms += 10
        service.decide(slots=slots)
    assert service.mature().joined == 4

    assert service.storage.facts.check() == []


def test_what_the_callers_own_system_showed_is_no_choice(service: Service) -> None:
    service.create(mode="apprentice")
    for shown in "abcab":
        service.now_ms += 10
        service.decide(shown=shown)
    assert service.mature().joined == 5
    assert service.storage.facts.check() == []

    service.change(mode="live")
    for _ in range(3):
        service.now_ms += 10
        service.decide()
    assert service.mature().joined == 3
    assert service.storage.facts.check() == []


def test_a_choice_that_is_in_no_sum_is_found(service: Service) -> None:
    service.create(mode="apprentice")
    service.decide(shown="a")
    service.change(mode="live")
    for _ in range(3):
        service.now_ms += 10
        service.decide()
    assert service.mature().joined == 4
    change_store(Path(service.settings.data), "DELETE FROM calibration")

    (found,) = service.storage.facts.check()
    assert found.startswith("experiment number 1: 0 choices in the calibration, 4 by")

"""The pages of units: found by the raw id, shown by the pseudonym, erased by a form."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bandit_svc.services.managing.privacy.erase_unit import erase_unit
from bandit_svc.wiring import Backends
from tests.harness.pages import Visitor
from tests.harness.worker_in_process import WorkerInProcess

RAW = "mail:ada@example.com"


def erase(service: WorkerInProcess) -> None:
    """Erase as the learner does, between two of its turns."""
    with closing(Backends(service.worker.settings)) as fresh:
        done = erase_unit(fresh.privacy, lambda: service.now_ms, os.urandom)
    assert done is not None
    assert done.step == "done"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[WorkerInProcess]:
    """Return a new store, which keeps no raw id."""
    started = WorkerInProcess(tmp_path, dev=False, pseudonym_key=b"k" * 32)
    yield started
    started.close()


@pytest.fixture
def visitor(service: WorkerInProcess) -> Visitor:
    """Return a person who looks at a unit that came once and did something."""
    service.create(
        "hero",
        features={"views": "count(viewed)"},
        sticky={"for_seconds": 86_400},
        reward={"window_seconds": 60},
    )
    body = {"traits": {"tier": "gold"}, "links": ["anon-7f"]}
    service.call("PUT", f"/v1/units/{RAW}", body)
    service.post("/v1/events", {"unit_id": RAW, "event": "viewed"})
    service.learn()
    made = service.decide("hero", unit_id=RAW)
    service.reward(made["decision_id"], 1.0)
    service.learn(after_s=61)
    return Visitor(service)


def test_a_unit_is_found_by_its_raw_id_and_its_address_does_not_tell_it(
    visitor: Visitor,
) -> None:
    sent = visitor.confirm("/units", id=RAW)

    assert sent.status_code == 303
    assert RAW not in sent.headers["Location"]
    shown = visitor.get(sent.headers["Location"])
    assert RAW not in shown.text
    assert "anon-7f" not in shown.text
    for told in ("gold", "views", "hero", "Keeps its variant in", "oldest"):
        assert told in shown.text, told
    receipts = [link for link in shown.links if "/decisions/" in link]
    units = [link for link in visitor.get(receipts[0]).links if "/units/p_" in link]
    assert "gold" in visitor.get(units[0]).text


@pytest.mark.parametrize(
    ("wanted", "status", "told"),
    [
        ("nobody", 404, "Nothing is stored of this id"),
        ("x" * 257, 400, "256"),
        ("", 400, "1 and 256"),
    ],
)
def test_an_id_of_which_nothing_is_stored_is_told_beside_the_form(
    visitor: Visitor, wanted: str, status: int, told: str
) -> None:
    sent = visitor.confirm("/units", id=wanted)

    assert sent.status_code == status
    assert told in sent.text


def test_an_erasure_says_what_it_does_and_what_went(
    service: WorkerInProcess, visitor: Visitor
) -> None:
    address = visitor.confirm("/units", id=RAW).headers["Location"]
    asked = visitor.get(f"{address}/erase")
    assert "This can't be undone" in asked.text
    assert "2 ids" in asked.text

    sent = visitor.confirm(f"{address}/erase")
    assert "The learner begins it" in visitor.get(sent.headers["Location"]).text
    erase(service)
    done = visitor.get(sent.headers["Location"])

    assert "Nothing of this unit is stored any more" in done.text
    assert "What went" in done.text
    assert service.get(address).status_code == 404
    assert visitor.confirm("/units", id=RAW).status_code == 404

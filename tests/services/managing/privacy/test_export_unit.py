"""What is stored of a unit is told whole, and of nobody else."""

import os
from contextlib import closing
from pathlib import Path

from bandit_svc.services.managing.privacy.ask_erasure import ask_erasure
from bandit_svc.services.managing.privacy.erase_unit import erase_unit
from bandit_svc.services.managing.privacy.export_unit import export_unit
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends
from tests.harness.worker_in_process import StartWorker, WorkerInProcess

PURCHASE = {"window_seconds": 60, "event": "purchased", "maximum": None}


def lived(service: WorkerInProcess) -> list[str]:
    """Let a person of two ids and another one leave traces; return her decisions."""
    service.create(
        "hero",
        holdout=0.0,
        features={"views": "count(viewed, 7d)"},
        sticky={"for_seconds": 3600},
        reward=PURCHASE,
    )
    for unit in ("erika", "other"):
        waits = {"unit_id": unit, "value": 84, "reward_id": f"order-of-{unit}"}
        service.post("/v1/rewards", {**waits, "event": "purchased"})
    service.learn()
    service.now_ms += 120_000
    for unit in ("erika", "other"):
        service.post("/v1/events", {"unit_id": unit, "event": "viewed"})
    change = {"traits": {"tier": "gold"}, "links": ["device"]}
    service.call("PUT", "/v1/units/erika", change)
    service.learn()
    ids = [
        str(service.decide("hero", unit_id=unit, context={"n": n})["decision_id"])
        for n, unit in enumerate(("erika", "device"))
    ]
    service.decide("hero", unit_id="other")
    service.reward(ids[0], 5.0)
    service.learn()
    return list(dict.fromkeys(ids))


def test_all_of_a_person_is_exported(start_worker: StartWorker) -> None:
    service = start_worker()
    ids = lived(service)
    found = export_unit(service.worker.storage, "device")

    assert set(found.ids) == {"erika", "device"}
    assert found.state is not None
    assert found.state.traits == {"tier": "gold"}
    assert "viewed" in str(found.state.trails)
    assert {fact.unit_id for fact in found.facts} == {"erika"}
    assert [one.decision_id for one in found.decisions] == ids
    assert [r.value for one in found.decisions for r in one.rewards] == [5.0]
    assert [one.experiment for one in found.kept_choices] == ["hero"]
    assert [one.reward_id for one in found.waiting_rewards] == ["order-of-erika"]


def test_after_an_erasure_nothing_is_left_to_export(start_worker: StartWorker) -> None:
    service = start_worker()
    lived(service)
    storage = service.worker.storage
    before = export_unit(storage, "other")
    ask_erasure(storage, "erika", bytes(9), service.now_ms)
    settings = Settings(data=str(Path(service.folder)))
    with closing(Backends(settings)) as fresh:
        done = erase_unit(fresh.privacy, lambda: service.now_ms, os.urandom)
    assert done is not None
    assert done.step == "done"
    for unit in ("erika", "device"):
        found = export_unit(storage, unit)
        assert found.state is None
        assert not found.facts
        assert not found.decisions
        assert not found.kept_choices
        assert not found.waiting_rewards
    assert export_unit(storage, "other") == before

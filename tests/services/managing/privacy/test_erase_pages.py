"""Pages of an erased unit: their slots stay, and the model is of the blanked log."""

import os
from contextlib import closing

from bandit_svc.domain.events.decision_id import slot_id
from bandit_svc.domain.slots.places import shown_variants, slot_decisions
from bandit_svc.services.managing.privacy.ask_erasure import ask_erasure
from bandit_svc.services.managing.privacy.erase_unit import erase_unit
from bandit_svc.services.serving.look_up import look_up
from bandit_svc.services.serving.record_reward import RewardReport, record_reward
from bandit_svc.wiring import Backends
from tests.harness.service import Service


def test_the_pages_of_an_erased_unit_keep_their_slots_and_rewards(
    service: Service,
) -> None:
    service.create(
        variants=[{"key": key} for key in "abcd"],
        policy={"kind": "linear"},
        reward={"maximum": 3.0},
    )
    pages = []
    for at in range(40):
        service.now_ms += 10
        unit = "erika" if at % 4 == 0 else f"u-{at}"
        context: dict[str, object] = {"city": "only-hers" if unit == "erika" else "x"}
        page = service.decide(unit_id=unit, slots=3, context=context).decision
        record_reward(
            service.worker.serving,
            RewardReport(slot_id(page.id, 2), 1.0, reward_id=f"r-{at}"),
            service.now_ms,
        )
        pages.append(page)
    service.mature()
    ask_erasure(service.storage, "erika", bytes(9), service.now_ms)
    with closing(Backends(service.settings)) as fresh:
        done = erase_unit(fresh.privacy, lambda: service.now_ms, os.urandom)
    assert done is not None
    assert done.step == "done"

    assert service.replay().matches
    worker = service.worker
    for page in pages:
        view = look_up(worker.storage.facts, worker.reader, worker.decoder, page.id)
        assert shown_variants(view.decision) == shown_variants(page)
        if page.unit_id == "erika":
            assert view.decision.unit_id != "erika"
            assert "only-hers" not in str(view.decision.context)
        for slot, before in zip(
            slot_decisions(view.decision), slot_decisions(page), strict=True
        ):
            assert (slot.pmf, slot.chosen) == (before.pmf, before.chosen)
            assert slot.context["slot"] == before.context["slot"]
        assert view.joined_reward == 1.0

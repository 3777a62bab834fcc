"""What is refused at the door, before anything is appended."""

import math
from typing import Any

import msgspec
import pytest

from bandit_svc.domain.events.decision_id import ENTROPY_BYTES
from bandit_svc.errors import BanditError, Conflict, InvalidInput, NotFound
from tests.harness.service import Service

DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"value": math.nan}, "/value"),
        ({"value": math.inf}, "/value"),
        ({"value": 1.1e9, "metric": "seconds"}, "/value"),
        ({"metric": "no spaces"}, "/metric"),
        ({"metric": ""}, "/metric"),
        ({"reward_id": ""}, "/reward_id"),
        ({"reward_id": "x" * 257}, "/reward_id"),
        ({"occurred_at_ms": 0}, "/occurred_at"),
        ({"occurred_at_ms": 4_000_000_000_000}, "/occurred_at"),
    ],
)
def test_a_reward_out_of_its_range_is_refused_and_nothing_is_appended(
    service: Service, fields: dict[str, Any], pointer: str
) -> None:
    service.create()
    decided = service.decide()
    before = service.logged()

    with pytest.raises(InvalidInput) as refused:
        service.reward(decided, **fields)
    assert [field.pointer for field in refused.value.fields] == [pointer]
    assert service.logged() == before


def test_a_secondary_metric_has_no_declared_range(service: Service) -> None:
    service.create()

    assert service.reward(service.decide(), 42.0, metric="seconds").value == 42.0


def test_a_reward_may_occur_a_minute_in_the_future_by_its_callers_clock(
    service: Service,
) -> None:
    service.create()
    decided = service.decide()

    service.reward(decided, occurred_at_ms=service.now_ms + 60_000)

    with pytest.raises(InvalidInput):
        service.reward(decided, occurred_at_ms=service.now_ms + 60_001)


def test_an_id_is_expired_after_90_days(service: Service) -> None:
    service.create()
    decided = service.decide()
    service.now_ms += 90 * DAY_MS
    service.reward(decided)
    service.now_ms += 1

    with pytest.raises(InvalidInput, match="expired"):
        service.reward(decided)


def test_an_id_of_an_experiment_that_the_store_has_lost_is_not_found(
    service: Service,
) -> None:
    service.create()
    decided = service.decide()
    lost = service.worker.ids.issue(
        99, service.now_ms, bytes(ENTROPY_BYTES), deferred=True
    )
    forged = msgspec.structs.replace(
        decided, decision=msgspec.structs.replace(decided.decision, id=lost)
    )

    for report in (service.reward, service.activate):
        with pytest.raises(NotFound):
            report(forged)


@pytest.mark.parametrize("status", ["paused", "archived"])
def test_rewards_of_a_stopped_experiment_are_still_kept(
    service: Service, status: str
) -> None:
    service.create()
    decided = service.decide()
    service.change(status=status)
    service.reward(decided)
    service.mature()
    view = service.storage.facts.decision(decided.decision.id)

    assert view is not None
    assert view.joined_reward == 1.0


def test_a_deferred_decision_counts_once_it_is_activated(service: Service) -> None:
    service.create()
    shown, not_shown = (service.decide(unit_id="u", defer=True) for _ in range(2))
    service.now_ms += 900
    service.activate(shown)
    service.activate(shown, service.other_worker)
    service.now_ms += 900
    # 1.8 s after the decision, 0.9 s after the exposure.
    service.reward(shown)
    service.mature()

    assert service.joined_ids() == [shown.decision.id]
    assert service.storage.joins.after(1, 0, 9)[0].reward == 1.0
    totals = service.storage.facts.totals(1)
    assert (totals.joined, totals.unexposed) == (1, 1)
    assert not_shown.decision.id not in service.joined_ids()


def test_a_decision_that_was_not_deferred_can_not_be_activated(
    service: Service,
) -> None:
    service.create()

    with pytest.raises(Conflict, match="was not deferred"):
        service.activate(service.decide())


def test_a_deferred_decision_can_be_activated_until_its_window_ends(
    service: Service,
) -> None:
    service.create()
    decided = service.decide(defer=True)
    service.now_ms = decided.expires_at_ms
    service.activate(decided)
    service.now_ms += 1

    with pytest.raises(Conflict, match="expired"):
        service.activate(decided)


def test_a_late_activation_of_a_request_is_found_by_the_learner(
    service: Service,
) -> None:
    service.create()
    # Its id is made from the request_id, so it can't tell the time.
    decided = service.decide(defer=True, request_id="r")
    service.now_ms += 1001
    service.activate(decided)
    service.mature()

    assert service.joined_ids() == []
    assert service.storage.facts.totals(1).counts["activations_expired"] == 1


def test_a_refusal_is_one_of_the_errors_that_an_edge_can_translate(
    service: Service,
) -> None:
    service.create()
    decided = service.decide()
    service.worker.close()

    with pytest.raises(BanditError) as refused:
        service.reward(decided)
    assert refused.value.code == "unavailable"

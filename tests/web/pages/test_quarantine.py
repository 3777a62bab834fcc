"""The quarantine under operations: what waits for a decision, and another look."""

from tests.harness.pages import ReadPage, Visitor
from tests.harness.worker_in_process import WorkerInProcess

ORDER = {"unit_id": "u1", "event": "purchased", "value": 84, "reward_id": "order-1"}


def test_a_reward_of_an_unknown_unit_is_listed_until_a_link_names_its_decision(
    service: WorkerInProcess, read_page: ReadPage
) -> None:
    reward = {"event": "purchased", "value": "value", "maximum": 100}
    service.create("hero", reward={"window_seconds": 60, **reward})
    service.decide("hero", unit_id="anon-1")
    assert "No reward waits" in read_page(service, "/ops").text
    assert service.post("/v1/rewards", ORDER).status_code == 202
    service.learn()
    listed = read_page(service, "/ops").text
    visitor = Visitor(service)
    fields = visitor.get("/ops").fields
    looking = visitor.told(visitor.send("/ops/redrive", fields))
    service.call("PUT", "/v1/units/u1", {"links": ["anon-1"]})
    service.learn()

    assert "order-1 hero reward 84.00 a unit" in listed
    assert "The learner looks for their decisions again" in looking
    assert "No reward waits" in read_page(service, "/ops").text


def test_a_receipt_says_what_a_reward_named_and_what_it_was_before(
    service: WorkerInProcess, read_page: ReadPage
) -> None:
    reward = {"event": "purchased", "value": "value", "maximum": 100}
    service.create("hero", reward={"window_seconds": 60, **reward})
    made = service.decide("hero", unit_id="u1")["decision_id"]
    service.post("/v1/rewards", ORDER)
    service.reward(made, 1.0, reward_id="click")
    service.learn()
    service.reward(made, 0.5, reward_id="click", correction=True)
    service.learn()
    text = read_page(service, f"/experiments/hero/decisions/{made}").text

    assert "84.00 order-1 the unit" in text
    assert "corrected from 1.0000 click this decision" in text

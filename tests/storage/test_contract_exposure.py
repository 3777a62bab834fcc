"""When every store takes a decision for shown, and for ready to be joined."""

from collections.abc import Callable

import pytest

from bandit_svc.domain.events.decision import Activation, Decision
from bandit_svc.domain.events.event import Event
from bandit_svc.domain.events.reward import Reward
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import ClosingRule, IngestOutcome

NewDecision = Callable[..., Decision]
NewReward = Callable[..., Reward]
NewActivation = Callable[..., Activation]
Ingest = Callable[..., IngestOutcome]

GRACE = ClosingRule(closes_after_ms=1500, window_ms=1000, on_first_reward=False)
FIRST_REWARD = ClosingRule(closes_after_ms=1000, window_ms=1000, on_first_reward=True)
FOREVER_MS = 10**9


def test_an_ambiguous_deferred_decision_is_never_activated(
    storage: Storage,
    ingest: Ingest,
    new_decision: NewDecision,
    new_activation: NewActivation,
) -> None:
    ingest(new_decision("d", "a", deferred=True), new_decision("d", "b", deferred=True))
    ingest(new_activation("d"))

    assert storage.joins.due(FOREVER_MS, 10) == []


def test_a_deferred_decision_is_not_due_until_it_is_activated(
    storage: Storage,
    ingest: Ingest,
    new_decision: NewDecision,
    new_activation: NewActivation,
) -> None:
    ingest(new_decision("d", deferred=True))
    view = storage.facts.decision("d")

    assert view is not None
    assert (view.state, view.exposed_at_ms, view.closes_at_ms) == (
        "deferred",
        None,
        None,
    )
    assert storage.joins.due(FOREVER_MS, 10) == []
    assert storage.facts.totals(1).unexposed == 1
    assert dict(storage.facts.totals(1).counts) == {}

    ingest(new_activation("d", 500))
    # The window begins with the activation: 500 + 1000.
    assert storage.joins.due(1499, 10) == []
    assert [d.exposed_at_ms for d in storage.joins.due(1500, 10)] == [500]
    assert dict(storage.facts.totals(1).counts) == {"decisions_treatment": 1}


@pytest.mark.parametrize("together", [True, False])
def test_an_activation_may_stand_before_its_decision_in_the_log(
    storage: Storage,
    ingest: Ingest,
    new_decision: NewDecision,
    new_activation: NewActivation,
    *,
    together: bool,
) -> None:
    events = [new_activation("d", 500), new_decision("d", deferred=True)]
    if together:
        ingest(*events)
    else:
        for event in events:
            ingest(event)

    assert [d.exposed_at_ms for d in storage.joins.due(1500, 10)] == [500]


@pytest.mark.parametrize(("at_ms", "state"), [(1000, "open"), (1001, "deferred")])
@pytest.mark.parametrize("decision_first", [True, False])
def test_an_activation_counts_until_the_end_of_the_reward_window(
    storage: Storage,
    ingest: Ingest,
    new_decision: NewDecision,
    new_activation: NewActivation,
    at_ms: int,
    state: str,
    *,
    decision_first: bool,
) -> None:
    events = [new_decision("d", deferred=True), new_activation("d", at_ms)]
    for event in events if decision_first else reversed(events):
        ingest(event, rule=GRACE)
    view = storage.facts.decision("d")

    assert view is not None
    assert view.state == state
    expired = storage.facts.totals(1).counts.get("activations_expired", 0)
    assert expired == (state == "deferred")


def test_the_first_activation_counts(
    storage: Storage,
    ingest: Ingest,
    new_decision: NewDecision,
    new_activation: NewActivation,
) -> None:
    ingest(
        new_decision("d", deferred=True),
        new_activation("d", 700),
        new_activation("d", 300),
    )
    ingest(new_activation("d", 800))

    assert [d.exposed_at_ms for d in storage.joins.due(FOREVER_MS, 10)] == [300]


def test_a_decision_closes_with_its_first_reward_where_the_rule_says_so(
    storage: Storage, ingest: Ingest, new_decision: NewDecision, new_reward: NewReward
) -> None:
    ingest(new_decision("d"), new_reward("d", at_ms=300), rule=FIRST_REWARD)
    ingest(new_reward("d", at_ms=200, reward_id="other"), rule=FIRST_REWARD)

    assert storage.joins.due(199, 10) == []
    assert len(storage.joins.due(200, 10)) == 1


def test_a_secondary_metric_does_not_close_a_decision(
    storage: Storage, ingest: Ingest, new_decision: NewDecision, new_reward: NewReward
) -> None:
    ingest(new_reward("d", at_ms=100, metric="seconds"))
    ingest(new_decision("d"), rule=FIRST_REWARD)
    ingest(new_reward("d", at_ms=200, metric="views"))

    assert storage.joins.due(999, 10) == []
    assert len(storage.joins.due(1000, 10)) == 1


@pytest.mark.parametrize("occurred_at_ms", [-60_001, 1001])
def test_a_reward_outside_the_window_does_not_close_a_decision(
    storage: Storage,
    ingest: Ingest,
    new_decision: NewDecision,
    new_reward: NewReward,
    occurred_at_ms: int,
) -> None:
    ingest(new_decision("d"), rule=FIRST_REWARD)
    ingest(new_reward("d", at_ms=100, occurred_at_ms=occurred_at_ms))

    assert storage.joins.due(999, 10) == []


@pytest.mark.parametrize("order", ["dra", "dar", "rda", "rad", "adr", "ard"])
def test_a_first_reward_closes_a_deferred_decision_in_any_order_of_the_log(
    storage: Storage,
    ingest: Ingest,
    new_decision: NewDecision,
    new_reward: NewReward,
    new_activation: NewActivation,
    order: str,
) -> None:
    events: dict[str, Event] = {
        "d": new_decision("d", deferred=True),
        "r": new_reward("d", at_ms=600),
        "a": new_activation("d", 500),
    }
    for letter in order:
        ingest(events[letter], rule=FIRST_REWARD)

    assert storage.joins.due(599, 10) == []
    assert len(storage.joins.due(600, 10)) == 1

"""What every store promises of rewards as they arrive; see storage.interface."""

from collections.abc import Callable

import msgspec

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.refusal import Refusal
from bandit_svc.domain.events.reward import Reward
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import IngestOutcome, OrphanRow

NewDecision = Callable[..., Decision]
NewReward = Callable[..., Reward]
Ingest = Callable[..., IngestOutcome]


def test_a_reward_before_its_decision_waits_as_an_orphan_and_is_attached(
    storage: Storage, ingest: Ingest, new_decision: NewDecision, new_reward: NewReward
) -> None:
    ingest(new_reward("d", 0.25, at_ms=7))

    assert storage.facts.orphans(1, 10) == [OrphanRow("d", 1, "reward", "", 0.25, 7)]
    ingest(new_decision("d"))
    view = storage.facts.decision("d")
    assert view is not None
    assert [(r.value, r.late) for r in view.rewards] == [(0.25, False)]
    assert storage.facts.orphans(1, 10) == []
    assert storage.facts.totals(1).orphans == 0


def counts_of(storage: Storage) -> dict[str, int]:
    return dict(storage.facts.totals(1).counts)


def test_a_reward_whose_decision_comes_some_seconds_later_was_never_an_orphan(
    storage: Storage, ingest: Ingest, new_decision: NewDecision, new_reward: NewReward
) -> None:
    ingest(new_reward("d", at_ms=5_000))
    storage.facts.count_orphans(14_000)
    alone = storage.facts.totals(1)
    ingest(new_decision("d"))
    storage.facts.count_orphans(1_000_000)

    assert (dict(alone.counts), alone.orphans) == ({}, 0)
    assert counts_of(storage) == {
        "decisions_treatment": 1,
        "reported_treatment": 1,
        "rewards_accepted": 1,
    }


def test_a_reward_that_stays_alone_is_an_orphan_once(
    storage: Storage, ingest: Ingest, new_decision: NewDecision, new_reward: NewReward
) -> None:
    ingest(new_reward("d", at_ms=5_000), new_reward("e", at_ms=5_001))
    first = storage.facts.count_orphans(16_000)
    again = storage.facts.count_orphans(1_000_000)
    alone = storage.facts.totals(1).orphans
    # This one waited elsewhere for so long that its time is over when it comes.
    late = ingest(new_reward("f", at_ms=6_000))
    ingest(new_decision("d"))

    assert first.counts == {(1, "rewards_orphan"): 2}
    assert again.counts == {}
    assert alone == 2
    assert late.counts == {(1, "rewards_orphan"): 1}
    assert counts_of(storage) == {
        "decisions_treatment": 1,
        "reported_treatment": 1,
        "rewards_orphan": 3,
    }
    assert storage.facts.totals(1).orphans == 2


def test_orphans_are_listed_newest_first_up_to_the_limit(
    storage: Storage, ingest: Ingest, new_reward: NewReward
) -> None:
    ingest(*(new_reward(f"d{at_ms}", at_ms=at_ms) for at_ms in (1, 3, 2)))

    assert [o.received_at_ms for o in storage.facts.orphans(1, 2)] == [3, 2]
    assert storage.facts.orphans(2, 9) == []


def test_a_reward_and_its_decision_in_one_batch_are_no_orphan(
    storage: Storage, ingest: Ingest, new_decision: NewDecision, new_reward: NewReward
) -> None:
    ingest(new_reward("d"), new_decision("d"))

    assert dict(storage.facts.totals(1).counts) == {
        "decisions_treatment": 1,
        "reported_treatment": 1,
        "rewards_accepted": 1,
    }


def test_what_was_cut_or_refused_is_counted_by_group(
    storage: Storage, ingest: Ingest, new_decision: NewDecision, new_reward: NewReward
) -> None:
    def refusal(decision_id: str) -> Refusal:
        return Refusal(decision_id, 1, "metric", received_at_ms=5)

    cut = msgspec.structs.replace(new_reward("d", 9.0), clipped=True)
    early = msgspec.structs.replace(new_reward("later", 9.0), clipped=True)
    ingest(new_decision("d"), cut, early, refusal("d"), refusal("unknown"))
    ingest(cut, refusal("d"))
    counts = storage.facts.totals(1).counts

    assert {k: n for k, n in counts.items() if "clipped" in k or "refused" in k} == {
        "rewards_clipped_treatment": 1,
        "rewards_clipped_orphan": 1,
        "rewards_refused_treatment": 2,
        "rewards_refused_orphan": 1,
        "refused_for_metric": 3,
    }


def test_the_names_of_secondary_metrics_are_known_as_soon_as_they_come(
    storage: Storage, ingest: Ingest, new_reward: NewReward
) -> None:
    named = msgspec.structs.replace(new_reward("d"), metric="seconds")
    ingest(named, new_reward("d"))
    ingest(named)

    assert storage.facts.metric_names(1) == {"seconds"}
    assert storage.facts.metric_names(2) == set()


def test_of_two_values_under_one_reward_id_the_first_counts(
    storage: Storage, ingest: Ingest, new_decision: NewDecision, new_reward: NewReward
) -> None:
    ingest(new_decision("d"), new_reward("d", 0.25), new_reward("d", 0.75))
    ingest(new_reward("d", 0.5), new_reward("d", 0.25))
    view = storage.facts.decision("d")

    assert view is not None
    assert [(r.value, r.conflicts) for r in view.rewards] == [(0.25, 2)]
    counts = storage.facts.totals(1).counts
    assert (counts["rewards_conflict"], counts["rewards_duplicate"]) == (2, 1)


def test_reward_ids_and_metrics_are_kept_apart(
    storage: Storage, ingest: Ingest, new_decision: NewDecision, new_reward: NewReward
) -> None:
    ingest(
        new_decision("d"),
        new_reward("d", reward_id="a"),
        new_reward("d", reward_id="b"),
        new_reward("d", reward_id="a", metric="seconds"),
    )
    view = storage.facts.decision("d")

    assert view is not None
    assert [(r.metric, r.reward_id) for r in view.rewards] == [
        ("reward", "a"),
        ("reward", "b"),
        ("seconds", "a"),
    ]

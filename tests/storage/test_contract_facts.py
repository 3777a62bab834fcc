"""What every store promises of ingested facts; see storage.joined.facts.Facts."""

import subprocess
from collections.abc import Callable

import psycopg
import pytest

from bandit_svc.domain.events.cursor import Cursor
from bandit_svc.domain.events.decision import Activation, Decision
from bandit_svc.domain.events.event import Event, encode_event
from bandit_svc.domain.events.refusal import Withdrawal
from bandit_svc.domain.events.reward import Reward
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import Arrival, ClosingRule, IngestOutcome

NewDecision = Callable[..., Decision]
NewReward = Callable[..., Reward]
NewActivation = Callable[..., Activation]
Ingest = Callable[..., IngestOutcome]
LATER_MS = 1_000_000
"""Long after every reward of these tests."""

GRACE = ClosingRule(closes_after_ms=1500, window_ms=1000, on_first_reward=False)
FOREVER_MS = 10**9


def test_a_decision_is_given_back_as_it_was_logged(
    storage: Storage, ingest: Ingest, new_decision: NewDecision
) -> None:
    decision = new_decision(context={"t": 0.1, "n": 2**60}, unit_id="", pmf=(0.1, 0.9))
    ingest(decision, rule=GRACE)
    view = storage.facts.decision("d")

    assert view is not None
    assert (view.decision, view.state, view.rewards) == (decision, "open", ())
    assert (view.exposed_at_ms, view.closes_at_ms) == (0, 1500)
    assert storage.facts.decision("e") is None


def test_the_same_batch_again_changes_nothing_but_the_count_of_repetitions(
    storage: Storage,
    ingest: Ingest,
    new_decision: NewDecision,
    new_reward: NewReward,
    new_activation: NewActivation,
) -> None:
    batch: list[Event] = [
        new_decision("d"),
        new_decision("later", deferred=True),
        new_activation("later"),
        new_activation("unknown"),
        new_reward("d"),
        new_reward("nobody"),
    ]
    ingest(*batch)
    storage.facts.count_orphans(LATER_MS)
    before = storage.facts.totals(1)
    views = [storage.facts.decision(i) for i in ("d", "later")]
    ingest(*batch)
    after = storage.facts.totals(1)

    assert [storage.facts.decision(i) for i in ("d", "later")] == views
    assert (after.pending, after.unexposed, after.orphans, after.joined) == (2, 0, 1, 0)
    assert dict(after.counts) == {
        **before.counts,
        "decisions_repeated": 2,
        "rewards_duplicate": 2,
    }
    assert storage.facts.check() == []


def test_two_variants_under_one_id_make_the_decision_ambiguous(
    storage: Storage, ingest: Ingest, new_decision: NewDecision
) -> None:
    ingest(new_decision("d", "a"), new_decision("sure"))
    ingest(new_decision("d", "b"))
    view = storage.facts.decision("d")

    assert view is not None
    assert (view.state, view.decision.variant) == ("ambiguous", "a")
    assert [d.decision_id for d in storage.joins.due(FOREVER_MS, 10)] == ["sure"]
    totals = storage.facts.totals(1)
    assert totals.pending == 1
    assert dict(totals.counts) == {
        "decisions_treatment": 1,
        "decisions_repeated": 1,
        "decisions_ambiguous": 1,
    }


def test_a_withdrawn_decision_is_left_out_and_counted_once(
    storage: Storage, ingest: Ingest, new_decision: NewDecision
) -> None:
    ingest(
        new_decision("d"), new_decision("later", deferred=True), new_decision("sure")
    )
    for _ in range(2):
        ingest(*(Withdrawal(name, 1, 7) for name in ("d", "later", "unknown")))
    states = [storage.facts.decision(name) for name in ("d", "later", "sure")]

    assert [view and view.state for view in states] == [
        *("ambiguous", "ambiguous"),
        "open",
    ]
    assert [d.decision_id for d in storage.joins.due(FOREVER_MS, 10)] == ["sure"]
    assert dict(storage.facts.totals(1).counts) == {
        "decisions_treatment": 1,
        "decisions_withdrawn": 2,
    }


@pytest.mark.parametrize("answered_first", [False, True])
def test_a_withdrawn_decision_that_was_answered_after_all_counts(
    storage: Storage,
    ingest: Ingest,
    new_decision: NewDecision,
    *,
    answered_first: bool,
) -> None:
    ingest(new_decision("d", request_id="r"))
    told = Withdrawal("d", 1, 0), Activation("d", 1, 7)
    for fact in reversed(told) if answered_first else told:
        ingest(fact)
    view = storage.facts.decision("d")

    assert view is not None
    assert view.state == "open"
    assert [d.decision_id for d in storage.joins.due(FOREVER_MS, 10)] == ["d"]
    counts = storage.facts.totals(1).counts
    assert (counts["decisions_treatment"], counts.get("decisions_withdrawn", 0)) == (
        *(1, 0),
    )


def test_a_reward_of_a_decision_that_was_withdrawn_and_answered_closes_it(
    storage: Storage,
    ingest: Ingest,
    new_decision: NewDecision,
    new_reward: Callable[..., Reward],
) -> None:
    rule = ClosingRule(closes_after_ms=1500, window_ms=1000, on_first_reward=True)
    ingest(new_decision("d", request_id="r"), rule=rule)
    ingest(Withdrawal("d", 1, 0))
    ingest(new_reward())
    ingest(Activation("d", 1, 7))

    assert [d.decision_id for d in storage.joins.due(10, 10)] == ["d"]


def test_a_deferred_one_that_was_withdrawn_counts_when_it_is_shown(
    storage: Storage, ingest: Ingest, new_decision: NewDecision
) -> None:
    ingest(new_decision("d", request_id="r", deferred=True), Withdrawal("d", 1, 0))
    ingest(Activation("d", 1, 7))

    assert [d.decision_id for d in storage.joins.due(FOREVER_MS, 10)] == ["d"]
    counts = storage.facts.totals(1).counts
    assert (counts["decisions_treatment"], counts["decisions_withdrawn"]) == (1, 0)


def test_a_withdrawal_of_another_try_of_the_request_leaves_the_answered_one(
    storage: Storage, ingest: Ingest, new_decision: NewDecision
) -> None:
    ingest(new_decision("d", request_id="r", decided_at_ms=2500))
    ingest(Withdrawal("d", 1, 0))
    view = storage.facts.decision("d")

    assert view is not None
    assert view.state == "open"


def test_an_ambiguous_decision_is_counted_once_and_stays_so(
    storage: Storage, ingest: Ingest, new_decision: NewDecision
) -> None:
    for variant in "abab":
        ingest(new_decision("d", variant))
    view = storage.facts.decision("d")

    assert view is not None
    assert view.state == "ambiguous"
    counts = storage.facts.totals(1).counts
    assert (counts["decisions_ambiguous"], counts["decisions_treatment"]) == (1, 0)


def test_one_variant_twice_under_one_id_is_a_repetition_only(
    storage: Storage, ingest: Ingest, new_decision: NewDecision
) -> None:
    ingest(new_decision("d"), new_decision("d", decided_at_ms=5, propensity=0.75))
    view = storage.facts.decision("d")

    assert view is not None
    assert (view.state, view.decision.propensity) == ("open", 0.5)


def test_a_decision_without_a_closing_rule_is_refused_with_its_batch(
    storage: Storage, new_decision: NewDecision
) -> None:
    decision = new_decision("d")
    arrivals = [Arrival(encode_event(decision), decision)]
    with pytest.raises(ValueError, match="decision d has no closing rule"):
        storage.facts.ingest(arrivals, {"p": Cursor(1, 5)})

    assert storage.facts.decision("d") is None
    assert storage.facts.cursors() == {}


def test_decisions_by_the_fallback_are_counted(
    storage: Storage, ingest: Ingest, new_decision: NewDecision
) -> None:
    ingest(new_decision("d", source="fallback"), new_decision("d", source="fallback"))

    assert storage.facts.totals(1).counts["decisions_fallback"] == 1


def test_the_counts_of_a_batch_are_those_that_it_adds_to_the_totals(
    storage: Storage, ingest: Ingest, new_decision: NewDecision, new_reward: NewReward
) -> None:
    outcome = ingest(
        new_decision("d"), new_decision("e", group="baseline"), new_reward("x")
    )
    alone = storage.facts.count_orphans(LATER_MS)

    assert outcome.counts == {
        (1, "decisions_treatment"): 1,
        (1, "decisions_baseline"): 1,
    }
    assert alone.counts == {(1, "rewards_orphan"): 1}
    assert dict(storage.facts.totals(1).counts) == {
        name: n for (_, name), n in (outcome.counts | alone.counts).items()
    }


def test_cursors_are_kept_with_the_facts_and_forgotten_on_request(
    storage: Storage, ingest: Ingest, open_store: Callable[[], Storage]
) -> None:
    ingest(cursors={"p": Cursor(1, 10), "q": Cursor(3, 0)})
    ingest(cursors={"p": Cursor(2, 5)})
    storage.facts.forget_partition("q")
    storage.facts.forget_partition("never there")

    assert open_store().facts.cursors() == {"p": Cursor(2, 5)}


def test_a_batch_that_fails_midway_leaves_neither_facts_nor_a_cursor(
    storage: Storage, new_decision: NewDecision
) -> None:
    good, bad = new_decision("d"), new_decision("e", number=2**63)
    rule = ClosingRule(1000, 1000, on_first_reward=False)
    arrivals = [Arrival(encode_event(e), e, rule) for e in (good, bad)]

    # No table holds a number of 64 bits without a sign.
    with pytest.raises((OverflowError, psycopg.DataError)):
        storage.facts.ingest(arrivals, {"p": Cursor(1, 10)})
    assert storage.facts.decision("d") is None
    assert storage.facts.cursors() == {}
    assert dict(storage.facts.totals(1).counts) == {}
    # And the store goes on.
    storage.facts.ingest(arrivals[:1], {"p": Cursor(1, 5)})
    assert storage.facts.decision("d") is not None


def test_a_cursor_that_can_not_be_kept_takes_its_batch_with_it(
    storage: Storage, ingest: Ingest, new_decision: NewDecision
) -> None:
    with pytest.raises((OverflowError, psycopg.DataError)):
        ingest(new_decision("d"), cursors={"p": Cursor(1, 2**63)})

    assert storage.facts.decision("d") is None


def test_a_process_killed_in_the_middle_of_a_batch_leaves_nothing_of_it(
    storage: Storage,
    start_process: Callable[[str], subprocess.Popen[str]],
    ingest: Ingest,
    new_decision: NewDecision,
) -> None:
    batch = [new_decision(f"d{i}") for i in range(10)]
    process = start_process("ingest")
    assert process.stdin is not None
    assert process.stdout is not None
    for event in batch:
        process.stdin.write(encode_event(event).decode() + "\n")
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "half\n"
    process.kill()
    process.wait()

    assert storage.facts.totals(1).pending == 0
    assert storage.facts.cursors() == {}
    ingest(*batch, cursors={"p": Cursor(1, 999)})
    assert storage.facts.totals(1).pending == 10


def test_readers_see_the_state_before_while_a_batch_is_being_kept(
    storage: Storage,
    start_process: Callable[[str], subprocess.Popen[str]],
    new_decision: NewDecision,
) -> None:
    process = start_process("ingest")
    assert process.stdin is not None
    assert process.stdout is not None
    lines = [encode_event(new_decision(f"d{i}")).decode() + "\n" for i in range(4)]
    process.stdin.write("".join(lines) + "\n")
    process.stdin.flush()
    assert process.stdout.readline() == "half\n"
    during = storage.facts.totals(1).pending
    process.stdin.write("go on\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"

    assert (during, storage.facts.totals(1).pending) == (0, 4)


def test_of_a_large_batch_each_fact_is_kept_once_and_the_first_one_holds(
    storage: Storage, ingest: Ingest, new_decision: NewDecision
) -> None:
    first = [new_decision(f"d{n}", "a", decided_at_ms=n) for n in range(100)]
    others = [new_decision(f"d{n}", "b", decided_at_ms=n) for n in range(50)]
    ingest(*first, *others, *first)
    ingest(*first)
    views = [storage.facts.decision(f"d{n}") for n in range(100)]

    assert [view.decision.variant for view in views if view] == ["a"] * 100
    states = [view.state for view in views if view]
    assert states == ["ambiguous"] * 50 + ["open"] * 50
    counts = storage.facts.totals(1).counts
    assert counts["decisions_repeated"] == 250
    assert storage.facts.check() == []

"""What every store promises of corrected rewards; see storage.corrections."""

from collections.abc import Callable
from itertools import permutations

import pytest

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.event import Event
from bandit_svc.domain.events.reward import Correction, Reward
from bandit_svc.storage.corrections import CorrectionSums, KnownReward
from bandit_svc.storage.interface import Storage

NewDecision = Callable[..., Decision]
NewReward = Callable[..., Reward]
Ingest = Callable[..., object]


def correction(value: float, at_ms: int) -> Correction:
    return Correction("d", 1, value, "", at_ms, at_ms)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("together", [False, True])
def test_the_newest_correction_holds_in_whichever_order_the_records_come(
    storage: Storage,
    ingest: Ingest,
    new_decision: NewDecision,
    new_reward: NewReward,
    order: tuple[int, ...],
    *,
    together: bool,
) -> None:
    ingest(new_decision("d"))
    facts: list[Event] = [new_reward("d", 0.5), correction(0, 8), correction(0.25, 9)]
    came = [facts[index] for index in order]
    for batch in [came] if together else [[fact] for fact in came]:
        ingest(*batch)
    view = storage.facts.decision("d")

    assert view is not None
    assert [(r.value, r.corrected_from) for r in view.rewards] == [(0.25, 0.5)]
    assert storage.corrections.known_reward("d", "reward", "") == KnownReward(0.25, 9)
    assert storage.corrections.sums(1) == CorrectionSums(1, -0.25, 9)


def test_of_corrections_of_one_millisecond_the_last_of_the_log_holds(
    storage: Storage, ingest: Ingest, new_decision: NewDecision, new_reward: NewReward
) -> None:
    ingest(new_decision("d"), new_reward("d", 0.5))
    ingest(correction(0, 8), correction(0.25, 8))

    assert storage.corrections.known_reward("d", "reward", "") == KnownReward(0.25, 8)


def test_a_correction_without_its_reward_is_none_yet(
    storage: Storage, ingest: Ingest, new_decision: NewDecision
) -> None:
    ingest(new_decision("d"), correction(0, 8))

    assert storage.corrections.known_reward("d", "reward", "") is None
    assert storage.corrections.sums(1) == CorrectionSums()


def test_corrections_are_counted_and_those_that_change_nothing_are_duplicates(
    storage: Storage, ingest: Ingest, new_decision: NewDecision, new_reward: NewReward
) -> None:
    ingest(new_decision("d"), new_reward("d", 0.5))
    ingest(correction(0, 8))
    ingest(correction(0, 9))
    counts = storage.facts.totals(1).counts

    assert (counts["rewards_corrected"], counts["rewards_duplicate"]) == (1, 1)

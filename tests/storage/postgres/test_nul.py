"""Texts with a NUL, which callers may send and a PostgreSQL server refuses."""

from collections.abc import Callable

import psycopg

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.event import Event
from bandit_svc.domain.events.reward import Reward
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import IngestOutcome

REWARDS = 40
"""As many as go by COPY."""
ID, KEPT = "order\x00", "order\N{REPLACEMENT CHARACTER}"


def test_facts_with_a_nul_in_an_id_are_kept_and_found(
    storage: Storage,
    ingest: Callable[..., IngestOutcome],
    new_decision: Callable[..., Decision],
    new_reward: Callable[..., Reward],
) -> None:
    rewards = [new_reward(reward_id=f"{ID}{n}") for n in range(REWARDS)]
    facts: list[Event] = [new_decision(), *rewards]
    try:
        ingest(*facts)
    except psycopg.DataError:
        # The first one that a process meets; its learner begins anew.
        ingest(*facts)

    view = storage.facts.decision("d")
    assert view is not None
    kept = {one.reward_id for one in view.rewards}
    assert kept == {f"{KEPT}{n}" for n in range(REWARDS)}
    assert storage.corrections.known_reward("d", "reward", f"{ID}7") is not None

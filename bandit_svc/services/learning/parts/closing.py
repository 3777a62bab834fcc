"""Close a decision: which of its rewards count, and what they come to.

Owns the reward of a closed decision and what else is known of it. Which rewards count
is domain.events.attribution's. A decision that was joined before is closed the same
way again, with its reward as it was.
"""

from collections.abc import Container, Sequence
from functools import partial
from itertools import accumulate

from msgspec.structs import replace

from bandit_svc.domain.events.attribution import (
    counted_rewards,
    crowded_out,
    joined_reward,
    timing,
)
from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.reward import MAIN_METRIC, Reward
from bandit_svc.domain.experiment import TREATMENT, Definition, RewardDefinition
from bandit_svc.domain.slots.places import is_forced, possible_variants
from bandit_svc.domain.slots.rewards import page_reward
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.uplift_rows import Joined
from bandit_svc.services.policy_inputs import is_restricted
from bandit_svc.storage.rows import ClosedDecision, ClosedRow, DueDecision


def joined_of(rows: Sequence[ClosedRow], definitions: Definitions) -> Joined | None:
    """Return joined decisions as the join closed them, with their reward as it was.

    None where the row of a revision is damaged, so that its rules are unknown.
    """
    closed = []
    for row in rows:
        definition = definitions.at(row.due.number, row.due.revision)
        if definition is None:
            return None
        closed.append(replace(close_decision(row.due, definition), reward=row.reward))
    return Joined(closed, [one.due.decision for one in closed])


def close_decision(due: DueDecision, definition: Definition) -> ClosedDecision:
    """Return a decision whose window has closed, with its reward."""
    learnable = is_learnable(due.decision, definition)
    restricted = is_restricted(definition, possible_variants(due.decision))
    if due.decision.slots is not None:
        return _close_page(due, definition, learnable=learnable, restricted=restricted)
    if not due.rewards:
        default = definition.reward.default
        return ClosedDecision(due, default, 0, learnable, {}, (), restricted=restricted)
    rewards = [_reward(due, row) for row in due.rewards]
    main = [r for r in rewards if r.metric == MAIN_METRIC]
    joined = joined_reward(main, due.exposed_at_ms, definition.reward)
    in_time = counted_rewards(rewards, due.exposed_at_ms, definition.reward)
    kept = {(r.metric, r.reward_id) for r in in_time}
    secondary, clipped = _secondary(in_time, definition)
    return ClosedDecision(
        due=due,
        reward=joined.value,
        counted=joined.counted,
        learnable=learnable,
        secondary=secondary,
        late=tuple(
            (0, r.metric, r.reward_id)
            for r in rewards
            if (r.metric, r.reward_id) not in kept
        ),
        latencies=_latencies(main, kept, due.exposed_at_ms, definition.reward),
        clipped=joined.clipped + clipped,
        restricted=restricted,
    )


def _close_page(
    due: DueDecision, definition: Definition, *, learnable: bool, restricted: bool
) -> ClosedDecision:
    """Return a page whose window has closed, with the rewards of its slots."""
    page = due.decision.slots
    count = 0 if page is None else page.count
    placed = [(0, _reward(due, row)) for row in due.rewards]
    placed += [(slot, _reward(due, row)) for slot, row in due.of_slots]
    at_ms, rule = due.exposed_at_ms, definition.reward
    mine: dict[int, list[Reward]] = {}
    for slot, reward in placed:
        if reward.metric == MAIN_METRIC:
            mine.setdefault(slot, []).append(reward)
    found = page_reward(mine.get(0, ()), mine, count, at_ms, rule)
    in_time = [one for one in placed if timing(one[1], at_ms, rule) == "on_time"]
    secondary, clipped = _secondary([reward for _, reward in in_time], definition)
    kept = {(slot, r.metric, r.reward_id) for slot, r in in_time}
    latencies: tuple[tuple[int, bool], ...] = ()
    for slot, rewards in mine.items():
        of_slot = {(metric, id_) for at, metric, id_ in kept if at == slot}
        latencies += _latencies(rewards, of_slot, at_ms, rule)
    late = tuple(
        [
            key
            for slot, r in placed
            if (key := (slot, r.metric, r.reward_id)) not in kept
        ]
    )
    return ClosedDecision(
        due=due,
        reward=found.joined.value,
        counted=found.joined.counted,
        learnable=learnable,
        secondary=secondary,
        late=late,
        latencies=latencies,
        clipped=found.joined.clipped + clipped,
        restricted=restricted,
        slots=found.parts,
    )


def is_learnable(decision: Decision, definition: Definition) -> bool:
    """Return whether a joined decision is learned from.

    One whose variant was the only eligible one was no choice. A page is one where a
    slot was a choice; its other slots are passed over.
    """
    if is_forced(decision):
        return False
    return decision.group == TREATMENT or definition.learn_from_baseline


def _secondary(
    rewards: Sequence[Reward], definition: Definition
) -> tuple[dict[str, float], int]:
    """Add up each metric that is not learned from, within its declared range.

    Returns:
        The sums by metric, and how many values the ranges had no room for.
    """
    values: dict[str, list[float]] = {}
    for r in rewards:
        if r.metric != MAIN_METRIC:
            value = definition.clip(r.metric, r.value)
            values.setdefault(r.metric, []).append(value)
    sums: dict[str, float] = {}
    clipped = 0
    for metric, reported in values.items():
        clip = partial(definition.clip, metric)
        total = sum(reported)
        clipped += crowded_out(total, accumulate(reported), clip)
        sums[metric] = clip(total)
    return sums, clipped


def _latencies(
    rewards: Sequence[Reward],
    kept: Container[tuple[str, str]],
    exposed_at_ms: int,
    definition: RewardDefinition,
) -> tuple[tuple[int, bool], ...]:
    """Return the latencies of rewards, each with whether it counted.

    After a first reward that closes its decision another may be in time and not
    count: it is no evidence about the window, so it is left out.
    """
    latencies = []
    for r in rewards:
        counted = (r.metric, r.reward_id) in kept
        if counted or timing(r, exposed_at_ms, definition) == "late":
            latencies.append((r.occurred_at_ms - exposed_at_ms, counted))
    return tuple(latencies)


def _reward(due: DueDecision, row: tuple[str, str, float, int, int]) -> Reward:
    metric, reward_id, value, occurred_at_ms, received_at_ms = row
    return Reward(
        decision_id=due.decision_id,
        number=due.number,
        value=value,
        reward_id=reward_id,
        occurred_at_ms=occurred_at_ms,
        received_at_ms=received_at_ms,
        metric=metric,
    )

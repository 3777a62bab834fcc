"""Join matured decisions with their reward, in a recorded order.

Owns step 2 of the learner's tick, and how sums follow the joined order later. Which
rewards count is domain.events.attribution's.
"""

from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from functools import partial
from itertools import accumulate
from typing import NamedTuple

from msgspec.structs import replace

from bandit_svc.domain.events.attribution import (
    counted_rewards,
    crowded_out,
    joined_reward,
    timing,
)
from bandit_svc.domain.events.reward import MAIN_METRIC, Reward
from bandit_svc.domain.experiment import TREATMENT, Definition, RewardDefinition
from bandit_svc.domain.times import Deadline
from bandit_svc.services.learning.adjusted_uplift import adjusted_after
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.join_sums import calibration_of
from bandit_svc.services.learning.uplift_rows import Joined
from bandit_svc.services.learning.uplift_sums import (
    kept_uplift,
    newest_layout,
    uplift_after,
    uplift_with,
)
from bandit_svc.storage.interface import Joins
from bandit_svc.storage.rows import (
    ClosedDecision,
    ClosedRow,
    DueDecision,
    JoinSums,
    clipped_counts,
)

BATCH = 2_000
MOST_AT_ONCE = 4_000
"""Then the joined ones are learned from, as long as the store has them at hand."""

# A reward is stamped just before it is appended; this long after its closing no
# append that was stamped before it is still under way.
MARGIN_MS = 50


class Closed(NamedTuple):
    """What a join has closed; counts by (experiment number, name).

    `more` is true if others may be due.
    """

    decisions: int
    counts: Mapping[tuple[int, str], int]
    more: bool = False


NOTHING_JOINED = Closed(0, {})


def join(
    joins: Joins,
    definitions: Definitions,
    now_ms: int,
    on_batch: Callable[[], None] = lambda: None,
    most: int | None = None,
) -> Closed:
    """Close every decision whose time has come.

    Args:
        joins: the store's.
        definitions: of the experiments.
        now_ms: read before the last ingest began, so that every reward which was
            acknowledged in time has been kept.
        on_batch: called after each transaction.
        most: how many decisions to close before it returns, in whole batches; None for
            all.
    """
    count = 0
    counts: Counter[tuple[int, str]] = Counter()
    while True:
        due = joins.due(now_ms - MARGIN_MS, BATCH)
        if due:
            closed, lost = _closed(due, definitions)
            choices = [one.due.decision for one in closed]
            sums = JoinSums(
                calibration=calibration_of(closed, choices),
                adjusted=adjusted_after(joins, definitions, closed, choices),
                uplift=uplift_after(joins, definitions, closed, choices),
            )
            joins.close(closed, now_ms, sums)
            joins.set_aside(lost)
            count += len(closed)
            counts.update(clipped_counts(closed))
            on_batch()
        more = len(due) == BATCH
        if not more or (most is not None and count >= most):
            return Closed(count, counts, more)


def sum_up(
    joins: Joins, definitions: Definitions, number: int, time_is_up: Deadline
) -> int:
    """Bring the sums of an experiment's uplift up to its joined order.

    They are behind after an upgrade, and begin anew where the definition asks for other
    values than they have.

    Args:
        time_is_up: asked after each batch; the first one is always added.

    Returns:
        How many joined decisions are still to come.
    """
    layout = newest_layout(definitions, number)
    while True:
        kept = kept_uplift(joins, number)
        if kept is not None and kept.layout != layout:
            kept = None
        position = 0 if kept is None else kept.position
        rows = joins.closed_after(number, position, BATCH)
        if not rows:
            return 0
        joined = _joined(rows, definitions)
        if joined is None:
            return joins.last_position(number) - position
        sums = uplift_with(joins, definitions, kept, layout, joined, rows[-1].position)
        joins.save_uplift(number, sums)
        if time_is_up():
            return max(0, joins.last_position(number) - position - len(rows))


def _joined(rows: Sequence[ClosedRow], definitions: Definitions) -> Joined | None:
    """Return joined decisions as the join closed them, with their reward as it was.

    None where the row of a revision is damaged, so that its rules are unknown.
    """
    closed = []
    for row in rows:
        definition = definitions.at(row.due.number, row.due.revision)
        if definition is None:
            return None
        closed.append(replace(_close(row.due, definition), reward=row.reward))
    return Joined(closed, [one.due.decision for one in closed])


def _closed(
    due: Sequence[DueDecision], definitions: Definitions
) -> tuple[list[ClosedDecision], list[int]]:
    """Return the closed decisions, and the rows of those that no rule is known for.

    Ingest keeps no such decision, so the row of its revision was damaged since.
    """
    closed: list[ClosedDecision] = []
    lost: list[int] = []
    for one in due:
        definition = definitions.at(one.number, one.revision)
        if definition is None:
            lost.append(one.row_id)
        else:
            closed.append(_close(one, definition))
    return closed, lost


def _close(due: DueDecision, definition: Definition) -> ClosedDecision:
    learnable = due.group == TREATMENT or definition.learn_from_baseline
    if not due.rewards:
        return ClosedDecision(due, definition.reward.default, 0, learnable, {}, ())
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
            (r.metric, r.reward_id)
            for r in rewards
            if (r.metric, r.reward_id) not in kept
        ),
        latencies=_latencies(main, kept, due.exposed_at_ms, definition.reward),
        clipped=joined.clipped + clipped,
    )


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

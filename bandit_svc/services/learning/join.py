"""Join matured decisions with their reward, in a recorded order.

Owns step 2 of the learner's tick, and how sums follow the joined order later. Which
rewards count is domain.events.attribution's.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from bandit_svc.domain.times import Deadline
from bandit_svc.services.learning.adjusted_uplift import adjusted_after
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.join_sums import calibration_of
from bandit_svc.services.learning.parts.closing import close_decision, joined_of
from bandit_svc.services.learning.uplift_sums import (
    kept_uplift,
    newest_layout,
    uplift_after,
    uplift_with,
)
from bandit_svc.storage.joined.joins import Joins
from bandit_svc.storage.rows import (
    ClosedDecision,
    DueDecision,
    JoinSums,
    clipped_counts,
)

BATCH = 2_000
MOST_AT_ONCE = 4_000
"""Then the joined ones are learned from, as long as the store has them at hand."""


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
    ready_before_ms: int,
    now_ms: int,
    on_batch: Callable[[], None] = lambda: None,
    most: int | None = None,
    numbers: Collection[int] | None = None,
) -> Closed:
    """Close every decision whose time has come.

    Args:
        joins: the store's.
        definitions: of the experiments.
        ready_before_ms: what was ready by then is closed: the watermark of the last
            ingest, so that every reward which came in time has been kept.
        now_ms: kept as the time of the joining.
        on_batch: called after each transaction.
        most: how many decisions to close before it returns, in whole batches; None for
            all.
        numbers: of the experiments whose decisions are joined; None for all.
    """
    count = 0
    counts: Counter[tuple[int, str]] = Counter()
    while True:
        due = joins.due(ready_before_ms, BATCH, numbers)
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
        joined = joined_of(rows, definitions)
        if joined is None:
            return joins.last_position(number) - position
        sums = uplift_with(joins, definitions, kept, layout, joined, rows[-1].position)
        joins.save_uplift(number, sums)
        if time_is_up():
            return max(0, joins.last_position(number) - position - len(rows))


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
            closed.append(close_decision(one, definition))
    return closed, lost

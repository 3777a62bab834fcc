"""Close decisions that were made without consent.

Owns their step of the learner's tick. They are summed up by group alone, and never
learned from or compared.
"""

from collections.abc import Collection

from bandit_svc.domain.times import Deadline
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.parts.closing import close_decision
from bandit_svc.storage.privacy import Apart

BATCH = 1_000


def close_without_consent(
    apart: Apart,
    definitions: Definitions,
    ready_before_ms: int,
    time_is_up: Deadline,
    numbers: Collection[int] | None = None,
) -> int:
    """Add the decisions whose window has closed to their sums; return how many.

    Args:
        apart: the store's.
        definitions: of the experiments.
        ready_before_ms: the watermark of the last ingest.
        time_is_up: asked after each batch.
        numbers: of the experiments whose decisions are added; None for all.
    """
    count = 0
    while True:
        due = apart.due(ready_before_ms, BATCH, numbers)
        closed = [
            close_decision(one, definition)
            for one in due
            if (definition := definitions.at(one.number, one.revision)) is not None
        ]
        apart.close(closed)
        count += len(closed)
        if not closed or len(due) < BATCH or time_is_up():
            return count

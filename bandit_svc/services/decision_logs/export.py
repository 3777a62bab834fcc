"""Export the joined decisions of an experiment for other tools.

Owns the pass over them in the recorded order; the forms of files are in `writers`.
"""

from collections.abc import Callable, Iterator
from typing import Literal

from bandit_svc.domain.experiment import Experiment
from bandit_svc.services.decision_logs.exported import Exported, exported_of
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.storage.interface import Storage

GroupChoice = Literal["treatment", "baseline", "all"]
BATCH_ROWS = 2_000


def export(
    storage: Storage,
    experiment: Experiment,
    group: GroupChoice = "treatment",
    on_progress: Callable[[int], None] = lambda _position: None,
) -> Iterator[list[Exported]]:
    """Yield every joined decision in the recorded order, a batch at a time.

    Decisions that are joined during the export are left out.

    Args:
        storage: where the experiment is.
        experiment: whose decisions.
        group: of the decisions. Only those of the treatment were drawn with a
            probability above 0 for every variant, as off-policy estimates need.
        on_progress: called with the position reached, after each batch.
    """
    examples = JoinedExamples(
        storage.joins, Definitions(storage.experiments), experiment.number
    )
    last = storage.joins.last_position(experiment.number)
    position = 0
    while position < last:
        limit = min(BATCH_ROWS, last - position)
        rows = storage.joins.after(experiment.number, position, limit)
        if not rows:
            break
        known = [row for row in rows if examples.knows(row.decision)]
        batch = [
            exported_of(row, examples)
            for row in examples.by_slot(known)
            if group in {"all", row.decision.group}
        ]
        if batch:
            yield batch
        position = rows[-1].position
        on_progress(position)

"""Joined decisions as rows of the archive.

Owns the columns: those of the Parquet export; what replay needs (`position`,
`learnable`, `line`, `page`); and what estimates need besides (`unit`, `q`). All
columns of a span are a function of the store's rows: the reward model behind `q` begins
WARM_UP positions before the span, so that no file depends on the one before.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from bandit_svc.archive.rows import PageRow
from bandit_svc.archive.units import unit_number
from bandit_svc.domain.events.event import encode_event
from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.plain_values import Payload
from bandit_svc.services.decision_logs.exported import exported_of
from bandit_svc.services.decision_logs.writers.parquet import fields, parquet_row
from bandit_svc.services.evaluation.reward_predictor import RewardPredictor
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.services.policy_inputs import reward_range
from bandit_svc.storage.archive.archived import ArchiveRow
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import JoinedRow
from policies.base import RewardRange

BATCH_ROWS: Final = 2_000
WARM_UP: Final = 20_000
"""Positions before a span from which its reward model has learned."""


def archive_fields(arrow: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 - untyped
    """Return the names and types of the columns, in their order.

    Args:
        arrow: the module pyarrow.
    """
    return [
        ("experiment", arrow.string()),
        ("position", arrow.int64()),
        *fields(arrow),
        ("exposed_at", arrow.timestamp("ms", tz="UTC")),
        ("source", arrow.string()),
        ("learnable", arrow.bool_()),
        ("counted", arrow.int32()),
        ("unit", arrow.int64()),
        ("chosen", arrow.int32()),
        ("q", arrow.list_(arrow.float64())),
        ("line", arrow.binary()),
        ("page", arrow.binary()),
        ("besides", arrow.binary()),
    ]


class ArchivedRows:
    """Makes the rows of spans of one experiment."""

    def __init__(self, storage: Storage, experiment: Experiment) -> None:
        self._storage = storage
        self._experiment = experiment
        definitions = Definitions(storage.experiments)
        self._examples = JoinedExamples(storage.joins, definitions, experiment.number)
        self._scale = reward_range(experiment.definition)

    def of(self, first: int, last: int) -> Iterator[list[Payload]]:
        """Yield the rows of these positions, in batches; each slot of a page is one."""
        predictor = RewardPredictor(self._experiment.definition)
        begin = max(0, first - 1 - WARM_UP)
        # Of these the archive alone may have some.
        for before in self._examples.rows((begin, first - 1)):
            for row in before:
                predictor.pass_on(row, row.decision, self._examples)
        for rows in self._stored(first - 1, last):
            yield self._rows(rows, predictor)

    def _stored(self, position: int, last: int) -> Iterator[list[ArchiveRow]]:
        """Yield the stored rows whose variants are known."""
        number = self._experiment.number
        while position < last:
            limit = min(BATCH_ROWS, last - position)
            rows = self._storage.archived.rows(number, position, limit)
            rows = [row for row in rows if row.joined.position <= last]
            if not rows:
                return
            position = rows[-1].joined.position
            known = [r for r in rows if self._examples.knows(r.joined.decision)]
            if known:
                yield known

    def _rows(
        self, rows: Sequence[ArchiveRow], predictor: RewardPredictor
    ) -> list[Payload]:
        made: list[Payload] = []
        besides = {row.joined.position: row for row in rows}
        waiting: list[JoinedRow] = []
        for one in self._examples.by_slot([row.joined for row in rows]):
            if one.place <= 1:
                # The rewards of a page become known at once.
                self._learn(waiting, predictor)
            waiting.append(one)
            predicted = predictor.predict(one, one.decision, self._examples)
            made.append(self._row(one, besides[one.position], predicted))
        self._learn(waiting, predictor)
        return made

    def _learn(self, waiting: list[JoinedRow], predictor: RewardPredictor) -> None:
        for row in waiting:
            predictor.pass_on(row, row.decision, self._examples)
        waiting.clear()

    def _row(
        self, one: JoinedRow, stored: ArchiveRow, predicted: Sequence[float] | None
    ) -> Payload:
        decision = one.decision
        whole = stored.joined
        page, is_first = None, one.place <= 1
        if whole.slots is not None and is_first:
            kept = PageRow(whole.reward, whole.learnable, whole.slots)
            page = msgspec.json.encode(kept)
        return parquet_row(exported_of(one, self._examples)) | {
            "experiment": self._experiment.key,
            "position": one.position,
            "exposed_at": stored.exposed_at_ms,
            "source": decision.source,
            "learnable": one.learnable,
            "counted": stored.counted,
            "unit": unit_number(decision),
            "chosen": decision.chosen,
            "q": _in_rewards(predicted, self._scale),
            "line": encode_event(whole.decision) if is_first else None,
            "page": page,
            "besides": msgspec.json.encode(stored.besides) if is_first else None,
        }


def _in_rewards(
    predicted: Sequence[float] | None, scale: RewardRange
) -> list[float] | None:
    if predicted is None:
        return None
    return [scale.minimum + share * scale.width for share in predicted]

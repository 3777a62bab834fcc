"""What became of the reports of one batch.

Owns the rule which failures are worth another attempt. A report is given up where its
service has said that it will never take it; whatever else happens, it is sent again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ..errors import BanditClientError
from .lane import Report

TOO_MANY: Final = 429
FIRST_SERVER_ERROR: Final = 500
FIRST_ERROR: Final = 400
SPLIT: Final = frozenset({400, 413, 422, 500})
"""Refusals of a whole batch that one of its reports may be the cause of."""
FOR_GOOD: Final = frozenset({400, 413, 422})


@dataclass
class BatchResult:
    """What became of each report of a batch.

    Attributes:
        delivered: how many the service has taken.
        refused: how many it will never take.
        again: those that are to be sent again.
        error: why, of those that were not taken; None if all were.
        answered: the service has answered one by one.
        split: the next batch is to be smaller.
        at_once: the next attempt needs no pause.
    """

    delivered: int = 0
    refused: int = 0
    again: list[Report] = field(default_factory=list)
    error: BanditClientError | None = None
    answered: bool = True
    split: bool = False
    at_once: bool = False


def result_of_failure(batch: Sequence[Report], error: BanditClientError) -> BatchResult:
    """Return what a failure of a whole batch means for its reports.

    A wrong key or address may be put right within the hour, so they are sent again.
    """
    if len(batch) == 1 and error.status in FOR_GOOD:
        return BatchResult(refused=1, error=error)
    split = len(batch) > 1 and error.status in SPLIT
    return BatchResult(
        again=list(batch),
        error=error,
        answered=False,
        split=split,
        at_once=split and error.status in FOR_GOOD,
    )


def result_of_answers(
    batch: Sequence[Report], answers: Sequence[Any], *, redates: bool = False
) -> BatchResult:
    """Return what the answers to a batch's reports mean, one by one.

    Args:
        batch: as it was sent.
        answers: one for each of its reports.
        redates: the next attempt would say other times, since the service's clock was
            not known for this one.
    """
    result = BatchResult()
    for report, answer in zip(batch, answers, strict=True):
        status = answer.get("status") if isinstance(answer, Mapping) else None
        if not isinstance(status, int) or status < FIRST_ERROR:
            result.delivered += 1
            continue
        result.error = BanditClientError(status, answer)
        may_pass = status == TOO_MANY or status >= FIRST_SERVER_ERROR
        if may_pass or (redates and _is_about_time(report, answer)):
            result.again.append(report)
        else:
            result.refused += 1
    return result


def _is_about_time(report: Report, answer: Mapping[str, Any]) -> bool:
    errors = answer.get("errors")
    return report.occurred_s is not None and any(
        str(one.get("pointer", "")).endswith("/occurred_at")
        for one in (errors if isinstance(errors, list) else ())
        if isinstance(one, Mapping)
    )

"""Shapes of the log of decisions that callers made themselves.

Owns the body and the answer; their rules are in services.serving.local.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from bandit_svc.domain.json_shape import check_length
from bandit_svc.http import parsing
from bandit_svc.services.serving.local.log_decision import LocalDecision, LocalStatus


class LocalLogBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /v1/decisions/log."""

    decisions: list[msgspec.Raw]


class LocalLogAnswer(msgspec.Struct):
    """The answer to POST /v1/decisions/log: a LoggedAnswer or a Problem each."""

    decisions: Sequence[Any]


class LoggedAnswer(msgspec.Struct):
    """What became of a record: it is durable, or was before."""

    decision_id: str
    status: LocalStatus


_body = msgspec.json.Decoder(LocalLogBody).decode
_record = msgspec.json.Decoder(LocalDecision).decode


def parse_local_log(body: bytes) -> list[msgspec.Raw]:
    """Return the still encoded records of a batch, at most 1,000.

    Raises:
        InvalidInput: the body has another shape, or is too long.
    """
    return parsing.within_limit("/decisions", parsing.decoded(_body, body).decisions)


def parse_local_decision(item: msgspec.Raw) -> LocalDecision:
    """Parse one record.

    Raises:
        InvalidInput: with the pointer to the first invalid field.
        TooLarge: it is larger than a body may be.
    """
    record = parsing.decoded(_record, parsing.item_body(item))
    check_length("/experiment", record.experiment)
    if record.unit_id is not None:
        check_length("/unit_id", record.unit_id)
    return record

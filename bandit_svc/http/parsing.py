"""From a request's body to typed values.

Owns the shapes of request bodies, their limits and the pointers of their faults.
Stores nothing and decides nothing.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from flask import Request

from bandit_svc.domain.context import check_context
from bandit_svc.domain.limits import (
    MAX_BATCH_BODY_BYTES,
    MAX_BATCH_LENGTH,
    MAX_BODY_BYTES,
    MAX_STRING_LENGTH,
    MAX_VARIANTS,
)
from bandit_svc.domain.reward import MAIN_METRIC
from bandit_svc.domain.variant import Variant
from bandit_svc.errors import InvalidInput, TooLarge
from bandit_svc.services.decide import DecisionRequest
from bandit_svc.services.reward import RewardReport

T = TypeVar("T")


class DecisionBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /v1/decisions."""

    experiment: str
    unit_id: str | None = None
    context: dict[str, Any] = {}
    exclude: list[str] = []
    variants: list[str | Variant] | None = None
    request_id: str | None = None
    defer: bool = False


class RewardBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /v1/rewards."""

    decision_id: str
    value: float
    reward_id: str | None = None
    occurred_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    metric: str = MAIN_METRIC


class DecisionBatchBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /v1/decisions/batch."""

    decisions: list[msgspec.Raw]


class RewardBatchBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /v1/rewards/batch."""

    rewards: list[msgspec.Raw]


_decision = msgspec.json.Decoder(DecisionBody).decode
_reward = msgspec.json.Decoder(RewardBody).decode
_decision_batch = msgspec.json.Decoder(DecisionBatchBody).decode
_reward_batch = msgspec.json.Decoder(RewardBatchBody).decode
_any_object = msgspec.json.Decoder(dict[str, Any]).decode

_FIELD = re.compile(r"(?:missing required field|contains unknown field) `([^`]*)`")


def read_body(request: Request, limit: int = MAX_BODY_BYTES) -> bytes:
    """Give the body, which is never read beyond its limit.

    Raises:
        TooLarge: it is larger, or says no length.
    """
    length = request.content_length
    if length is not None and length > limit:
        raise _too_large(length, limit)
    if length is None and request.headers.get("Transfer-Encoding"):
        body = request.stream.read(limit + 1)
        if len(body) > limit:
            raise _too_large(len(body), limit)
        return body
    return request.get_data(cache=False)


def read_batch(request: Request) -> bytes:
    """Give the body of a batch; its limit is higher."""
    return read_body(request, MAX_BATCH_BODY_BYTES)


def parse_decision(body: bytes) -> DecisionRequest:
    """Read one decision request.

    Raises:
        InvalidInput: with the pointer to the first field at fault.
    """
    raw = decoded(_decision, body)
    _short("/experiment", raw.experiment)
    if raw.unit_id is not None:
        _short("/unit_id", raw.unit_id)
    if raw.request_id is not None:
        _short("/request_id", raw.request_id)
    check_context(raw.context)
    for pointer, listed in (("/exclude", raw.exclude), ("/variants", raw.variants)):
        if listed is not None and len(listed) > MAX_VARIANTS:
            raise InvalidInput.at(
                pointer,
                f"the list has {len(listed)} entries; at most {MAX_VARIANTS} are "
                "allowed",
            )
    return DecisionRequest(
        experiment=raw.experiment,
        unit_id=raw.unit_id,
        context=raw.context,
        exclude=tuple(raw.exclude),
        variants=None if raw.variants is None else tuple(raw.variants),
        request_id=raw.request_id,
        defer=raw.defer,
    )


def parse_reward(body: bytes) -> RewardReport:
    """Read one reward report.

    Raises:
        InvalidInput: with the pointer to the first field at fault.
    """
    raw = decoded(_reward, body)
    occurred_at_ms = None
    if raw.occurred_at is not None:
        occurred_at_ms = round(raw.occurred_at.timestamp() * 1000)
    return RewardReport(
        decision_id=raw.decision_id,
        value=raw.value,
        reward_id=raw.reward_id,
        occurred_at_ms=occurred_at_ms,
        metric=raw.metric,
    )


def parse_decision_batch(body: bytes) -> list[msgspec.Raw]:
    """Give the still encoded requests of a batch, at most 1,000."""
    return _within_limit("/decisions", decoded(_decision_batch, body).decisions)


def parse_reward_batch(body: bytes) -> list[msgspec.Raw]:
    """Give the still encoded rewards of a batch, at most 1,000."""
    return _within_limit("/rewards", decoded(_reward_batch, body).rewards)


def parse_object(body: bytes) -> dict[str, Any]:
    """Read any JSON object."""
    return decoded(_any_object, body)


def decoded(decode: Callable[[bytes], T], body: bytes) -> T:
    """Decode, and translate every way in which that fails.

    Raises:
        InvalidInput: it is no JSON of the right shape; the pointer says where.
    """
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        raise InvalidInput.at(*located(str(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput.at(
            "", f"the body is not valid JSON in UTF-8: {_reason(error)}"
        ) from error
    except RecursionError as error:
        raise InvalidInput.at("", "the body nests too deeply") from error


def located(message: str) -> tuple[str, str]:
    """Split msgspec's sentence into a JSON pointer and the rest.

    "Expected `str`, got `int` - at `$.a[0].b`" gives "/a/0/b" and the first part;
    a missing or unknown field is named by the pointer too.
    """
    text, _, path = message.partition(" - at `")
    steps = path.rstrip("`").removeprefix("$")
    pointer = steps.replace("[", ".").replace("]", "").replace(".", "/")
    field = _FIELD.search(text)
    if field:
        pointer = f"{pointer}/{field.group(1)}"
    return pointer, text


def _reason(error: Exception) -> str:
    # The message of a UnicodeDecodeError would quote the body.
    return "wrong bytes" if isinstance(error, UnicodeDecodeError) else str(error)


def _short(pointer: str, text: str) -> None:
    if not 1 <= len(text) <= MAX_STRING_LENGTH:
        raise InvalidInput.at(
            pointer,
            f"{pointer[1:]} has {len(text)} characters; it must have between 1 and "
            f"{MAX_STRING_LENGTH}",
        )


def _within_limit(pointer: str, items: list[msgspec.Raw]) -> list[msgspec.Raw]:
    if len(items) > MAX_BATCH_LENGTH:
        raise InvalidInput.at(
            pointer,
            f"the batch has {len(items)} entries; at most {MAX_BATCH_LENGTH} are "
            "allowed. Send the rest in another one.",
        )
    return items


def _too_large(length: int, limit: int) -> TooLarge:
    return TooLarge(f"the body has {length} bytes or more; at most {limit} are allowed")

"""Parse request bodies into typed values.

Owns the shapes of request bodies, their limits and the pointers to invalid fields.
Stores nothing and decides nothing.
"""

import contextlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec
from flask import Request

from bandit_svc.domain.context import MAX_INTEGER, MAX_NUMBER, check_context
from bandit_svc.domain.events.reward import MAIN_METRIC
from bandit_svc.domain.json_shape import (
    check_length,
    check_nesting,
    escape_pointer,
    located,
    non_finite,
)
from bandit_svc.domain.limits import (
    MAX_BATCH_BODY_BYTES,
    MAX_BATCH_LENGTH,
    MAX_BODY_BYTES,
    MAX_FEATURES,
    MAX_STRING_LENGTH,
    MAX_VARIANTS,
)
from bandit_svc.domain.variant import Variant
from bandit_svc.errors import FieldError, InvalidInput, TooLarge
from bandit_svc.http.brought.shown_fields import check_told
from bandit_svc.http.incoming.encodings import plain_body
from bandit_svc.http.incoming.visitors import check_visitor
from bandit_svc.http.slots.asking import check_page
from bandit_svc.services.people.record_unit_reward import UnitRewardReport
from bandit_svc.services.serving.decide import DecisionRequest
from bandit_svc.services.serving.record_reward import RewardReport

T = TypeVar("T")


class DecisionBody(DecisionRequest, frozen=True, forbid_unknown_fields=True):
    """POST /v1/decisions."""


_Text = Annotated[str, msgspec.Meta(max_length=MAX_STRING_LENGTH)]
Named = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_STRING_LENGTH)]
_Usual = (
    _Text
    | Annotated[int, msgspec.Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]
    | Annotated[float, msgspec.Meta(ge=-MAX_NUMBER, le=MAX_NUMBER)]
    | bool
    | None
)
UsualContext = dict[_Text, _Usual | dict[_Text, _Usual]]
LEAST_FEATURE_BYTES = len('"":1,')


class UsualDecisionBody(DecisionBody, frozen=True, forbid_unknown_fields=True):
    """A body whose limits the decoder itself checks; of most requests.

    Its limits are those of `check_context` and `check_length`, which cost more in
    Python. What it refuses is decoded again, for the message.
    """

    experiment: Named
    unit_id: Named | None = None
    context: UsualContext = {}  # noqa: RUF012 - msgspec copies it


class RewardBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /v1/rewards; of a decision, or of a unit.

    Attributes:
        unit_id: in place of `decision_id`: the reward is credited to decisions of the
            unit, as their experiments declare.
        event: only experiments that are rewarded by it get the reward of a unit.
        experiment: only this one gets it.
    """

    value: float
    decision_id: str | None = None
    unit_id: str | None = None
    event: str | None = None
    experiment: str | None = None
    reward_id: str | None = None
    occurred_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    metric: str = MAIN_METRIC
    correction: bool = False


class DecisionBatchBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /v1/decisions/batch."""

    decisions: list[msgspec.Raw]


class ActivationBatchBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /v1/activations/batch."""

    decision_ids: list[str]


class RewardBatchBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /v1/rewards/batch."""

    rewards: list[msgspec.Raw]


_decision = msgspec.json.Decoder(DecisionBody).decode
_usual_decision = msgspec.json.Decoder(UsualDecisionBody).decode
_reward = msgspec.json.Decoder(RewardBody).decode
_decision_batch = msgspec.json.Decoder(DecisionBatchBody).decode
_reward_batch = msgspec.json.Decoder(RewardBatchBody).decode
_activation_batch = msgspec.json.Decoder(ActivationBatchBody).decode
_any_object = msgspec.json.Decoder(dict[str, Any]).decode


def read_body(request: Request, limit: int = MAX_BODY_BYTES) -> bytes:
    """Return the body, decompressed; no more than `limit` bytes are read or made.

    Raises:
        TooLarge: the body is larger.
        UnsupportedEncoding: it is compressed by another way than gzip.
    """
    body = read_raw(request, limit)
    encoding = request.headers.get("Content-Encoding")
    return body if encoding is None else plain_body(body, encoding, limit)


def read_raw(request: Request, limit: int) -> bytes:
    """Return the body as it came.

    Raises:
        TooLarge: it has more bytes.
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
    """Return the body of a batch, which has a higher limit."""
    return read_body(request, MAX_BATCH_BODY_BYTES)


def parse_decision(body: bytes) -> DecisionRequest:
    """Parse one request for a decision.

    Raises:
        InvalidInput: with the pointer to the first invalid field.
    """
    if len(body) <= LEAST_FEATURE_BYTES * MAX_FEATURES:
        # Too short for more features than are allowed.
        with contextlib.suppress(msgspec.MsgspecError, ValueError, RecursionError):
            usual = _usual_decision(body)
            if (
                usual.variants is None
                and usual.request_id is None
                and not usual.exclude
                and usual.slots is None
                and usual.shown is None
                and usual.shown_propensity is None
                and usual.user_agent is None
                and usual.client_hints is None
            ):
                return usual
    return _checked(decoded(_decision, body))


def _checked(request: DecisionRequest) -> DecisionRequest:
    """Return a request whose fields are within their limits.

    Raises:
        InvalidInput: with the pointer to the first one that is not.
    """
    check_length("/experiment", request.experiment)
    if request.unit_id is not None:
        check_length("/unit_id", request.unit_id)
    if request.request_id is not None:
        check_length("/request_id", request.request_id)
    check_context(request.context)
    if request.exclude:
        _keys("/exclude", request.exclude)
    if request.variants is not None:
        _keys("/variants", request.variants)
    check_page(request)
    check_told(request)
    check_visitor(request)
    return request


class UnitRewardBody(NamedTuple):
    """A reward of a unit, and the experiment that alone shall get it, if any."""

    report: UnitRewardReport
    experiment: str | None


def parse_reward(body: bytes) -> RewardReport | UnitRewardBody:
    """Parse one reward report; the unit_id is as it was sent.

    Raises:
        InvalidInput: with the pointer to the first invalid field.
    """
    raw = decoded(_reward, body)
    if raw.unit_id is not None:
        return _unit_reward(raw, raw.unit_id)
    if raw.decision_id is None:
        raise InvalidInput.at(
            "/decision_id",
            "a reward names its decision; send the decision_id, or the unit_id",
        )
    for name in ("event", "experiment"):
        if getattr(raw, name) is not None:
            raise InvalidInput.at(
                f"/{name}",
                f"{name} is for rewards of a unit; the decision_id says it already",
            )
    return RewardReport(
        decision_id=raw.decision_id,
        value=raw.value,
        reward_id=raw.reward_id,
        occurred_at_ms=milliseconds(raw.occurred_at),
        metric=raw.metric,
        correction=raw.correction,
    )


def _unit_reward(raw: RewardBody, unit_id: str) -> UnitRewardBody:
    if raw.decision_id is not None:
        raise InvalidInput.at(
            "/unit_id", "send the decision_id or the unit_id of a reward, not both"
        )
    report = UnitRewardReport(
        unit_id=unit_id,
        value=raw.value,
        reward_id=raw.reward_id,
        event=raw.event,
        occurred_at_ms=milliseconds(raw.occurred_at),
        metric=raw.metric,
        correction=raw.correction,
    )
    return UnitRewardBody(report, raw.experiment)


def decision_id_in(body: bytes) -> str | None:
    """Return the decision_id of a reward that was refused, if the body tells one.

    The standard library's parser reads a NaN or 1e999 beside it too.
    """
    if len(body) > MAX_BODY_BYTES:
        return None
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    decision_id = found.get("decision_id") if isinstance(found, dict) else None
    return decision_id if isinstance(decision_id, str) else None


def parse_decision_batch(body: bytes) -> list[msgspec.Raw]:
    """Return the still encoded requests of a batch, at most 1,000."""
    return within_limit("/decisions", decoded(_decision_batch, body).decisions)


def parse_reward_batch(body: bytes) -> list[msgspec.Raw]:
    """Return the still encoded rewards of a batch, at most 1,000."""
    return within_limit("/rewards", decoded(_reward_batch, body).rewards)


def parse_activation_batch(body: bytes) -> list[str]:
    """Return the ids of deferred decisions that were shown, at most 1,000."""
    return within_limit("/decision_ids", decoded(_activation_batch, body).decision_ids)


def parse_object(body: bytes) -> dict[str, Any]:
    """Parse any JSON object that does not nest too deeply.

    Raises:
        InvalidInput: the body is no JSON object, or nests more than 64 levels deep.
    """
    found = decoded(_any_object, body)
    for name, value in found.items():
        check_nesting(value, f"/{escape_pointer(name)}")
    return found


def decoded(decode: Callable[[bytes], T], body: bytes) -> T:
    """Decode a body, and translate every error of the decoder.

    Raises:
        InvalidInput: the body is no JSON of the right shape; the pointer says where.
    """
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        pointer, detail = located(str(error))
        # Within a free object, msgspec does not say which number is invalid.
        found = _not_finite(body) if "[...]" in str(error) else None
        raise InvalidInput.at(found or pointer, detail) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # The message of a UnicodeDecodeError would quote the body.
        wrong_bytes = isinstance(error, UnicodeDecodeError)
        reason = "wrong bytes" if wrong_bytes else str(error)
        raise InvalidInput.at(
            _not_finite(body) or "",
            f"the body is not JSON in UTF-8, uncompressed: {reason}",
        ) from error
    except RecursionError as error:
        raise InvalidInput.at("", "the body nests too deeply") from error


def _not_finite(body: bytes) -> str | None:
    """Return the pointer to a NaN, Infinity or 1e999 in a refused body, or None.

    The standard library's parser accepts them as numbers; JSON does not.
    """
    if len(body) > MAX_BODY_BYTES:
        return None
    try:
        return non_finite(json.loads(body))
    except (ValueError, RecursionError):
        return None


def _keys(pointer: str, listed: Sequence[str | Variant]) -> None:
    if len(listed) > MAX_VARIANTS:
        raise InvalidInput.at(
            pointer,
            f"the list has {len(listed)} entries; at most {MAX_VARIANTS} are allowed",
        )
    for index, entry in enumerate(listed):
        if isinstance(entry, str) and len(entry) > MAX_STRING_LENGTH:
            raise InvalidInput.at(
                f"{pointer}/{index}",
                f"the key has {len(entry)} characters; at most {MAX_STRING_LENGTH} are "
                "allowed",
            )


def milliseconds(at: datetime | None) -> int | None:
    """Return a time of a body in milliseconds since the epoch, or None."""
    return None if at is None else round(at.timestamp() * 1000)


def within_limit(pointer: str, items: list[T]) -> list[T]:
    """Return the entries of a batch.

    Raises:
        InvalidInput: they are more than 1,000.
    """
    if len(items) > MAX_BATCH_LENGTH:
        raise InvalidInput.at(
            pointer,
            f"the batch has {len(items)} entries; at most {MAX_BATCH_LENGTH} are "
            "allowed. Send the rest in another batch.",
        )
    return items


def item_body(item: msgspec.Raw) -> bytes:
    """Return one entry of a batch, which may be as large as a single body.

    Raises:
        TooLarge: the entry is larger.
    """
    body = bytes(item)
    if len(body) > MAX_BODY_BYTES:
        raise _too_large(len(body), MAX_BODY_BYTES)
    return body


def _too_large(length: int, limit: int) -> TooLarge:
    detail = f"the body has {length} bytes or more; at most {limit} are allowed"
    return TooLarge(detail, FieldError("", detail))

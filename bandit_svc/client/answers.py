"""What an answer or a failure of the transport says.

Owns the reading of JSON, of problems and of decisions. Every failure leaves here as a
BanditClientError, the only one that callers know.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from .decision import Decision
from .errors import BanditClientError, no_answer
from .transport.response import BadResponseError, Response

Json = dict[str, Any]

FIRST_REDIRECT = 300
FIRST_ERROR_STATUS = 400
LONGEST_DETAIL = 200


def encoded(body: object) -> bytes:
    """Return a body as JSON.

    Raises:
        BanditClientError: JSON has no word for something in it.
    """
    try:
        text = json.dumps(
            body, allow_nan=False, separators=(",", ":"), default=_plain_object
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise no_answer(
            "The request can't be written as JSON", str(error), "unwritable"
        ) from error
    return text.encode()


def _plain_object(value: object) -> Json:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} is no value of JSON")


def failure_of(error: Exception, limit_s: float) -> BanditClientError:
    """Return what callers are told of an error of the transport.

    Args:
        error: as it was raised.
        limit_s: of the whole call.
    """
    title = "The service did not answer"
    if isinstance(error, BanditClientError):
        return error
    if isinstance(error, TimeoutError):
        return no_answer(title, f"no answer within {limit_s:g} s", "timeout")
    if isinstance(error, OSError):
        return no_answer(title, f"{type(error).__name__}: {error}", "unreachable")
    if isinstance(error, BadResponseError):
        return no_answer("The answer is not one of HTTP", str(error), "bad_answer")
    return no_answer("The client failed", repr(error), "client_error")


def read_json(response: Response) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """Return the JSON of an answer, None of an empty body.

    Raises:
        BanditClientError: a status of 300 or more, or a body that is not JSON.
    """
    if response.status >= FIRST_REDIRECT:
        raise refusal(response)
    if not response.content:
        return None
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError) as error:
        raise BanditClientError(
            response.status,
            {"title": "The answer is not JSON", "detail": _start_of(response.content)},
            reason="bad_answer",
        ) from error


def refusal(response: Response) -> BanditClientError:
    """Return the problem of an answer; another server may have answered with none."""
    try:
        problem = json.loads(response.content)
    except (ValueError, RecursionError):
        problem = None
    if response.status < FIRST_ERROR_STATUS:
        detail = "the service is at another address; give that one as the url"
        problem = {"title": response.reason, "detail": detail}
    elif not isinstance(problem, dict):
        problem = {"title": response.reason, "detail": _start_of(response.content)}
    wait_s = _seconds(response.headers.get("retry-after", ""))
    return BanditClientError(response.status, problem, wait_s)


def read_decision(answer: object) -> Decision:
    """Return the decision of an answer.

    Raises:
        BanditClientError: it is none.
    """
    try:
        return Decision.from_answer(read_object(answer))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise no_answer(
            "The answer is not a decision", repr(error), "bad_answer"
        ) from error


def read_members(answer: object, name: str) -> list[Json]:
    """Return the list of an answer to a batch.

    Raises:
        BanditClientError: it has none.
    """
    members = read_object(answer).get(name)
    if not isinstance(members, list):
        raise no_answer(
            "The answer is not a batch", f"it has no list of {name}", "bad_answer"
        )
    return members


def read_object(answer: object) -> Json:
    """Return an answer that is a JSON object.

    Raises:
        BanditClientError: it is none.
    """
    if not isinstance(answer, dict):
        raise no_answer(
            "The answer is not a JSON object", type(answer).__name__, "bad_answer"
        )
    return answer


def _seconds(retry_after: str) -> float | None:
    """Return the seconds of a `Retry-After`, which may be a date."""
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        left = parsedate_to_datetime(retry_after) - datetime.now(UTC)
    except (ValueError, TypeError):
        return None
    return max(left.total_seconds(), 0.0)


def _start_of(content: bytes) -> str:
    return content[:LONGEST_DETAIL].decode(errors="replace")

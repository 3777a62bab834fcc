"""What `/openapi.json` says of answers that are no success.

Owns their descriptions and an example of each status, made by what makes real ones.
"""

from typing import Any

import msgspec

from bandit_svc.errors import (
    BanditError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    Unprocessable,
    UnsupportedEncoding,
)
from bandit_svc.http.doors.ofrep_failures import failure_of
from bandit_svc.http.doors.segment.failures import segment_failure
from bandit_svc.http.problems import Problem, problem_of

Json = dict[str, Any]

DESCRIPTIONS = {
    400: "The request is invalid; `errors` has a pointer to each invalid field.",
    401: "No valid key was sent.",
    403: "The key may not call this route.",
    404: "The route, experiment, decision, model or evaluation does not exist.",
    409: "The request contradicts what is stored.",
    413: "The body is too large.",
    415: "The body is compressed in another way than gzip; see `Accept-Encoding`.",
    422: "No variant is left to choose.",
    429: "A limit of requests a second that the operator has set; see `Retry-After`.",
    500: "An unexpected error; the service's log says where it occurred.",
    503: "The service can't answer durably now; `Retry-After` says when to try again.",
}
WITH_RETRY_AFTER = (429, 503)
"""The statuses whose answers have that header."""

_ERRORS: dict[int, BanditError] = {
    400: InvalidInput.at(
        "/context/hour", "hour is a list; a feature is a text, number, bool or null"
    ),
    401: Unauthenticated("no key was sent; send it as Authorization: Bearer KEY"),
    403: Forbidden("the key is publishable; this route needs a secret key"),
    404: NotFound(
        "there is no experiment 'homepage'; GET /v1/experiments lists those that exist"
    ),
    409: Conflict(
        "experiment 'homepage-hero' is paused; PATCH its status to running first"
    ),
    413: TooLarge("the body has 70000 bytes; the limit is 65536"),
    415: UnsupportedEncoding(
        "the body's Content-Encoding is br; send gzip, or no Content-Encoding"
    ),
    422: Unprocessable("every variant is excluded; leave one that can be shown"),
    429: TooManyRequests("more than 100 requests a second; wait for 1 second"),
    503: Unavailable("the log can't be written now; send the request again"),
}
_UNEXPECTED = Problem(
    type="about:blank",
    title="Internal error",
    status=500,
    detail="an unexpected error; the log of the service says where it occurred",
)


def example_of(status: int, failure: str) -> Json:
    """Return an example of what is answered with a status.

    Args:
        status: of the answer, 400 or above.
        failure: the name of its schema: a problem, or what a protocol of others has
            in its place.
    """
    error = _ERRORS.get(status)
    problem = _UNEXPECTED if error is None else problem_of(error)
    match failure:
        case "FlagEvaluationFailure":
            raised = error or BanditError(_UNEXPECTED.detail)
            return _plain(failure_of(raised, "homepage-hero"))
        case "SegmentFailure":
            return _plain(segment_failure(problem, error))
        case _:
            return _plain(problem)


def _plain(answer: object) -> Json:
    plain: Json = msgspec.to_builtins(answer)
    return plain

"""Errors in the form that the SDKs of Segment and RudderStack read.

Owns the fields that they look for beside those of a problem. Without them RudderStack's
takes a refusal for a broken connection, and sends the batch again and again.
"""

import msgspec
from flask import Blueprint, Response, g

from bandit_svc.errors import BanditError
from bandit_svc.http.answers import json_reply
from bandit_svc.http.problems import Problem, translated


class SegmentFailure(msgspec.Struct, omit_defaults=True):
    """Why nothing of a request was kept.

    Attributes:
        success: false.
        code: of the kind of error.
        message: a sentence.
        errors: a pointer to each invalid field, with a sentence.
    """

    success: bool
    code: str
    message: str
    errors: list[dict[str, str]] = []
    request_id: str = ""


def register(routes: Blueprint) -> None:
    """Answer every error of the routes so."""
    routes.register_error_handler(Exception, _answer)


def segment_failure(problem: Problem, error: Exception | None) -> SegmentFailure:
    """Return a problem as the SDKs read it; `error` is what was raised, if known."""
    return SegmentFailure(
        success=False,
        code=error.code if isinstance(error, BanditError) else "internal",
        message=problem.detail,
        errors=problem.errors,
        request_id=problem.request_id,
    )


def _answer(error: Exception) -> Response:
    problem, headers = translated(error)
    problem.request_id = g.get("request_id", "")
    failure = segment_failure(problem, error)
    return json_reply(failure, problem.status, headers).to_flask()

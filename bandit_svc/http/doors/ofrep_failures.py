"""Errors in the form of the OpenFeature Remote Evaluation Protocol (OFREP).

Owns the protocol's code of each error. The statuses are those of problems.py, but for
what the protocol knows as a bad request only.
"""

from flask import Blueprint, Response, request

from bandit_svc.errors import BanditError, InvalidInput, NotFound
from bandit_svc.http.answers import json_reply
from bandit_svc.http.doors.ofrep_bodies import (
    TARGETING_POINTER,
    ErrorCode,
    FlagEvaluationFailure,
)
from bandit_svc.http.problems import cut, translated

_BAD_REQUEST = 400
_NOTHING_LEFT = 422


def register(routes: Blueprint) -> None:
    """Answer every error of the routes as the protocol has it."""
    routes.register_error_handler(Exception, _answer)


def failure_of(error: BanditError, key: str) -> FlagEvaluationFailure:
    """Return why a flag was not evaluated.

    Args:
        error: what was raised.
        key: of the flag; empty where none was asked for.
    """
    return FlagEvaluationFailure(_code_of(error), cut(error.message), key)


def _answer(error: Exception) -> Response:
    problem, headers = translated(error)
    key = str((request.view_args or {}).get("key", ""))
    failure = FlagEvaluationFailure(_code_of(error), problem.detail, key)
    status = _BAD_REQUEST if problem.status == _NOTHING_LEFT else problem.status
    return json_reply(failure, status, headers).to_flask()


def _code_of(error: Exception) -> ErrorCode:
    match error:
        case NotFound():
            return "FLAG_NOT_FOUND"
        case InvalidInput(fields=[first, *_]) if type(error) is InvalidInput:
            if first.pointer == TARGETING_POINTER:
                return "TARGETING_KEY_MISSING"
            return "INVALID_CONTEXT" if first.pointer else "PARSE_ERROR"
        case _:
            return "GENERAL"

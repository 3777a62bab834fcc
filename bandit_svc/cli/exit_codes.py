"""Which error ends the command with which exit code.

Owns the twin of the table in http/problems.py: 0 done, 1 the thing asked for
failed, 2 wrong usage. Also the sentence that a person reads on stderr.
"""

import logging
import os
from collections.abc import Mapping

import click

from bandit_svc.client import BanditClientError
from bandit_svc.errors import BanditError, InvalidInput
from policies.base import PolicyError

DONE = 0
FAILED = 1
WRONG_USAGE = 2

# The nearest class of an error counts, so what is not named here is FAILED.
EXIT_CODES: Mapping[type[BaseException], int] = {
    InvalidInput: WRONG_USAGE,
    BanditError: FAILED,
    BanditClientError: FAILED,
    PolicyError: FAILED,
    OSError: FAILED,
}

_log = logging.getLogger(__name__)


class Refused(click.ClickException):
    """An error as click shows it: its sentence on stderr, then its exit code."""

    def __init__(self, error: Exception) -> None:
        super().__init__(sentence(error))
        # click declares it for the class, and reads it from the instance.
        vars(self)["exit_code"] = exit_code(error)


class Group(click.Group):
    """The root of the commands; no error leaves it as a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command, and translate what it raises."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort, click.ClickException):
            raise
        except Exception as error:
            if os.environ.get("BANDIT_LOG_LEVEL") == "debug":
                _log.exception("the command failed")
            raise Refused(error) from error


def exit_code(error: BaseException) -> int:
    """Return the exit code of an error, by its nearest class in the table."""
    codes = (EXIT_CODES[c] for c in type(error).__mro__ if c in EXIT_CODES)
    return next(codes, FAILED)


def sentence(error: Exception) -> str:
    """Return an error as text, each field at fault on a line with its pointer."""
    if isinstance(error, BanditError):
        lines = [f"{f.pointer or '/'}: {f.detail}" for f in error.fields]
        if len(lines) == 1 and error.fields[0].detail == error.message:
            return lines[0]
        return "\n  ".join([error.message_on("command"), *lines])
    if isinstance(error, BanditClientError | PolicyError | OSError):
        return str(error)
    return (
        f"{type(error).__name__}: {error}. This is a fault of bandit-svc; repeat with "
        "BANDIT_LOG_LEVEL=debug for where it happened, and report it."
    )

"""Waiting for what other threads and processes do.

Owns the only clock and the only pause of the tests. A limit ends a hang and is never
part of a claim, so it is generous: a machine at a load of 40 stays below it.
"""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

GENEROUS_S = 120.0
"""Seconds after which a wait is a hang."""
POLL_S = 0.02
LAST_CHARACTERS = 3000


def _no_output() -> str:
    return ""


def wait_until(
    condition: Callable[[], Found],
    what: str,
    *,
    output: Callable[[], str] = _no_output,
    limit_s: float = GENEROUS_S,
) -> Found:
    """Poll until a condition is true; return what it returned.

    Args:
        what: completes the sentence "waited 120 s to see …".
        output: printed text of the process that is waited for, for the error.
        limit_s: seconds before giving up.

    Raises:
        AssertionError: it was still false at the limit.
    """
    deadline_s = time.monotonic() + limit_s
    while not (found := condition()):
        if time.monotonic() > deadline_s:
            raise AssertionError(
                f"waited {limit_s:.0f} s to see {what}; last output:\n"
                f"{output()[-LAST_CHARACTERS:]}"
            )
        time.sleep(POLL_S)
    return found

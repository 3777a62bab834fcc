"""A function of a test in a forked process.

Owns the pipe through which the child tells what it returned, and its end: nothing of
the tests goes on in the child.
"""

import json
import os
from collections.abc import Callable
from typing import Any


def in_fork(act: Callable[[], object]) -> Any:
    """Return what a function returned in a child of this process.

    Raises:
        AssertionError: it raised there.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, json.dumps({"told": act()}).encode())
        except BaseException as error:  # noqa: BLE001 - told to the parent
            os.write(writing, json.dumps({"failed": repr(error)}).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = json.loads(pipe.read())
    os.waitpid(child, 0)
    assert "failed" not in answer, answer["failed"]
    return answer["told"]

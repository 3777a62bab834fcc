"""One thread for each of several processes that compute.

Owns the environment that the processes of a command inherit.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables that numpy's libraries read when a process loads them."""


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let the processes that are started within compute in one thread each.

    By default each would have as many as there are cores, which wait for each other
    where the processes together have more than that. A variable that is set stays.
    """
    added = [name for name in THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]

"""Coroutines of a test, in a loop of their own.

Owns the thread that runs it: in the thread of the tests Playwright has a loop that runs
for as long as a browser is open.
"""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Made = TypeVar("Made")


def in_own_loop(main: Coroutine[None, None, Made]) -> Made:
    """Return what a coroutine returns, or raise what it raises."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, main).result()
